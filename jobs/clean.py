"""clean: bronze -> silver. What a run touches is made anew from all that bronze holds of it (jobs/days.py)."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import days, io, sessions, sources
from jobs.days import Touched
from jobs.settings import Settings
from jobs.tables import (
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    LOADS,
    QUARANTINE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
)

EVENTS_A_FILE = 1_000_000
MOST_TO_BROADCAST = 1_000_000  # products


def correct(events: DataFrame) -> DataFrame:
    """One row an event of bronze, with quantity, price, amount, discount made whole, and `reason` (null = kept).

    A negative quantity or amount is a refund, kept as a positive amount. A purchase without a quantity, or of 0 pieces
    for money, is one piece. A purchase of 0 pieces for no money bought nothing and is refused (a coupon line).
    """
    money = F.col("event_type").isin("purchase", "refund")
    negative = F.coalesce(F.col("quantity") < 0, F.lit(False)) | F.coalesce(F.col("amount") < 0, F.lit(False))
    discount = F.coalesce(F.col("discount"), F.lit(0)).cast("decimal(18,2)")
    nothing = (
        money
        & (F.coalesce(F.col("quantity"), F.lit(1)) == 0)
        & (F.coalesce(F.col("amount"), F.lit(0)) == 0)
    )  # fmt: skip
    kind = F.when(money & negative, "refund").otherwise(F.col("event_type"))
    quantity = F.abs(F.when(money & (F.coalesce("quantity", F.lit(0)) == 0), F.lit(1)).otherwise(F.col("quantity")))
    amount = F.abs(F.coalesce(F.col("amount"), F.col("price") * F.col("pieces") - discount)).cast("decimal(18,2)")
    list_amount = (F.col("received") + discount).cast("decimal(18,2)")
    price = F.coalesce(F.col("price"), F.when(F.col("pieces") > 0, F.col("list_amount") / F.col("pieces")))
    return (
        events.withColumns({"pieces": quantity, "event_type": kind})
        .withColumn("received", F.when(money, F.coalesce(amount, F.lit(0).cast("decimal(18,2)"))))
        .withColumn("list_amount", F.when(money, list_amount))
        .withColumn("price", price.cast("decimal(18,4)"))
        .withColumn("reason", F.when(nothing, F.lit("nothing_bought: a purchase of 0 pieces for no money"))
                    .when(F.col("price") < 0, F.lit("negative_price")))
        .withColumns({"quantity": F.col("pieces"), "amount": F.col("received"), "discount": F.when(money, discount)})
        .drop("pieces", "received")
    )  # fmt: skip


def product_facts(records: DataFrame) -> DataFrame:
    """One row a product with a record: what its newest record says."""
    newest = records.groupBy(F.col("id").alias("product_id")).agg(
        F.max_by("attributes", F.struct("landed_ds", "source_file", F.to_json("attributes"))).alias("facts")
    )
    path = F.from_json(F.col("facts").getItem("category_path"), "array<string>")
    return newest.select(
        "product_id",
        F.col("facts").getItem("title").alias("title"),
        path.alias("category_path"),
        F.coalesce(F.get(path, F.lit(1)), F.get(path, F.lit(0))).alias("category"),
        F.get(path, F.lit(0)).alias("department"),
        F.col("facts").getItem("brand").alias("brand"),
        F.map_filter("facts", lambda key, _: ~key.isin(*sources.PRODUCT_FIELDS)).alias("attributes"),
        F.lit(True).alias("has_record"),
    )


def current_products(facts: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a product: its facts, and the list price of its newest sale in any order of runs.

    `facts` are rows of `product_facts`, `previous` of silver.products, `events` of silver.events.
    """
    sold = events.where("product_id IS NOT NULL").select(
        "product_id", F.col("price").alias("usual_price"), F.col("event_time").alias("price_seen_at")
    )
    seen = previous.select("product_id", "usual_price", "price_seen_at").unionByName(sold)
    priced = F.col("usual_price").isNotNull()
    prices = seen.groupBy("product_id").agg(
        F.max(F.when(priced, F.struct("price_seen_at", "usual_price"))).alias("newest")
    )
    return facts.join(prices, "product_id", "full").select(
        "product_id", "title", "category_path", "category", "department", "brand",
        "newest.usual_price", "newest.price_seen_at",
        F.coalesce("attributes", F.create_map().cast("map<string,string>")).alias("attributes"),
        F.coalesce("has_record", F.lit(False)).alias("has_record"),
    )  # fmt: skip


