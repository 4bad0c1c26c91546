"""silver.events -> gold.user_daily: a user's day. Money is DECIMAL and lists are sorted, so the shuffle cannot show."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.tables import MONEY


def _of(kind: str) -> Column:
    return F.col("event_type") == kind


def _count(*types: str) -> Column:
    return F.count_if(F.col("event_type").isin(*types)).cast("int")


def _sum(column: str, kind: str = "purchase") -> Column:
    return F.coalesce(F.sum(F.when(_of(kind), F.col(column))), F.lit(0)).cast(MONEY)


def _money_by(key: str) -> Column:
    """Money by one of the facts of the collected `lines`, keys sorted."""
    lines = F.filter("lines", lambda line: line[key].isNotNull())
    keys = F.array_sort(F.array_distinct(F.transform(lines, lambda line: line[key])))
    zero = F.lit(0).cast(MONEY)

    def total(name: Column) -> Column:
        of_key = F.filter(lines, lambda line: line[key] == name)
        return F.aggregate(of_key, zero, lambda so_far, line: (so_far + line["amount"]).cast(MONEY))

    return F.map_from_arrays(keys, F.transform(keys, total))


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
    fact = F.struct("department", "category", "brand", "amount")
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
        F.collect_list(F.when(bought, fact)).alias("lines"),
        F.collect_list("local_hour").alias("clock"),
        F.count_if(F.col("local_weekday") >= 6).cast("int").alias("weekend_events"),
    )  # fmt: skip
    hours = F.transform(F.sequence(F.lit(0), F.lit(23)), lambda h: F.size(F.filter("clock", lambda hour: hour == h)))
    maps = {f"{key}_amount": _money_by(key) for key in ("department", "category", "brand")}
    return days.withColumns(maps | {"hours": hours}).drop("lines", "clock")
