"""silver.events -> gold.user_daily: a user's day. Money is DECIMAL and lists are sorted, so the shuffle cannot show."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.tables import MONEY

_FACTS = ("department", "category", "brand")


def _of(kind: str) -> Column:
    return F.col("event_type") == kind


def _count(*types: str) -> Column:
    return F.count_if(F.col("event_type").isin(*types)).cast("int")


def _sum(column: str, kind: str = "purchase") -> Column:
    return F.coalesce(F.sum(F.when(_of(kind), F.col(column))), F.lit(0)).cast(MONEY)


def money_maps(events: DataFrame) -> DataFrame:
    """One row a user and day with a purchase: department_amount, category_amount, brand_amount, keys sorted.

    Summed as rows, not inside arrays: Spark interprets a function over an array element by element.
    """
    facts = F.array(*[F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("name")) for kind in _FACTS])
    cells = (
        events.where(_of("purchase"))
        .select("user_id", "ds", "amount", F.explode(facts).alias("fact"))
        .select("user_id", "ds", "amount", "fact.kind", "fact.name")
        .where("name IS NOT NULL")
        .groupBy("user_id", "ds", "kind", "name")
        .agg(F.sum("amount").cast(MONEY).alias("amount"))
    )
    entry = F.struct("name", "amount")
    lists = [F.array_sort(F.collect_list(F.when(F.col("kind") == kind, entry))).alias(kind) for kind in _FACTS]
    maps = [F.map_from_entries(kind).alias(f"{kind}_amount") for kind in _FACTS]
    return cells.groupBy("user_id", "ds").agg(*lists).select("user_id", "ds", *maps)


def with_expected_amount(events: DataFrame) -> DataFrame:
    """`events` with expected_amount: pieces bought at that day's mean list price of their category."""
    bought = events.where(_of("purchase"))
    means = bought.groupBy("ds", "category").agg(
        (F.sum("list_amount") / F.sum("quantity")).cast("decimal(18,4)").alias("mean_price")
    )
    joined = events.join(
        F.broadcast(means), (events["ds"] == means["ds"]) & events["category"].eqNullSafe(means["category"]), "left"
    ).select(events["*"], "mean_price")
    return joined.withColumn("expected_amount", (F.col("mean_price") * F.col("quantity")).cast(MONEY))


def build(events: DataFrame) -> DataFrame:
    """One row a user and day of `events` (rows of silver.events)."""
    bought = _of("purchase")
    days = with_expected_amount(events).groupBy("user_id", "ds").agg(
        F.count("*").cast("int").alias("events"),
        _count("view", "click").alias("views"),
        _count("search").alias("searches"),
        _count("favourite").alias("favourites"),
        _count("cart").alias("carts"),
        _count("purchase").alias("purchases"),
        _count("refund").alias("refunds"),
        F.size(F.collect_set(F.when(bought, F.col("session_id")))).alias("orders"),
        F.size(F.collect_set("session_id")).alias("sessions"),
        F.coalesce(F.sum(F.when(bought, F.col("quantity"))), F.lit(0)).alias("quantity"),
        _sum("amount").alias("amount"),
        _sum("list_amount").alias("list_amount"),
        _sum("discount").alias("discount"),
        _sum("amount", "refund").alias("refund_amount"),
        _sum("expected_amount").alias("expected_amount"),
        F.array_sort(F.collect_set(F.when(bought, F.col("product_id")))).alias("product_ids"),
        F.array(*[F.count_if(F.col("local_hour") == hour).cast("int") for hour in range(24)]).alias("hours"),
        F.count_if(F.col("local_weekday") >= 6).cast("int").alias("weekend_events"),
    )  # fmt: skip
    empty = F.create_map().cast(f"map<string,{MONEY}>")
    maps = {f"{kind}_amount": F.coalesce(f"{kind}_amount", empty) for kind in _FACTS}
    return days.join(money_maps(events), ["user_id", "ds"], "left").withColumns(maps)
