"""Quantity, price and money of an event made whole; an event of which they cannot be is refused."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


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


def refused_rows(refused: DataFrame) -> DataFrame:
    """The refused events as rows of ops.quarantine, less source stamps of the run."""
    texts = ("event_id", "user_id", "event_time", "event_type", "product_id", "quantity", "price", "amount", "discount")
    shown = [F.col(name).cast("string").alias(name) for name in texts]  # each engine spells numbers its own way
    return refused.select(
        "source", F.lit("events").alias("kind"), F.lit("clean").alias("stage"), "ds", "source_file",
        F.to_json(F.struct(*shown)).alias("raw"), "reason",
    )  # fmt: skip
