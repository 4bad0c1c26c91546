"""clean: bronze -> silver. What a run touches is made anew from all that bronze holds of it (jobs/lake/touched.py)."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.clean import (
    amounts,
    balance,
    bots,
    context,
    devices,
    dimensions,
    missing,
    outliers,
    queries,
    refunds,
    sessions,
)
from jobs.clean.rules import Rules, load_rules
from jobs.clock import Clock
from jobs.lake import deliveries, delta, touched, turns
from jobs.lake.engine import frames
from jobs.lake.touched import Touched
from jobs.settings import Settings
from jobs.sources import shops
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


@turns.one_at_a_time("silver")
def run(spark: SparkSession, s: Settings, held: list[Source] | None = None) -> str:
    """Make the touched days of silver.events anew, and the current users and products. `held` are the sources of the
    warehouse's events; who gives them answers for it that their days are the shops'.
    """
    scope, rules, delivered = touched.touched(spark, s), load_rules(), delta.version(s.warehouse, BRONZE_EVENTS)
    facts, products, may_lack = _product_facts(spark, s)
    # Read twice, and a title is read in Python.
    facts = frames.kept(dimensions.described(facts, products, rules.titles))
    bronze = delta.read(spark, s.warehouse, BRONZE_EVENTS, delivered)
    before = _before(s, scope)
    refusals, written = _put_events(spark, s, scope, rules, bronze, facts, held or shops.held(s.warehouse), delivered)

    written = written.where(F.col("run_id") == s.run_id)  # whose files are found by their statistics
    gone = _unnamed(spark, s, scope, before, written)
    # A range looks at every product, a night at those that its files or its days may have lost.
    lost = [gone] if gone is not None else []
    if may_lack:
        lost.append((products.where("has_record") if s.since == s.ds else products).select("product_id"))
    if lost:
        products = _still_known(products, facts, delta.read(spark, s.warehouse, SILVER_EVENTS), frames.union(lost))
    delta.overwrite(dimensions.current_products(facts, products, written), s.warehouse, SILVER_PRODUCTS)
    frames.free(facts)
    _put_users(spark, s, written)
    _put_refunds(spark, s, scope, rules)
    counted = _put_missing(spark, s, scope, rules)
    balance.put(spark, s, scope, delivered)

    late = f"; single users on {len(scope.others)} more days" if scope.others else ""
    events = sum(row["all"] for row in counted)
    return (
        f"{len(scope.whole)} days: {events:,} events, {delta.count(s.warehouse, QUARANTINE, refusals):,} refused{late}"
    )


def build(
    near: DataFrame, facts: DataFrame, lines: DataFrame, scope: Touched, rules: Rules, held: list[Source],
    pieces: tuple[int, int],
) -> tuple[DataFrame, list[DataFrame]]:  # fmt: skip
    """The rows of silver.events that are touched, less the stamp, by one shuffle by user and day and one sort; and
    the frames that they are made of and that are kept until those are written.

    `near` are the rows of `context.near`, of the sources `held`, `facts` of `dimensions.described`, `lines` of
    `purchase_lines`; `pieces` see `sessions.spread`.
    """
    clocks = {shop.name: Clock(shop.shop_zone, min(scope.days) - touched.ONE, max(scope.days)) for shop in held}
    rows = context.with_context(sessions.with_clock(near, clocks), scope)
    # Single users' rows are few, found among six weeks of them, and asked for often; a history is cheap to read again.
    kept = []
    if len(scope.others) > len(scope.whole):
        kept.append(rows := frames.kept(rows))
    good = amounts.correct(rows).where("reason IS NULL")
    acts = frames.kept(bots.acts(good))  # asked for the agents, then for the bots
    known = frames.once(devices.by_agent(acts))
    bot_days = frames.once(bots.bot_days(good, devices.with_device(acts, known), rules.bots))
    good = bots.mark(devices.with_device(good, known), bot_days)
    good = outliers.winsorise(with_product_facts(good, facts), lines, rules.outliers)
    events = sessions.sessionise(sessions.spread(good, *pieces)).where("target")
    names = {"event_id": F.concat_ws(":", "source", "event_id"), "query": queries.normalised_query(F.col("query"))}
    return events.withColumns(names), [acts, *kept]


def purchase_lines(corrected: DataFrame, facts: DataFrame) -> DataFrame:
    """The lines by which outliers are measured, of rows of `amounts.correct` of whole days: the purchases that are kept
    and did not come late.
    """
    bought = corrected.where("event_type = 'purchase' AND landed_ds <= ds AND reason IS NULL")
    lines = with_product_facts(bought, facts)
    return lines.select("ds", "landed_ds", "event_type", "product_id", "category", "price", "quantity")


def with_product_facts(events: DataFrame, facts: DataFrame) -> DataFrame:
    """`events` with category, department, brand of their product; null where it is unknown."""
    return events.join(facts.select("product_id", "category", "department", "brand"), "product_id", "left")


def _put_events(
    spark: SparkSession, s: Settings, scope: Touched, rules: Rules, bronze: DataFrame, facts: DataFrame,
    held: list[Source], delivered: int | None,
) -> tuple[str, DataFrame]:  # fmt: skip
    """Write the touched rows of silver.events and what was refused of their days; a predicate of the refused rows, and
    the rows that were written.
    """
    stamp = {"run_id": F.lit(s.run_id)}
    bronze = bronze.drop("attributes", "run_id", "ingested_at")
    small = F.broadcast(facts) if facts.count() < MOST_TO_BROADCAST else facts
    # Of the whole days, also where single users' are made anew: outliers are measured by everybody's lines, and a
    # refused record of one user is not told apart in the quarantine. `build` corrects the few rows that it reads.
    theirs = bronze.where(scope.where)
    lines = frames.kept(purchase_lines(amounts.correct(theirs.where("event_type = 'purchase'")), small))
    near, pieces = _near(spark, s, scope, bronze, delivered), _pieces(spark, s, scope)
    events, kept = build(near, small, lines, scope, rules, held, pieces)
    written = touched.put(events.withColumns(stamp), spark, s, SILVER_EVENTS, scope)
    for frame in (*kept, lines):
        frames.free(frame)
    if scope.others:  # few columns of weeks tell which of their days have any
        theirs = theirs.where(delta.ds_list(_days_of(_refused(theirs.select("ds", *amounts.READS)))))
    refused = amounts.refused_rows(_refused(theirs)).withColumns(stamp)
    refusals = f"kind = 'events' AND stage = 'clean' AND {scope.where}"
    delta.replace_where(refused, s.warehouse, QUARANTINE, refusals)
    return refusals, written


def _near(spark: SparkSession, s: Settings, scope: Touched, bronze: DataFrame, delivered: int | None) -> DataFrame:
    """The rows of `bronze`, which is bronze.events in the version `delivered`, that the run looks at."""
    if scope.named is None:
        return context.near(bronze, scope)
    days = delta.ds_list(context.single_days(scope))
    singles = touched.of_users(spark, s, BRONZE_EVENTS, scope.users, days, bronze.columns, delivered)
    return context.near(bronze, scope, singles)


def _refused(bronze: DataFrame) -> DataFrame:
    """The rows of bronze.events of which no whole event can be made, with their reason."""
    return amounts.correct(bronze).where("reason IS NOT NULL")


def _days_of(rows: DataFrame) -> list[date]:
    return [row["ds"] for row in rows.select("ds").distinct().collect()]


def _pieces(spark: SparkSession, s: Settings, scope: Touched) -> tuple[int, int]:
    """How many files the touched days make, and in how many pieces a week is shuffled, by what was loaded."""
    landed = f"kind = 'events' AND landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}'"
    events = delta.rows(s.warehouse, LOADS, landed, "sum(loaded) AS loaded")[0]["loaded"] or 0
    files = max(int(spark.conf.get("spark.sql.shuffle.partitions")) // 2, -(-events // EVENTS_A_FILE))
    return files, -(-8 * files // (len(scope.days) // 7 + 1))


def _records(spark: SparkSession, s: Settings, bronze: Table, silver: Table) -> tuple[DataFrame, DataFrame, bool]:
    """(records, rows of the silver table, whether all records are read): a night reads those of its own days."""
    records, previous = delta.read_or_empty(spark, s.warehouse, bronze), delta.read_or_empty(spark, s.warehouse, silver)
    if s.since != s.ds or not delta.exists(s.warehouse, silver):
        return records, previous, True
    return records.where(deliveries.delivered(s, bronze.name)), previous, False


def _files(s: Settings, kind: str) -> list[str]:
    """The files of a kind that the run's nights loaded, by name; a table of a database, which has a state a night, is
    none.
    """
    return _loaded(s, kind, "source_file")


def _days(s: Settings, kind: str) -> list[date]:
    """The days of the same files."""
    return _loaded(s, kind, "landed_ds")


def _loaded(s: Settings, kind: str, column: str) -> list:
    days = ["landed_ds", "night"] if delta.has_column(s.warehouse, LOADS, "night") else ["landed_ds"]
    tonight = " OR ".join(f"({day} >= '{s.since}' AND {day} <= '{s.ds}')" for day in days)
    loaded = f"kind = '{kind}' AND size IS NOT NULL AND ({tonight})"
    return [row[column] for row in delta.rows(s.warehouse, LOADS, loaded, f"DISTINCT {column}")]


def _product_facts(spark: SparkSession, s: Settings) -> tuple[DataFrame, DataFrame, bool]:
    """(facts of the newest records, rows of silver.products, whether some of these may have no record any more)."""
    records, previous, all_of_them = _records(spark, s, BRONZE_PRODUCTS, SILVER_PRODUCTS)
    if all_of_them:
        return dimensions.product_facts(records), previous, delta.exists(s.warehouse, SILVER_PRODUCTS)
    files, days = _files(s, "products"), _days(s, "products")
    by_file = F.col("record_file").isin(files)
    first = F.col("first_record_ds") if "first_record_ds" in previous.columns else F.col("record_landed_ds")
    stood, said = previous, previous.where(by_file | first.isin(days))
    may_lack = not said.isEmpty()
    if may_lack:  # by a file that was loaded again: it may have other records now
        ids = F.broadcast(said.select(F.col("product_id").alias("id")))
        theirs = delta.read(spark, s.warehouse, BRONZE_PRODUCTS).join(ids, "id", "left_semi")
        records = records.join(ids, "id", "left_anti").unionByName(theirs)
        stood = previous.join(ids.withColumnRenamed("id", "product_id"), "product_id", "left_anti")
    return dimensions.newer(dimensions.product_facts(records), stood, "product_id"), previous, may_lack


def _before(s: Settings, scope: Touched) -> int | None:
    """The version of silver.events before the run, where it holds events of the touched days, and some product is known
    by its events alone.
    """
    stood = delta.rows(s.warehouse, SILVER_PRODUCTS, "NOT has_record LIMIT 1", "product_id")
    stood = stood and delta.rows(s.warehouse, SILVER_EVENTS, f"{scope.where} LIMIT 1", "ds")
    return delta.version(s.warehouse, SILVER_EVENTS) if stood else None


def _unnamed(
    spark: SparkSession, s: Settings, scope: Touched, before: int | None, written: DataFrame
) -> DataFrame | None:
    """product_id of those that an event of the touched days named `before` and none names now; None where there can be
    none.
    """
    if before is None:
        return None
    stood = scope.of(delta.read(spark, s.warehouse, SILVER_EVENTS, before).where(scope.where))
    gone = stood.select("product_id").distinct().join(written, "product_id", "left_anti")
    return None if gone.isEmpty() else gone


def _still_known(previous: DataFrame, facts: DataFrame, events: DataFrame, lost: DataFrame) -> DataFrame:
    """`previous` rows of silver.products without those of `lost` (product_id) that no record and no event names."""
    lost = lost.distinct().join(facts, "product_id", "left_anti").join(previous, "product_id", "left_semi")
    if lost.isEmpty():
        return previous
    named = events.join(F.broadcast(lost), "product_id", "left_semi").select("product_id")
    return previous.join(lost.join(named, "product_id", "left_anti"), "product_id", "left_anti")


def _put_users(spark: SparkSession, s: Settings, written: DataFrame) -> None:
    """Write silver.users; `written` are the run's rows of silver.events. In a night only the rows of users of whom a
    record tells, or who are seen for the first time, are made anew.
    """
    records, previous, all_of_them = _records(spark, s, BRONZE_USERS, SILVER_USERS)
    if all_of_them:
        users = dimensions.current_users(dimensions.user_facts(records), previous, written)
        delta.overwrite(users, s.warehouse, SILVER_USERS)
        return
    # Where a file was loaded again, all records of the users who stand in it, or did, are asked: what it said before
    # may have hidden what others say.
    ids = records.select("id")
    said = dimensions.loaded_again(records, previous, _files(s, "users")).select(F.col("user_id").alias("id"))
    again = not said.isEmpty()
    if again:
        ids = ids.unionByName(said).distinct()
        records = delta.read(spark, s.warehouse, BRONZE_USERS).join(F.broadcast(ids), "id", "left_semi")
    told = ids.select(F.col("id").alias("user_id"))
    changed = frames.kept(told.unionByName(dimensions.seen_earlier(previous, written)).distinct())
    part = touched.parts(changed)
    mine, others = part(previous)
    stood = mine.join(told, "user_id", "left_anti") if again else mine
    if again or not records.isEmpty():
        facts = dimensions.newer_users(dimensions.user_facts(records), stood)
    else:  # To plan which record is the newest takes a second also where there is none.
        facts = stood.where("has_record").drop("first_seen_ds")
    users = frames.kept(delta.conform(dimensions.current_users(facts, mine, part(written)[0]), SILVER_USERS))
    delta.overwrite(others.select(*users.columns).unionByName(users), s.warehouse, SILVER_USERS)
    frames.free(changed, users)


def _put_refunds(spark: SparkSession, s: Settings, scope: Touched, rules: Rules) -> None:
    """Match anew the refunds of the touched days and of the days after them on which something may be given back that
    was bought there: all users' of whole days, the touched users' of other days.
    """
    reach = timedelta(days=rules.refunds.days)
    first, last = min(scope.days), max(scope.days) + reach
    everybodys = anew = delta.ds_range(first, last)
    late = None if scope.named is None else scope.users.select("user_id").distinct()
    if late is not None:
        everybodys = delta.ds_range(min(scope.whole), max(scope.whole) + reach)
        hashes = sorted(row[0] for row in late.select(F.xxhash64("user_id")).collect())
        anew = f"({everybodys}) OR ({anew} AND xxhash64(user_id) IN ({', '.join(map(str, hashes))}))"
    refunded = delta.few(
        spark, s.warehouse, SILVER_EVENTS, f"event_type = 'refund' AND {everybodys}", columns=["user_id"]
    )
    users = refunded if late is None else refunded.unionByName(late)
    # The stack of a product needs what was bought and given back before the days that are written as well.
    days = delta.ds_range(first - reach, last)
    moves = touched.of_users(
        spark, s, SILVER_EVENTS, users, f"event_type IN ('purchase', 'refund') AND {days}",
        ["event_type", *refunds.READS],
    )  # fmt: skip
    every, bought = (moves.where(F.col("event_type") == kind) for kind in ("refund", "purchase"))
    if every.where(anew).isEmpty():
        # A shop without refunds has the table too, and pays no match for it.
        matched = spark.createDataFrame([], SILVER_REFUNDS.ddl)
    else:
        matched = refunds.match(every, bought, rules.refunds.days).where(anew)
        matched = matched.withColumn("run_id", F.lit(s.run_id)).coalesce(1)
    delta.replace_where(matched, s.warehouse, SILVER_REFUNDS, anew)
    frames.free(refunded, moves)


def _put_missing(spark: SparkSession, s: Settings, scope: Touched, rules: Rules) -> list[dict]:
    """Write how much is missing on the touched days; the counts behind it."""
    of_columns = rules.missing[SILVER_EVENTS.full_name]
    counts = missing.counts(SILVER_EVENTS, of_columns)
    counted = delta.grouped(spark, s.warehouse, SILVER_EVENTS, scope.where, missing.BY, counts)
    shares = [row | {"run_id": s.run_id} for row in missing.shares(counted, SILVER_EVENTS, of_columns)]
    delta.replace_rows(shares, s.warehouse, MISSING_VALUES, scope.where)
    return counted
