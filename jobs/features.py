"""features: silver.events -> gold.user_daily (affected days) -> gold.user_features (as of ds)."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import days, io, user_daily
from jobs.errors import DataError
from jobs.settings import Settings
from jobs.tables import MONEY, SILVER_EVENTS, SILVER_USERS, USER_DAILY, USER_FEATURES, WINDOWS

YEAR = max(WINDOWS)


def _age(ds: date) -> Column:
    """Days between a row's day and ds; 0 is ds itself."""
    return F.date_diff(F.lit(ds), F.col("ds"))


def _within(ds: date, window: int, column: str | Column) -> Column:
    return F.when(_age(ds) < window, F.col(column) if isinstance(column, str) else column)


def _total(ds: date, window: int, column: str) -> Column:
    return F.coalesce(F.sum(_within(ds, window, column)), F.lit(0))


def _hours(first: int, last: int) -> Column:
    """Events of a day between two local hours, both included."""
    return F.aggregate(F.slice("hours", first + 1, last - first + 1), F.lit(0), lambda so_far, n: so_far + n)


def _ratio(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, (part / whole).cast("double"))


def window_features(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user with a day in the last 365: sums over windows and what follows from them."""
    bought = F.col("purchases") > 0
    buying_days = F.array_sort(F.collect_list(F.when(bought, _age(ds))))
    sums = daily.groupBy("user_id").agg(
        F.min(F.when(bought, _age(ds))).alias("recency_days"),
        *[_total(ds, w, "orders").cast("int").alias(f"frequency_{w}d") for w in WINDOWS],
        *[_total(ds, w, "amount").cast(MONEY).alias(f"monetary_{w}d") for w in WINDOWS],
        *[F.count(_within(ds, w, "ds")).cast("int").alias(f"active_days_{w}d") for w in WINDOWS],
        _total(ds, 28, "views").cast("int").alias("views_28d"),
        _total(ds, 28, "carts").cast("int").alias("carts_28d"),
        _total(ds, 28, "purchases").alias("lines_28d"),
        _total(ds, 56, "amount").alias("monetary_56d"),
        *[_total(ds, YEAR, c).alias(c) for c in ("purchases", "events", "weekend_events", "list_amount", "discount",
                                                 "refund_amount", "expected_amount")],
        F.size(F.array_distinct(F.flatten(F.collect_list(_within(ds, 90, "product_ids"))))).alias("products_90d"),
        F.size(F.array_distinct(F.flatten(F.collect_list(_within(ds, 90, F.map_keys("category_amount"))))))
        .alias("categories_90d"),
        F.sum(_hours(5, 11)).alias("morning"), F.sum(_hours(12, 17)).alias("afternoon"),
        F.sum(_hours(18, 22)).alias("evening"), F.sum(_hours(0, 4) + _hours(23, 23)).alias("night"),
        buying_days.alias("buying_days"),
    )  # fmt: skip
    before = F.col("monetary_56d") - F.col("monetary_28d")
    gaps = F.zip_with(
        F.slice("buying_days", 2, F.greatest(F.size("buying_days") - 1, F.lit(0))),
        F.slice("buying_days", 1, F.greatest(F.size("buying_days") - 1, F.lit(0))),
        lambda later, sooner: later - sooner,
    )
    count = F.size(gaps)
    squares = F.aggregate(gaps, F.lit(0).cast("bigint"), lambda so_far, gap: so_far + gap * gap)
    total = F.aggregate(gaps, F.lit(0).cast("bigint"), lambda so_far, gap: so_far + gap)
    mean = F.try_divide(total, count)
    spread = F.greatest(F.try_divide(squares, count) - mean * mean, F.lit(0.0))
    abandoned = F.greatest(F.col("carts_28d") - F.col("lines_28d"), F.lit(0))
    return sums.withColumns({
        "cart_abandonment_28d": _ratio(abandoned, F.col("carts_28d")),
        "basket_value_365d": _ratio(F.col("monetary_365d"), F.col("frequency_365d")),
        "basket_lines_365d": _ratio(F.col("purchases"), F.col("frequency_365d")),
        "discount_share_365d": _ratio(F.col("discount"), F.col("list_amount")),
        "refund_share_365d": _ratio(F.col("refund_amount"), F.col("monetary_365d")),
        "price_index_365d": _ratio(F.col("list_amount"), F.col("expected_amount")),
        "trend_28d": _ratio(F.col("monetary_28d") - before, F.col("monetary_56d")),
        "interpurchase_days_mean": mean,
        "interpurchase_days_sd": F.when(count > 0, F.sqrt(spread)),
        **{f"{part}_share_365d": _ratio(F.col(part), F.col("events"))
           for part in ("morning", "afternoon", "evening", "night")},
        "weekend_share_365d": _ratio(F.col("weekend_events"), F.col("events")),
    })  # fmt: skip


def taste_features(daily: DataFrame) -> DataFrame:
    """One row a user with money in the year: shares of departments, categories, brands, largest first, ties by name."""
    kinds = ("department", "category", "brand")
    cells = None
    for kind in kinds:
        one = daily.select("user_id", F.lit(kind).alias("kind"), F.explode(f"{kind}_amount").alias("name", "amount"))
        cells = one if cells is None else cells.unionByName(one)
    sums = cells.groupBy("user_id", "kind", "name").agg(F.sum("amount").alias("amount")).where("amount > 0")
    # Sorted by the negative amount: the largest first, equal ones by name.
    entry = F.struct((-F.col("amount")).alias("order"), "name")
    lists = sums.groupBy("user_id").agg(
        *[F.array_sort(F.collect_list(F.when(F.col("kind") == kind, entry))).alias(kind) for kind in kinds],
        *[F.sum(F.when(F.col("kind") == kind, F.col("amount"))).alias(f"{kind}_total") for kind in kinds],
    )

    def shares(kind: str) -> Column:
        return F.transform(kind, lambda e: (-e["order"] / F.col(f"{kind}_total")).cast("double"))

    def names(kind: str, count: int) -> Column:
        return F.transform(F.slice(kind, 1, count), lambda e: e["name"])

    zero = F.lit(0.0)
    entropy = F.aggregate(shares("category"), zero, lambda so_far, share: so_far - share * F.log2(share))
    return lists.select(
        "user_id",
        F.map_from_arrays(names("department", 1000), shares("department")).alias("department_shares_365d"),
        names("category", 5).alias("top_categories"),
        names("brand", 3).alias("top_brands"),
        entropy.alias("category_entropy_365d"),
        F.get(shares("category"), F.lit(0)).alias("top_category_share_365d"),
        F.get(shares("brand"), F.lit(0)).alias("top_brand_share_365d"),
    )


def build(daily: DataFrame, users: DataFrame, ds: date) -> DataFrame:
    """One row a user first seen by ds, as of ds: rows of gold.user_features less the stamps.

    `daily` may hold any days; those after ds, or a year and more before it, are not looked at.
    """
    year = daily.where(io.ds_range(ds - timedelta(days=YEAR - 1), ds))
    known = users.where(F.col("first_seen_ds") <= F.lit(ds)).select(
        "user_id", F.date_diff(F.lit(ds), "first_seen_ds").alias("tenure_days")
    )
    frame = known.join(window_features(year, ds), "user_id", "left").join(taste_features(year), "user_id", "left")
    zero = [f"{name}_{w}d" for name in ("frequency", "monetary", "active_days") for w in WINDOWS]
    return frame.fillna(0, [*zero, "views_28d", "carts_28d", "products_90d", "categories_90d"])


def run(spark: SparkSession, s: Settings) -> str:
    """Make the touched days of user_daily anew, then the features as of ds."""
    what, stamp = days.touched(spark, s), {"run_id": F.lit(s.run_id)}
    events = io.read(spark, s.warehouse, SILVER_EVENTS)
    days.put(user_daily.build(what.of(events)).withColumns(stamp), spark, s, USER_DAILY, what)
    users = io.read(spark, s.warehouse, SILVER_USERS)
    frame = build(io.read(spark, s.warehouse, USER_DAILY), users, s.ds).withColumns(stamp | {"ds": F.lit(s.ds)})
    io.replace_where(frame.coalesce(1), s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")
    count = io.read(spark, s.warehouse, USER_FEATURES).where(f"ds = DATE'{s.ds}'").count()
    if not count:
        raise DataError(f"expected users first seen by {s.ds}, found none; was a day before {s.ds} ever loaded?")
    return f"{len(what.days)} days of user_daily, {count:,} users"
