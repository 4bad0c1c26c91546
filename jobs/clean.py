"""clean: bronze -> silver. Every affected day is rebuilt from all that bronze holds of it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs import bots, cleaning, days, io, outliers, sources, text, titles
from jobs.settings import Settings
from jobs.tables import (
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    QUARANTINE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
)

SESSION_GAP_SECONDS = 30 * 60


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


def sessionise(events: DataFrame) -> DataFrame:
    """`events` with session_id filled: the source's own, else `user@start`, a new one after 30 minutes of silence.

    Within a day: a session that crosses midnight is two, so that a day can be rebuilt alone. Only events without a
    session of their own are sorted.
    """
    alone = events.where("session_id IS NULL")
    order = Window.partitionBy("user_id", "ds").orderBy("event_time", "event_id")
    silence = F.unix_timestamp("event_time") - F.unix_timestamp(F.lag("event_time").over(order))
    starts = F.coalesce(silence > SESSION_GAP_SECONDS, F.lit(True))
    alone = alone.withColumn("starts", F.when(starts, F.unix_timestamp("event_time")))
    start = F.max("starts").over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    alone = alone.withColumn("session_id", F.concat_ws("@", "user_id", start.cast("string"))).drop("starts")
    return events.where("session_id IS NOT NULL").unionByName(alone)


def local_clock(events: DataFrame, zones: dict[str, str]) -> DataFrame:
    """`events` with local_hour (0-23) and local_weekday (1 = Monday) at the shop of the event's source."""
    local: Column = F.col("event_time")
    for source, zone in sorted(zones.items()):
        local = F.when(F.col("source") == source, F.from_utc_timestamp("event_time", zone)).otherwise(local)
    return events.withColumns({"local_hour": F.hour(local), "local_weekday": F.weekday(local) + 1})


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


def described(facts: DataFrame, previous: DataFrame, rules: cleaning.Titles) -> DataFrame:
    """`facts` (rows of `product_facts`) with what their titles say; `previous` are rows of silver.products."""
    return titles.with_brands(titles.with_title_facts(facts, previous), rules)


def current_products(facts: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a product: its facts, and the list price of its newest sale in any order of runs.

    `facts` are rows of `described`, `previous` of silver.products, `events` of silver.events.
    """
    sold = events.where("product_id IS NOT NULL AND event_type != 'refund'").select(
        "product_id", F.col("price").alias("usual_price"), F.col("event_time").alias("price_seen_at")
    )
    seen = previous.select("product_id", "usual_price", "price_seen_at").unionByName(sold)
    priced = F.col("usual_price").isNotNull()
    prices = seen.groupBy("product_id").agg(
        F.max(F.when(priced, F.struct("price_seen_at", "usual_price"))).alias("newest")
    )
    return facts.join(prices, "product_id", "full").select(
        "product_id", "title", "category_path", "category", "department", "brand",
        "brand_source", "title_tokens", "title_attributes", "newest.usual_price", "newest.price_seen_at",
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


def run(spark: SparkSession, s: Settings) -> str:
    """Rebuild the affected days of silver.events, and the current users and products."""
    touched = days.affected(spark, s)
    where, stamp = io.ds_list(touched), {"run_id": F.lit(s.run_id)}
    bronze = io.read(spark, s.warehouse, BRONZE_EVENTS).where(where).drop("attributes", "run_id", "ingested_at")
    corrected = correct(bronze)
    rules = cleaning.load_rules()
    known = io.read_or_empty(spark, s.warehouse, SILVER_PRODUCTS)
    # Read twice below, and a title is read in Python.
    facts = described(
        product_facts(io.read_or_empty(spark, s.warehouse, BRONZE_PRODUCTS)), known, rules.titles
    ).persist()

    zones = {r["source"]: sources.load(r["source"]).shop_zone for r in bronze.select("source").distinct().collect()}
    events = with_product_facts(text.with_device(corrected.where("reason IS NULL")), facts)
    events = local_clock(sessionise(outliers.winsorise(events, events, rules.outliers)), zones)
    events = events.withColumns(
        {"event_id": F.concat_ws(":", "source", "event_id"), "query": text.normalised_query(F.col("query"))}
    )
    events = bots.mark(events, Window.partitionBy("ds", "user_id").orderBy("event_time", "event_id"), rules.bots)
    io.replace_where(events.withColumns(stamp), s.warehouse, SILVER_EVENTS, where)
    refused = refused_rows(corrected.where("reason IS NOT NULL")).withColumns(stamp)
    io.replace_where(refused, s.warehouse, QUARANTINE, f"kind = 'events' AND stage = 'clean' AND {where}")

    clean = io.read(spark, s.warehouse, SILVER_EVENTS).where(where)
    io.overwrite(current_products(facts, known, clean), s.warehouse, SILVER_PRODUCTS)
    facts.unpersist()
    records = io.read_or_empty(spark, s.warehouse, BRONZE_USERS)
    users = current_users(records, io.read_or_empty(spark, s.warehouse, SILVER_USERS), clean)
    io.overwrite(users, s.warehouse, SILVER_USERS)

    quarantine = io.read(spark, s.warehouse, QUARANTINE).where(f"kind = 'events' AND stage = 'clean' AND {where}")
    late = [day for day in touched if day < s.since]
    return (
        f"{len(touched)} days ({len(late)} of late records): {clean.count():,} events, {quarantine.count():,} refused"
    )
