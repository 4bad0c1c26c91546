"""Refunds and the purchases that they give back."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# Of silver.events, what a match reads.
READS = ("event_id", "ds", "user_id", "product_id", "event_time", "quantity", "quantity_raw", "amount", "amount_raw")


def returned(purchases: DataFrame, refunds: DataFrame) -> DataFrame:
    """The purchases of who gave back that product, ever."""
    return purchases.join(refunds.select("user_id", "product_id").distinct(), ["user_id", "product_id"], "left_semi")


def match(refunds: DataFrame, purchases: DataFrame, days: int) -> DataFrame:
    """One row a refund: the columns of silver.refunds less run_id.

    Both are rows of silver.events. A refund gives back the newest bought pieces of the same user and product that were
    not given back before, bought at most `days` days before it; purchase_event_id names the purchase of the newest of
    them, matched_quantity says how many were found. Refunds are served in order of time, then id.

    To be right for the refunds of a day D, it needs both kinds since D - `days`, no more: newest pieces go first, so
    that what was bought before those days is never in the way of what was bought within them. Pieces and money are
    those booked, before outliers were drawn in.

    How: pieces of one user and product are a stack. A purchase lays its pieces on it, a refund takes as many off the
    top; `height` is the stack's before the event. The top piece at a refund lies on the newest purchase whose pieces
    begin below that height. So heights are running sums, and no loop is needed.
    """
    moves = _moves(returned(purchases, refunds), 1).unionByName(_moves(refunds, -1))
    order = Window.partitionBy("user_id", "product_id").orderBy("event_time", F.desc("sign"), "event_id", "ds")
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    moves = moves.withColumn("total", F.sum(F.col("sign") * F.col("pieces")).over(so_far))
    # A refund of more than there is leaves an empty stack, not a debt.
    left = F.col("total") - F.least(F.lit(0), F.min("total").over(so_far))
    moves = moves.withColumn("left", left).withColumn("height", F.lag("left", 1, 0).over(order))

    given = moves.where("sign = -1 AND product_id IS NOT NULL")
    bought = moves.where("sign = 1").select(
        "user_id", "product_id", F.struct("event_time", "event_id", "ds").alias("purchase"),
        F.col("height").alias("base"),
    )  # fmt: skip
    within = (F.col("purchase.event_time") <= F.col("event_time")) & (_days_between() <= days)
    matched = (
        given.join(bought, ["user_id", "product_id"])
        .where(within & (F.col("base") < F.col("height")))
        .groupBy("event_id", "ds")
        .agg(
            F.max("purchase").alias("purchase"),
            F.least(F.max("pieces"), F.max("height") - F.min("base")).alias("matched_quantity"),
        )
    )
    return _moves(refunds, -1).join(matched, ["event_id", "ds"], "left").select(
        "event_id", "ds", "user_id", "product_id", F.col("event_time").alias("refund_time"), "amount",
        F.col("pieces").alias("quantity"),
        F.col("purchase.event_id").alias("purchase_event_id"), F.col("purchase.ds").alias("purchase_ds"),
        F.coalesce("matched_quantity", F.lit(0)).alias("matched_quantity"), _days_between().alias("days_between"),
    )  # fmt: skip


def _days_between() -> Column:
    return F.date_diff("ds", F.col("purchase.ds"))


def _moves(events: DataFrame, sign: int) -> DataFrame:
    return events.select(
        "event_id", "ds", "user_id", "product_id", "event_time", F.lit(sign).alias("sign"),
        F.coalesce("quantity_raw", "quantity", F.lit(1)).alias("pieces"),
        F.coalesce("amount_raw", "amount").alias("amount"),
    )  # fmt: skip
