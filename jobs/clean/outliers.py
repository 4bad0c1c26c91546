"""Prices and quantities that cannot be meant: drawn in to a robust bound, with the raw value kept beside.

Source: C. Leys et al., "Detecting outliers: do not use standard deviation around the mean, use absolute deviation
around the median", J. Exp. Soc. Psychol. 49 (2013) 764-766; on logarithms here, as prices err by factors.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.clean.rules import Level, Outliers
from jobs.lake.engine import columns
from jobs.tables import MONEY

# Makes the median absolute deviation of a normal distribution its standard deviation.
_MAD_SCALE = 1.4826
# A line's money belongs to its price and quantity where it differs from their product by no more than this share.
_FOLLOWS = 0.05


def bounds(lines: DataFrame, key: str, level: Level, deviations: float) -> DataFrame:
    """One row a ds and `key`, a column (the product, or a group of them), with `level.lines` purchase lines or more:
    `bound`, a struct of price_low, price_high, quantity_high, value_low, value_high; value = price × quantity.

    A price may be off the median by `deviations` scaled median absolute deviations of its logarithm, and by
    `price_factor` in any case (the median absolute deviation of a shelf price is 0); a quantity likewise, upwards only.
    Only lines that did not come late count: a late record of one user never changes another's.
    """
    group = Window.partitionBy("ds", key)
    bought = lines.where((F.col("event_type") == "purchase") & (F.col("landed_ds") <= F.col("ds"))).where(
        F.col(key).isNotNull() & (F.col("price") > 0) & (F.col("quantity") > 0)
    )
    bought = bought.select("ds", key, F.col("price").cast("double"), F.col("quantity").cast("double"))
    # Windows over one sort: few products have so many lines a day, so the count comes before the medians.
    bought = bought.withColumn("lines", F.count("*").over(group)).where(F.col("lines") >= level.lines)
    middles = {
        "price_middle": F.median("price").over(group),
        "quantity_middle": F.median("quantity").over(group),
        "value_middle": F.median(F.col("price") * F.col("quantity")).over(group),
    }

    def apart(name: str) -> Column:
        return F.median(F.abs(F.ln(F.col(name) / F.col(f"{name}_middle")))).alias(f"{name}_apart")

    spreads = bought.withColumns(middles).groupBy("ds", key, *middles).agg(apart("price"), apart("quantity"))

    def factor(name: str, least: float) -> Column:
        return F.greatest(F.exp(F.col(f"{name}_apart") * deviations * _MAD_SCALE), F.lit(least))

    price, quantity = factor("price", level.price_factor), factor("quantity", level.quantity_factor)
    return spreads.select(
        "ds",
        key,
        F.struct(
            (F.col("price_middle") / price).alias("price_low"),
            (F.col("price_middle") * price).alias("price_high"),
            F.floor(F.col("quantity_middle") * quantity).alias("quantity_high"),
            (F.col("value_middle") / level.price_factor).alias("value_low"),
            (F.col("value_middle") * level.price_factor).alias("value_high"),
        ).alias("bound"),
    )


def winsorise(events: DataFrame, lines: DataFrame, rules: Outliers) -> DataFrame:
    """`events` with price, quantity and money of purchases and refunds drawn in, and price_raw, quantity_raw,
    amount_raw (null where nothing was changed).

    `lines` are the same days' events, with the columns that `bounds` reads: they make the bounds. Products without a
    category count as one category. A line whose price × quantity is usual is left alone (weighed goods: 9,000 grams at
    0.0025). amount, list_amount and discount change by the same factor as price × quantity, where they followed from
    them; else they stay.
    """
    frame = _with_fair_values(_with_bounds(events, lines, rules))

    def raw(column: str, because: str) -> Column:
        return F.when(F.col(because).isNotNull(), F.col(column))

    def scaled(column: str) -> Column:
        fair = columns.rounded(F.col(column) * F.col("scale"), 4).cast(MONEY)
        return F.when(F.col("scale").isNotNull(), fair).otherwise(F.col(column))

    return (
        frame.withColumns({"price_raw": raw("price", "fair_price"), "quantity_raw": raw("quantity", "fair_quantity"),
                           "amount_raw": raw("amount", "scale")})
        .withColumns({"price": F.coalesce("fair_price", "price"), "quantity": F.coalesce("fair_quantity", "quantity"),
                      "amount": scaled("amount"), "list_amount": scaled("list_amount")})
        .withColumn("discount", F.when(F.col("scale").isNotNull(), F.col("list_amount") - F.col("amount"))
                    .otherwise(F.col("discount")).cast(MONEY))
        .drop("fair_price", "fair_quantity", "scale")
    )  # fmt: skip


def _money() -> Column:
    return F.col("event_type").isin("purchase", "refund")


def _with_bounds(events: DataFrame, lines: DataFrame, rules: Outliers) -> DataFrame:
    """`events` with `bound`, of the product's day where it has enough lines, else of the category's; null where neither
    has, and for events without money.
    """
    group = F.coalesce("category", F.lit(""))
    by_product = bounds(lines, "product_id", rules.product, rules.deviations)
    by_product = by_product.withColumnsRenamed({"product_id": "priced", "bound": "of_product"})
    by_category = bounds(lines.withColumn("group", group), "group", rules.category, rules.deviations)
    # Most events are without money: a key of null is not looked up.
    frame = events.withColumns({"priced": F.when(_money(), F.col("product_id")), "group": F.when(_money(), group)})
    frame = frame.join(F.broadcast(by_product), ["ds", "priced"], "left")
    frame = frame.join(F.broadcast(by_category), ["ds", "group"], "left")
    return frame.withColumn("bound", F.coalesce("of_product", "bound")).drop("priced", "group", "of_product")


def _with_fair_values(frame: DataFrame) -> DataFrame:
    """`frame`, which has `bound`, with fair_price and fair_quantity in place of what cannot be meant (null: it can),
    and `scale`, by which the line's money changes with them (null: it does not).
    """
    price, quantity = F.col("price"), F.col("quantity")
    value = price.cast("double") * quantity
    much, little = value > F.col("bound.value_high"), (value > 0) & (value < F.col("bound.value_low"))
    # Never further than the line's money is unusual: 3 of what is sold by the gram, at 280 each, is not 3 grams.
    dear = F.greatest(F.col("bound.price_high"), columns.divided("bound.value_high", quantity))
    cheap = F.least(F.col("bound.price_low"), columns.divided("bound.value_low", quantity))
    many = F.greatest(F.col("bound.quantity_high"), F.floor(columns.divided("bound.value_high", price.cast("double"))))
    fair_price = F.when(_money() & much & (price > F.col("bound.price_high")), dear).when(
        _money() & little & (price < F.col("bound.price_low")), cheap
    )
    fair_quantity = F.when(_money() & much & (quantity > F.col("bound.quantity_high")), many)
    frame = frame.withColumns(
        {"fair_price": fair_price.cast("decimal(18,4)"), "fair_quantity": fair_quantity.cast("bigint")}
    )
    fair_value = F.coalesce("fair_price", "price").cast("double") * F.coalesce("fair_quantity", "quantity")
    follows = F.abs(value - F.col("list_amount")) <= F.col("list_amount") * _FOLLOWS
    changed = (F.col("fair_price").isNotNull() | F.col("fair_quantity").isNotNull()) & follows
    return frame.withColumn("scale", F.when(changed, columns.divided(fair_value, value))).drop("bound")
