"""clean: bronze -> silver. What a run touches is made anew from all that bronze holds of it (jobs/lake/touched.py)."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.clean import bots, dimensions, missing, outliers, refunds, sessions, text
from jobs.clean import rules as cleaning
from jobs.clean.rules import Rules
from jobs.lake import delta, touched
from jobs.lake.engine import frames
from jobs.lake.touched import Touched
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.spec import Source
from jobs.tables import (
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    LOADS,
    MISSING_VALUES,
    QUARANTINE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_REFUNDS,
    SILVER_USERS,
    Table,
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
    # What is computed gets its type before it stands beside what is known: the wider type of both is dear.
    computed = (F.col("price") * F.col("pieces") - discount).cast("decimal(18,2)")
    amount = F.abs(F.coalesce(F.col("amount"), computed)).cast("decimal(18,2)")
    list_amount = (F.col("received") + discount).cast("decimal(18,2)")
    a_piece = F.when(F.col("pieces") > 0, (F.col("list_amount") / F.col("pieces")).cast("decimal(18,4)"))
    return (
        events.withColumns({"pieces": quantity, "event_type": kind})
        .withColumn("received", F.when(money, F.coalesce(amount, F.lit(0).cast("decimal(18,2)"))))
        .withColumn("list_amount", F.when(money, list_amount))
        .withColumn("price", F.coalesce(F.col("price"), a_piece).cast("decimal(18,4)"))
        .withColumn("reason", F.when(nothing, F.lit("nothing_bought: a purchase of 0 pieces for no money"))
                    .when(F.col("price") < 0, F.lit("negative_price")))
        .withColumns({"quantity": F.col("pieces"), "amount": F.col("received"), "discount": F.when(money, discount)})
        .drop("pieces", "received")
    )  # fmt: skip


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


def near(bronze: DataFrame, what: Touched) -> DataFrame:
    """The rows that `with_context` chooses from: whole days and the days before them, and of other days those of the
    touched users and of the day before. By one look-up of a number a row, before anything is asked of it.
    """
    eves = [day - touched.ONE for day in what.days]
    rows = bronze.where(delta.ds_list(sorted({*what.days, *eves})))
    if what.users is None:
        return rows
    both = what.users.unionByName(what.users.withColumn("ds", F.date_sub("ds", 1)))
    names = both.select(F.xxhash64("user_id", "ds").alias("name"), F.lit(True).alias("near")).distinct()
    whole = F.expr(delta.ds_list(sorted({*what.whole, *(day - touched.ONE for day in what.whole)})))
    named = rows.withColumn("name", F.xxhash64("user_id", "ds")).join(F.broadcast(names), "name", "left")
    return named.where(whole | F.col("near")).drop("name", "near")


def with_context(bronze: DataFrame, what: Touched) -> DataFrame:
    """The rows of `bronze` (with session_day and reaches_on) that are touched, `target`, and those of the day before
    whose session day reaches into a touched one: without them a session that runs past midnight would be cut.
    """
    eves = [day - touched.ONE for day in what.whole]
    rows = bronze.where(delta.ds_list(sorted({*what.days, *(day - touched.ONE for day in what.days)})))
    whole, context = F.expr(delta.ds_list(what.whole)), F.col("reaches_on") & F.expr(delta.ds_list(eves))
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
    target = F.expr(what.rows) if what.rows else whole | F.coalesce("mark", F.lit(False))
    wanted = target | context | (F.col("reaches_on") & F.col("mark").isNotNull())
    return rows.withColumn("target", target).where(wanted).drop("mark")


def _pieces(spark: SparkSession, s: Settings, what: Touched) -> tuple[int, int]:
    """How many files the touched days make, and in how many pieces a day is shuffled, by what was loaded."""
    landed = f"kind = 'events' AND landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}'"
    events = delta.rows(s.warehouse, LOADS, landed, "sum(loaded) AS loaded")[0]["loaded"] or 0
    files = max(int(spark.conf.get("spark.sql.shuffle.partitions")) // 2, -(-events // EVENTS_A_FILE))
    return files, -(-8 * files // (len(what.days) + 1))


def purchase_lines(bronze: DataFrame, facts: DataFrame, what: Touched) -> DataFrame:
    """The lines by which outliers are measured: of the touched days whole, also where single users' are made anew."""
    bought = bronze.where(what.where).where("event_type = 'purchase' AND landed_ds <= ds")
    lines = with_product_facts(correct(bought).where("reason IS NULL"), facts)
    return lines.select("ds", "landed_ds", "event_type", "product_id", "category", "price", "quantity")


def build(
    bronze: DataFrame, facts: DataFrame, lines: DataFrame, what: Touched, rules: Rules, shops: list[Source],
    pieces: tuple[int, int],
) -> tuple[DataFrame, list[DataFrame]]:  # fmt: skip
    """The rows of silver.events that are touched, less the stamp, by one shuffle by user and day and one sort; and
    the frames that they are made of and that are kept until those are written.

    `bronze` are rows of bronze.events, `facts` of `dimensions.described`, `lines` of `purchase_lines`; `pieces` see
    `sessions.spread`.
    """
    mapped = {name for shop in shops for name in shop.events.fields}
    clocked = sessions.with_clock(near(bronze, what), {shop.name: shop.shop_zone for shop in shops})
    rows = with_context(clocked, what)
    # Single users' rows are few, found among six weeks of them, and asked for often; a history is cheap to read again.
    found = [frames.kept(rows)] if len(what.others) > len(what.whole) else []
    good = correct(rows).where("reason IS NULL")
    acts = frames.kept(bots.acts(good))  # asked for the agents, then for the bots
    known = text.devices(acts)
    good = bots.mark(text.with_device(good, known), bots.bot_days(good, text.with_device(acts, known), rules.bots))
    good = outliers.winsorise(with_product_facts(good, facts), lines, rules.outliers)
    events = sessions.sessionise(sessions.spread(good, *pieces), "session_id" in mapped).where("target")
    names = {"event_id": F.concat_ws(":", "source", "event_id"), "query": text.normalised_query(F.col("query"))}
    return events.withColumns(names), [acts, *found]


