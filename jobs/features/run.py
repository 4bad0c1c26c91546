"""features: silver.events -> gold.user_daily (affected days) -> gold.user_features (as of ds).

Windows are nested, so a user's days are first summed by period (the days between two edges), and then the periods to
windows: a day is added up once, not once for each window that holds it. Money is summed as whole cents.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs.errors import DataError
from jobs.features import daily as user_daily
from jobs.lake import delta, touched
from jobs.settings import Settings
from jobs.tables import SILVER_EVENTS, SILVER_USERS, USER_DAILY, USER_FEATURES, WINDOWS
from jobs.tables.feature_list import FEATURES, HABITS, RECENT, TOP_BRANDS, TOP_CATEGORIES, TOP_SHARES

YEAR = max(WINDOWS)
EDGES = tuple(sorted({*WINDOWS, 56}))  # 56: a trend holds 28 days against the 28 before

_COUNTS = ("events", "views", "searches", "favourites", "carts", "uncarts", "purchases", "refunds", "orders",
           "sessions", "quantity")  # fmt: skip
_AMOUNTS = ("amount", "list_amount", "discount", "refund_amount", "expected_amount", "low_price_amount",
            "high_price_amount")  # fmt: skip
_HOURS = {"morning": range(5, 12), "afternoon": range(12, 18), "evening": range(18, 23), "night": (23, *range(5))}
_TASTES = ("department", "category", "brand")
SPREAD = 10_000
USERS_A_FILE = 100_000


def _age(ds: date) -> Column:
    """Days between a row's day and ds; 0 is ds itself."""
    return F.date_diff(F.lit(ds), F.col("ds"))


def _cents(amount: str) -> Column:
    return (F.col(amount) * 100).cast("bigint")


