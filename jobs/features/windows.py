"""The sums of a user's days over windows that end with ds: numbers, products, tastes, gaps between purchases.

Windows are nested, so a user's days are first summed by period (the days between two edges), and then the periods to
windows: a day is added up once, not once for each window that holds it. Money is summed as whole MONEY_UNITS.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.lake import delta
from jobs.lake.engine import columns
from jobs.tables import MONEY, MONEY_UNITS, USER_DAILY, WINDOWS
from jobs.tables.feature_list import HABITS, RECENT

YEAR = max(WINDOWS)
EDGES = tuple(sorted({*WINDOWS, 56}))  # 56: a trend holds 28 days against the 28 before

# Every number of a user's day, by its type; what no feature reads is dropped from the plan.
_COUNTS = tuple(column.name for column in USER_DAILY.columns if column.type in ("int", "bigint"))
_AMOUNTS = tuple(column.name for column in USER_DAILY.columns if column.type == MONEY)
HOURS = {"morning": range(5, 12), "afternoon": range(12, 18), "evening": range(18, 23), "night": (23, *range(5))}
TASTES = ("department", "category", "brand")
SPREAD = 100


def as_of(daily: DataFrame, users: DataFrame, ds: date) -> DataFrame:
    """One row a user first seen by ds: first_seen_ds, and the columns of all functions below; null where he has none.

    `daily` may hold any days; those after ds, or a year and more before it, are not looked at.
    """
    year = daily.where(delta.ds_range(ds - timedelta(days=YEAR - 1), ds))
    frame = users.where(F.col("first_seen_ds") <= F.lit(ds)).select("user_id", "first_seen_ds")
    for facts in (gaps(year, ds), distinct_products(year, ds), tastes(year, ds), window_sums(period_sums(year, ds))):
        frame = frame.join(facts, "user_id", "left")
    return frame


def _age(ds: date) -> Column:
    """Days between a row's day and ds; 0 is ds itself."""
    return F.date_diff(F.lit(ds), F.col("ds"))


def _units(amount: str) -> Column:
    return (F.col(amount) * MONEY_UNITS).cast("bigint")


