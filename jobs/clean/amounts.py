"""Quantity, price and money of an event made whole; an event of which they cannot be is refused."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.tables import MONEY

# Of bronze.events, what `correct` reads.
READS = ("event_type", "quantity", "price", "amount", "discount")


def correct(events: DataFrame) -> DataFrame:
    """One row an event of bronze, with quantity, price, amount, discount made whole, and `reason` (null = kept).

    A negative quantity or amount is a refund, kept as a positive amount. A purchase without a quantity, or of 0 pieces
    for money, is one piece. A purchase of 0 pieces for no money bought nothing and is refused (a coupon line). A
    discount is one whatever its sign, and takes off no more than the list price; a negative list price counts as
    unknown where there is money, else it is refused. Where neither money nor price is told, the price stays unknown.
    """
    money = F.col("event_type").isin("purchase", "refund")
    negative = F.coalesce(F.col("quantity") < 0, F.lit(False)) | F.coalesce(F.col("amount") < 0, F.lit(False))
    discount = F.abs(F.coalesce(F.col("discount"), F.lit(0))).cast(MONEY)
    nothing = (
        money
        & (F.coalesce(F.col("quantity"), F.lit(1)) == 0)
        & (F.coalesce(F.col("amount"), F.lit(0)) == 0)
    )  # fmt: skip
    kind = F.when(money & negative, "refund").otherwise(F.col("event_type"))
    quantity = F.abs(F.when(money & (F.coalesce("quantity", F.lit(0)) == 0), F.lit(1)).otherwise(F.col("quantity")))
    known = F.col("price") >= 0
    list_value = (F.col("price") * F.col("pieces")).cast(MONEY)
    # Where the amount is computed, it and the discount make up the list price. What is computed gets its type before it
    # stands beside what is known: the wider type of both is dear.
    off = F.when(F.col("amount").isNull() & known, F.least(discount, list_value)).otherwise(discount)
    computed = (list_value - F.col("off")).cast(MONEY)
    amount = F.abs(F.coalesce(F.col("amount"), computed)).cast(MONEY)
    list_amount = (F.col("received") + F.col("off")).cast(MONEY)
    told = (F.col("pieces") > 0) & F.col("amount").isNotNull()
    a_piece = F.when(told, (F.col("list_amount") / F.col("pieces")).cast("decimal(18,4)"))
    refused = F.when(nothing, F.lit("nothing_bought: a purchase of 0 pieces for no money"))
    unpaid = (F.col("price") < 0) & ~F.coalesce(F.col("amount") != 0, F.lit(False))
    return (
        events.withColumns({"pieces": quantity, "event_type": kind})
        .withColumn("off", off)
        .withColumn("received", F.when(money, F.coalesce(amount, F.lit(0).cast(MONEY))))
        .withColumn("list_amount", F.when(money, list_amount))
        .withColumn("reason", refused.when(unpaid, F.lit("negative_price")))
        .withColumn("price", F.coalesce(F.when(known, F.col("price")), a_piece).cast("decimal(18,4)"))
        .withColumns({"quantity": F.col("pieces"), "amount": F.col("received")})
        .withColumn("discount", F.when(money, F.col("off")))
        .drop("pieces", "received", "off")
    )  # fmt: skip


def refused_rows(refused: DataFrame) -> DataFrame:
    """The refused events as rows of ops.quarantine, less source stamps of the run."""
    texts = ("event_id", "user_id", "event_time", "event_type", "product_id", "quantity", "price", "amount", "discount")
    shown = [F.col(name).cast("string").alias(name) for name in texts]  # each engine spells numbers its own way
    return refused.select(
        "source", F.lit("events").alias("kind"), F.lit("clean").alias("stage"), "ds", "source_file",
        F.to_json(F.struct(*shown)).alias("raw"), "reason",
    )  # fmt: skip