def period_sums(daily: DataFrame, ds: date) -> DataFrame:
    """One row a user and period with a day in it: sums of the days. Period k holds the ages EDGES[k-1]..EDGES[k]-1."""
    period = reduce(add, [(F.col("age") >= edge).cast("int") for edge in EDGES[:-1]])
    # Decimal arithmetic is slow, and most days of a shop's visitors are without money.
    paid = (F.col("purchases") > 0) | (F.col("refunds") > 0)
    amounts = [F.when(paid, _cents(name)).alias(name) for name in _AMOUNTS]
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
    """One row a user: NAME_W, sums over the last W days, and the age of the newest event, cart and purchase.

    What no feature reads is never computed: Spark drops it from the plan.
    """
    parts = {part: reduce(add, [F.col(f"hour_{hour}") for hour in hours]) for part, hours in _HOURS.items()}
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

    money_W, the total in cents; top_W, the largest; spread_W, the sum of a * log2(a) in 1/SPREAD, whole so that the
    order of a shuffle cannot show; distinct_W, how many; ranked, (-cents, name) of a year, largest first, ties by name.
    """
    maps = [F.struct(F.lit(kind).alias("kind"), F.col(f"{kind}_amount").alias("amounts")) for kind in _TASTES]
    cells = (
        daily.where("purchases > 0")
        .select("user_id", _age(ds).alias("age"), *[f"{kind}_amount" for kind in _TASTES])
        .repartition("user_id")
        .select("user_id", "age", F.explode(F.array(*maps)).alias("map"))
        .select("user_id", "age", "map.kind", F.explode("map.amounts").alias("name", "amount"))
        .select("user_id", "age", "kind", "name", _cents("amount").alias("cents"))
        .groupBy("user_id", "kind", "name")
        .agg(F.min("age").alias("age"),
             *[F.sum(F.when(F.col("age") < w, F.col("cents"))).alias(f"cents_{w}") for w in HABITS])
    )  # fmt: skip
    found = [F.count_if(F.col("age") < w).alias(f"distinct_{w}") for w in WINDOWS]
    for w in HABITS:
        cents = F.when(F.col(f"cents_{w}") > 0, F.col(f"cents_{w}"))
        spread = F.try_sum(F.rint(cents * F.log2(cents) * SPREAD).try_cast("bigint"))
        found += [F.sum(cents).alias(f"money_{w}"), F.max(cents).alias(f"top_{w}"), spread.alias(f"spread_{w}")]
    entry = F.struct((-F.col(f"cents_{YEAR}")).alias("order"), "name")
    found.append(F.sort_array(F.collect_list(F.when(F.col(f"cents_{YEAR}") > 0, entry))).alias("ranked"))
    kinds = cells.groupBy("user_id", "kind").agg(*found)
    facts = F.struct(*[name for name in kinds.columns if name not in ("user_id", "kind")])
    return kinds.groupBy("user_id").agg(
        F.map_from_entries(F.collect_list(F.struct(F.col("kind"), facts))).alias("taste")
    )


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


# The features, as expressions over one row a user of the frames above.


def _total(name: str, window: int) -> Column:
    return F.coalesce(F.col(f"{name}_{window}"), F.lit(0))


def _taste(kind: str, fact: str) -> Column:
    return F.col("taste").getItem(kind).getField(fact)


def _ratio(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, part / whole)


def _share(part: Column, whole: Column) -> Column:
    return F.when(whole > 0, F.least(part / whole, F.lit(1.0)))


def _sums(window: int) -> dict[str, Column]:
    stems = {"frequency": "orders"} | {name: name for name in (
        "active_days", "sessions", "purchases", "quantity", "views", "searches", "favourites", "carts", "refunds",
        "products")}  # fmt: skip
    counts = {f"{stem}_{window}d": _total(name, window) for stem, name in stems.items()}
    for stem, kind in (("categories", "category"), ("brands", "brand")):
        counts[f"{stem}_{window}d"] = F.coalesce(_taste(kind, f"distinct_{window}"), F.lit(0))
    return counts | {f"monetary_{window}d": _total("amount", window) * F.lit(Decimal("0.01"))}


def _ratios(window: int) -> dict[str, Column]:
    def of(name: str) -> Column:
        return _total(name, window)

    found = {
        "conversion": _share(of("orders"), of("sessions")),
        "view_cart_rate": _share(of("carts"), of("views")),
        "cart_purchase_rate": _share(of("purchases"), of("carts")),
        "view_purchase_rate": _share(of("purchases"), of("views")),
        "cart_abandonment": _ratio(F.greatest(of("carts") - of("purchases"), F.lit(0)), of("carts")),
        "uncart_share": _share(of("uncarts"), of("carts")),
        "refund_share": _ratio(of("refund_amount"), of("amount")),
        "discount_share": _ratio(of("discount"), of("list_amount")),
        "basket_value": _ratio(of("amount"), of("orders") * 100),
        "basket_lines": _ratio(of("purchases"), of("orders")),
        "mean_price": _ratio(of("list_amount"), of("quantity") * 100),
        "price_index": _ratio(of("list_amount"), of("expected_amount")),
        "low_price_share": _ratio(of("low_price_amount"), of("amount")),
        "high_price_share": _ratio(of("high_price_amount"), of("amount")),
    } | {f"{part}_share": _ratio(of(part), of("events")) for part in (*_HOURS, "weekend")}
    for kind in _TASTES:
        money = _taste(kind, f"money_{window}")
        found[f"top_{kind}_share"] = _taste(kind, f"top_{window}") / money
        if kind != "department":
            # H = log2(T) - sum(a log2 a) / T, for amounts a with the sum T (Shannon 1948).
            entropy = F.log2(money) - _taste(kind, f"spread_{window}") / (money * SPREAD)
            found[f"{kind}_entropy"] = F.when(money > 0, F.greatest(F.round(entropy, 5), F.lit(0.0)))
    return {f"{stem}_{window}d": value for stem, value in found.items()}


def _trends() -> dict[str, Column]:
    stems = {"": "amount", "frequency_": "orders"} | {
        f"{name}_": name for name in ("sessions", "active_days", "views", "carts")
    }
    # now - before = 2 * now - both
    return {
        f"{stem}trend_28d": _ratio(2 * _total(name, 28) - _total(name, 56), _total(name, 56))
        for stem, name in stems.items()
    }


def _gap_features() -> dict[str, Column]:
    count, total, squares = F.col("gap_count"), F.col("gap_sum"), F.col("gap_squares")
    return {
        "interpurchase_days_mean": _ratio(total, count),
        "interpurchase_days_sd": _ratio(F.sqrt(count * squares - total * total), count),
        "overdue_ratio": _ratio(F.col("newest_purchases") * count, total),
    }


def _profiles() -> dict[str, Column]:
    def ranked(kind: str, count: int) -> Column:
        return F.when(_taste(kind, f"money_{YEAR}") > 0, F.slice(_taste(kind, "ranked"), 1, count))

    def names(kind: str, count: int) -> Column:
        return ranked(kind, count).getField("name")

    def shares(kind: str, count: int) -> Column:
        money = _taste(kind, f"money_{YEAR}")
        return F.map_from_arrays(
            names(kind, count), F.transform(ranked(kind, count), lambda one: -one["order"] / money)
        )

    hours = F.array(*[_total(f"hour_{hour}", YEAR) for hour in range(24)])
    weekdays = F.array(*[_total(f"weekday_{day}", YEAR) for day in range(1, 8)])
    events = _total("events", YEAR)
    return {
        "department_shares_365d": shares("department", 1000),
        "category_shares_365d": shares("category", TOP_SHARES),
        "brand_shares_365d": shares("brand", TOP_SHARES),
        "top_categories": names("category", TOP_CATEGORIES),
        "top_brands": names("brand", TOP_BRANDS),
        "hour_shares_365d": F.when(events > 0, F.transform(hours, lambda n: n / events)),
        "weekday_shares_365d": F.when(events > 0, F.transform(weekdays, lambda n: n / events)),
        "peak_hour_365d": F.when(events > 0, F.array_position(hours, F.array_max(hours)) - 1),
        "peak_weekday_365d": F.when(events > 0, F.array_position(weekdays, F.array_max(weekdays))),
    }


def expressions(ds: date) -> dict[str, Column]:
    """Every feature of jobs/tables/feature_list.py by name, over one row a user."""
    found = {
        "recency_days": F.col("newest_purchases"),
        "tenure_days": F.date_diff(F.lit(ds), F.col("first_seen_ds")),
        "inactive_days": F.col("newest_events"),
        "cart_recency_days": F.col("newest_carts"),
    }
    for window in WINDOWS:
        found |= _sums(window)
    for window in RECENT:
        found |= {f"{name}_{window}d": _total(name, window) for name in ("products_viewed", "products_carted")}
    for window in HABITS:
        found |= _ratios(window)
    return found | _trends() | _gap_features() | _profiles()


def build(daily: DataFrame, users: DataFrame, ds: date) -> DataFrame:
    """One row a user first seen by ds, as of ds: rows of gold.user_features less the stamps.

    `daily` may hold any days; those after ds, or a year and more before it, are not looked at.
    """
    year = daily.where(delta.ds_range(ds - timedelta(days=YEAR - 1), ds))
    frame = users.where(F.col("first_seen_ds") <= F.lit(ds)).select("user_id", "first_seen_ds")
    for facts in (gaps(year, ds), distinct_products(year, ds), tastes(year, ds), window_sums(period_sums(year, ds))):
        frame = frame.join(facts, "user_id", "left")
    found = expressions(ds)
    return frame.select("user_id", *[found[f.name].cast(f.type).alias(f.name) for f in FEATURES])


def put_daily(spark: SparkSession, s: Settings) -> touched.Touched:
    """Make the touched days of user_daily anew; which they are."""
    what, events = touched.touched(spark, s), delta.read(spark, s.warehouse, SILVER_EVENTS)
    daily = user_daily.build(what.of(events), user_daily.mean_prices(events.where(what.where)))
    daily = daily.repartition("week").withColumn("run_id", F.lit(s.run_id))  # else each task writes a file a week
    touched.put(daily, spark, s, USER_DAILY, what)
    return what


def run(spark: SparkSession, s: Settings) -> str:
    """Make the touched days of user_daily anew, then the features as of ds."""
    what, users = put_daily(spark, s), delta.read(spark, s.warehouse, SILVER_USERS)
    stamp = {"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}
    frame = build(delta.read(spark, s.warehouse, USER_DAILY), users, s.ds).withColumns(stamp)
    frame = delta.in_files(frame, delta.count(s.warehouse, SILVER_USERS), USERS_A_FILE)
    delta.replace_where(frame, s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")
    count = delta.count(s.warehouse, USER_FEATURES, f"ds = DATE'{s.ds}'")
    if not count:
        raise DataError(f"expected users first seen by {s.ds}, found none; was a day before {s.ds} ever loaded?")
    return f"{len(what.days)} days of user_daily, {count:,} users"