def current_users(records: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a user with a record or an event: the newest record's facts, and the day of the first event."""
    newest = records.groupBy(F.col("id").alias("user_id")).agg(
        F.max_by("attributes", F.struct("landed_ds", "source_file", F.to_json("attributes"))).alias("facts")
    )
    seen = (
        previous.select("user_id", "first_seen_ds")
        .unionByName(events.select("user_id", F.col("ds").alias("first_seen_ds")))
        .groupBy("user_id")
        .agg(F.min("first_seen_ds").alias("first_seen_ds"))
    )
    texts = [name for name in sources.USER_FIELDS if name != "marketing_consent"]
    return newest.join(seen, "user_id", "full").select(
        "user_id",
        *[F.col("facts").getItem(name).alias(name) for name in texts],
        F.col("facts").getItem("marketing_consent").try_cast("boolean").alias("marketing_consent"),
        F.map_filter("facts", lambda key, _: ~key.isin(*sources.USER_FIELDS)).alias("attributes"),
        "first_seen_ds",
        F.col("facts").isNotNull().alias("has_record"),
    )


def with_product_facts(events: DataFrame, facts: DataFrame) -> DataFrame:
    """`events` with category, department, brand of their product; null where it is unknown."""
    return events.join(facts.select("product_id", "category", "department", "brand"), "product_id", "left")


def refused_rows(refused: DataFrame) -> DataFrame:
    """The refused events as rows of ops.quarantine, less source stamps of the run."""
    shown = ["event_id", "user_id", "event_time", "event_type", "product_id", "quantity", "price", "amount", "discount"]
    return refused.select(
        "source", F.lit("events").alias("kind"), F.lit("clean").alias("stage"), "ds", "source_file",
        F.to_json(F.struct(*shown)).alias("raw"), "reason",
    )  # fmt: skip


def with_context(bronze: DataFrame, what: Touched) -> DataFrame:
    """The rows of `bronze` (with session_day and reaches_on) that are touched, `target`, and those of the day before
    whose session day reaches into a touched one: without them a session that runs past midnight would be cut.
    """
    eves = [day - days.ONE for day in what.whole]
    rows = bronze.where(io.ds_list(sorted({*what.days, *(day - days.ONE for day in what.days)})))
    whole, context = F.expr(io.ds_list(what.whole)), F.col("reaches_on") & F.expr(io.ds_list(eves))
    if what.users is None:
        return rows.withColumn("target", whole).where(whole | context)
    eve = what.users.select("user_id", F.date_sub("ds", 1).alias("ds"), F.lit(False).alias("mark"))
    marks = (
        what.users.withColumn("mark", F.lit(True))
        .unionByName(eve)
        .groupBy("user_id", "ds")
        .agg(F.max("mark").alias("mark"))
    )
    rows = rows.join(F.broadcast(marks), ["user_id", "ds"], "left")
    target = whole | F.coalesce("mark", F.lit(False))
    wanted = target | context | (F.col("reaches_on") & F.col("mark").isNotNull())
    return rows.withColumn("target", target).where(wanted).drop("mark")


def _pieces(spark: SparkSession, s: Settings, what: Touched) -> tuple[int, int]:
    """How many files the touched days make, and in how many pieces a day is shuffled, by what was loaded."""
    landed = f"kind = 'events' AND landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}'"
    events = io.rows(s.warehouse, LOADS, landed, "sum(loaded) AS loaded")[0]["loaded"] or 0
    files = max(int(spark.conf.get("spark.sql.shuffle.partitions")) // 2, -(-events // EVENTS_A_FILE))
    return files, -(-8 * files // (len(what.days) + 1))


def run(spark: SparkSession, s: Settings) -> str:
    """Make the touched days of silver.events anew, and the current users and products."""
    what, stamp = days.touched(spark, s), {"run_id": F.lit(s.run_id)}
    bronze = io.read(spark, s.warehouse, BRONZE_EVENTS).drop("attributes", "run_id", "ingested_at")
    shops = [sources.load(row["source"]) for row in io.rows(s.warehouse, LOADS, "kind = 'events'", "DISTINCT source")]
    zones = {shop.name: shop.shop_zone for shop in shops}
    facts = product_facts(io.read_or_empty(spark, s.warehouse, BRONZE_PRODUCTS)).persist()
    few = facts.count() < MOST_TO_BROADCAST

    corrected = correct(with_context(sessions.with_clock(bronze, zones), what))
    good = corrected.where("reason IS NULL")
    good = with_product_facts(good, F.broadcast(facts) if few else facts)
    good = sessions.spread(good, *_pieces(spark, s, what))
    events = sessions.sessionise(good, any("session_id" in shop.events.fields for shop in shops)).where("target")
    events = events.withColumn("event_id", F.concat_ws(":", "source", "event_id")).withColumn("query", F.trim("query"))
    days.put(events.withColumns(stamp), spark, s, SILVER_EVENTS, what)
    # Of the whole days: a refused record of one user is not told apart in the quarantine.
    refused = refused_rows(correct(bronze.where(what.where)).where("reason IS NOT NULL")).withColumns(stamp)
    io.replace_where(refused, s.warehouse, QUARANTINE, f"kind = 'events' AND stage = 'clean' AND {what.where}")

    clean = io.read(spark, s.warehouse, SILVER_EVENTS).where(what.where)
    products = current_products(facts, io.read_or_empty(spark, s.warehouse, SILVER_PRODUCTS), clean)
    io.overwrite(products, s.warehouse, SILVER_PRODUCTS)
    records = io.read_or_empty(spark, s.warehouse, BRONZE_USERS)
    users = current_users(records, io.read_or_empty(spark, s.warehouse, SILVER_USERS), clean)
    io.overwrite(users, s.warehouse, SILVER_USERS)
    facts.unpersist()

    quarantine = io.read(spark, s.warehouse, QUARANTINE).where(f"kind = 'events' AND stage = 'clean' AND {what.where}")
    late = (
        "" if what.users is None else f"; {what.users.count():,} days of single users on {len(what.others)} more days"
    )
    return f"{len(what.whole)} days: {clean.count():,} events, {quarantine.count():,} refused{late}"