def _facts(spark: SparkSession, s: Settings, bronze: Table, silver: Table) -> tuple[DataFrame, DataFrame]:
    """(facts of the newest records, rows of the silver table): a night reads the records of its own days."""
    key, read = (
        ("user_id", dimensions.user_facts) if bronze is BRONZE_USERS else ("product_id", dimensions.product_facts)
    )
    records, previous = delta.read_or_empty(spark, s.warehouse, bronze), delta.read_or_empty(spark, s.warehouse, silver)
    if s.since != s.ds or not delta.exists(s.warehouse, silver):
        return read(records), previous
    fresh = read(records.where(delta.ds_range(s.since, s.ds, "landed_ds")))
    return dimensions.newer(fresh, previous, key), previous


def _put_refunds(spark: SparkSession, s: Settings, what: Touched, rules: Rules) -> None:
    """Match the refunds of the touched days anew, and those after them that may give back what was bought there."""
    reach = timedelta(days=rules.refunds.days)
    first, last = min(what.days), max(what.days) + reach
    silver = delta.read(spark, s.warehouse, SILVER_EVENTS).where(delta.ds_range(first - reach, last))
    # The stack of a product needs the refunds before the days that are written as well. Few rows, each asked for often.
    every = frames.kept(silver.where("event_type = 'refund'").select(*refunds.READS))
    if every.where(delta.ds_range(first, last)).isEmpty():
        # A shop without refunds has the table too, and pays no match for it.
        delta.replace_rows([], s.warehouse, SILVER_REFUNDS, delta.ds_range(first, last))
        frames.free(every)
        return
    bought = silver.where("event_type = 'purchase'").select(*refunds.READS)
    bought = frames.kept(refunds.returned(bought, every))
    matched = refunds.match(every, bought, rules.refunds.days).where(delta.ds_range(first, last))
    matched = matched.withColumn("run_id", F.lit(s.run_id)).coalesce(1)
    delta.replace_where(matched, s.warehouse, SILVER_REFUNDS, delta.ds_range(first, last))
    frames.free(every)
    frames.free(bought)


def run(spark: SparkSession, s: Settings) -> str:
    """Make the touched days of silver.events anew, and the current users and products."""
    what, rules, stamp = touched.touched(spark, s), cleaning.load_rules(), {"run_id": F.lit(s.run_id)}
    bronze = delta.read(spark, s.warehouse, BRONZE_EVENTS).drop("attributes", "run_id", "ingested_at")
    shops = [spec.load(row["source"]) for row in delta.rows(s.warehouse, LOADS, "kind = 'events'", "DISTINCT source")]
    facts, products = _facts(spark, s, BRONZE_PRODUCTS, SILVER_PRODUCTS)
    facts = frames.kept(
        dimensions.described(facts, products, rules.titles)
    )  # read twice, and a title is read in Python
    small = F.broadcast(facts) if facts.count() < MOST_TO_BROADCAST else facts
    lines = frames.kept(purchase_lines(bronze, small, what))
    cleaned, kept = build(bronze, small, lines, what, rules, shops, _pieces(spark, s, what))
    touched.put(cleaned.withColumns(stamp), spark, s, SILVER_EVENTS, what)
    for frame in (*kept, lines):
        frames.free(frame)
    # Of the whole days: a refused record of one user is not told apart in the quarantine.
    refused = refused_rows(correct(bronze.where(what.where)).where("reason IS NOT NULL")).withColumns(stamp)
    refusals = f"kind = 'events' AND stage = 'clean' AND {what.where}"
    delta.replace_where(refused, s.warehouse, QUARANTINE, refusals)

    clean = delta.read(spark, s.warehouse, SILVER_EVENTS).where(what.where)
    written = what.of(clean).where(F.col("run_id") == s.run_id)  # whose files are found by their statistics
    delta.overwrite(dimensions.current_products(facts, products, written), s.warehouse, SILVER_PRODUCTS)
    frames.free(facts)
    delta.overwrite(
        dimensions.current_users(*_facts(spark, s, BRONZE_USERS, SILVER_USERS), written), s.warehouse, SILVER_USERS
    )
    _put_refunds(spark, s, what, rules)
    of_columns = rules.missing[SILVER_EVENTS.full_name]
    counted = missing.counts(clean, SILVER_EVENTS, of_columns).collect()
    gaps = [row | {"run_id": s.run_id} for row in missing.shares(counted, SILVER_EVENTS, of_columns)]
    delta.replace_rows(gaps, s.warehouse, MISSING_VALUES, what.where)

    late = f"; single users on {len(what.others)} more days" if what.others else ""
    events = sum(row["all"] for row in counted)
    return (
        f"{len(what.whole)} days: {events:,} events, {delta.count(s.warehouse, QUARANTINE, refusals):,} refused{late}"
    )