def period_sums(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user and period with a day in it: sums of the days. Period k holds the ages EDGES[k-1]..EDGES[k]-1."""
    period = reduce(add, [(F.col("age") >= edge).cast("int") for edge in EDGES[:-1]])
    # Decimal arithmetic is slow, and most days of a shop's visitors are without money.
    paid = (F.col("purchases") > 0) | (F.col("refunds") > 0)
    amounts = [F.when(paid, _units(name)).alias(name) for name in _AMOUNTS]
    numbers = daily.select("user_id", _age(ds).alias("age"), *_COUNTS, *amounts, "hours", "weekdays")

    def newest(kind: str) -> Column:
        return F.min(F.when(F.col(kind) > 0, F.col("age")))

    return (
        numbers.repartition("user_id")
        .groupBy("user_id", period.alias("period"))
        .agg(
            *[F.sum(name).alias(name) for name in (*_COUNTS, *_AMOUNTS)],
            F.count_if(F.col("events") > 0).alias("active_days"),
            *[F.sum(F.get("hours", F.lit(hour))).alias(f"hour_{hour}") for hour in range(24)],
            *[F.sum(F.get("weekdays", F.lit(day))).alias(f"weekday_{day + 1}") for day in range(7)],
            *[newest(kind).alias(f"newest_{kind}") for kind in ("events", "carts", "purchases")],
        )
    )


def window_sums(periods: DataFrame) -> DataFrame:
    """One row a user: NAME_W, sums over the last W days, and the age of the newest event, cart and purchase."""
    parts = {part: reduce(add, [F.col(f"hour_{hour}") for hour in hours]) for part, hours in HOURS.items()}
    sums = {name: F.col(name) for name in (*_COUNTS, *_AMOUNTS, "active_days")} | parts
    sums["weekend"] = F.col("weekday_6") + F.col("weekday_7")
    profile = [*[f"hour_{hour}" for hour in range(24)], *[f"weekday_{day}" for day in range(1, 8)]]
    return periods.groupBy("user_id").agg(
        *[F.sum(F.when(F.col("period") <= k, value)).alias(f"{name}_{edge}")
          for name, value in sums.items() for k, edge in enumerate(EDGES)],
        *[F.sum(name).alias(f"{name}_{YEAR}") for name in profile],
        *[F.min(f"newest_{kind}").alias(f"newest_{kind}") for kind in ("events", "carts", "purchases")],
    )  # fmt: skip


def distinct_products(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user with a product: products_W, products_viewed_W, products_carted_W, distinct ones in W days."""
    age, recent = F.col("age"), max(RECENT)
    lists = {"products": F.col("product_ids"), "products_viewed": F.when(age < recent, F.col("viewed_ids")),
             "products_carted": F.when(age < recent, F.col("carted_ids"))}  # fmt: skip
    listed = [F.struct(F.lit(kind).alias("kind"), ids.alias("ids")) for kind, ids in enumerate(lists.values())]
    products = (
        daily.withColumn("age", _age(ds))
        .where((F.col("purchases") > 0) | (age < recent))
        .select("user_id", "age", "product_ids", "viewed_ids", "carted_ids")
        .repartition("user_id")
        .select("user_id", "age", F.explode(F.array(*listed)).alias("list"))
        .select("user_id", "age", "list.kind", F.explode("list.ids").alias("product_id"))
        .groupBy("user_id", "kind", "product_id")
        .agg(F.min("age").alias("age"))
    )
    return products.groupBy("user_id").agg(
        *[F.count_if((F.col("kind") == kind) & (age < window)).alias(f"{name}_{window}")
          for kind, name in enumerate(lists) for window in (WINDOWS if name == "products" else RECENT)]
    )  # fmt: skip


def tastes(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user with a purchase: `taste`, a map from department, category, brand to where the money went.

    money_W, the total in MONEY_UNITS; top_W, the largest; spread_W, the sum of a * log2(a) in 1/SPREAD, whole so that
    the order of a shuffle cannot show; distinct_W, how many; ranked, (-units, name) of a year, largest first, ties by
    name.
    """
    maps = [F.struct(F.lit(kind).alias("kind"), F.col(f"{kind}_amount").alias("amounts")) for kind in TASTES]
    cells = (
        daily.where("purchases > 0")
        .select("user_id", _age(ds).alias("age"), *[f"{kind}_amount" for kind in TASTES])
        .repartition("user_id")
        .select("user_id", "age", F.explode(F.array(*maps)).alias("map"))
        .select("user_id", "age", "map.kind", F.explode("map.amounts").alias("name", "amount"))
        .select("user_id", "age", "kind", "name", _units("amount").alias("units"))
        .groupBy("user_id", "kind", "name")
        .agg(F.min("age").alias("age"),
             *[F.sum(F.when(F.col("age") < w, F.col("units"))).alias(f"units_{w}") for w in HABITS])
    )  # fmt: skip
    facts = [F.count_if(F.col("age") < w).alias(f"distinct_{w}") for w in WINDOWS]
    for w in HABITS:
        units = F.when(F.col(f"units_{w}") > 0, F.col(f"units_{w}"))
        spread = F.try_sum(columns.whole(units * F.log2(units) * SPREAD))
        facts += [F.sum(units).alias(f"money_{w}"), F.max(units).alias(f"top_{w}"), spread.alias(f"spread_{w}")]
    entry = F.struct((-F.col(f"units_{YEAR}")).alias("order"), "name")
    facts.append(F.sort_array(F.collect_list(F.when(F.col(f"units_{YEAR}") > 0, entry))).alias("ranked"))
    kinds = cells.groupBy("user_id", "kind").agg(*facts)
    taste = F.struct(*[name for name in kinds.columns if name not in ("user_id", "kind")])
    # Sorted, because Sail collects the list once for the keys and once for the values.
    entries = F.sort_array(F.collect_list(F.struct(F.col("kind"), taste)))
    return kinds.groupBy("user_id").agg(F.map_from_entries(entries).alias("taste"))


def gaps(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user with a purchase: gap_count, gap_sum, gap_squares of the days between days with a purchase."""
    bought = daily.where("purchases > 0").select("user_id", _age(ds).alias("age"))
    gap = F.col("age") - F.lag("age").over(Window.partitionBy("user_id").orderBy("age"))
    return (
        bought.withColumn("gap", gap)
        .groupBy("user_id")
        .agg(
            F.count("gap").alias("gap_count"),
            F.sum("gap").alias("gap_sum"),
            F.sum(F.col("gap") * F.col("gap")).alias("gap_squares"),
        )
    )
