"""The features, each a named expression over one row a user of jobs/features/windows.py."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.features.windows import HOURS, SPREAD, TASTES, YEAR
from jobs.lake.engine import columns
from jobs.tables import MONEY_UNITS, WINDOWS
from jobs.tables.feature_list import HABITS, RECENT, TOP_BRANDS, TOP_CATEGORIES, TOP_SHARES


def by_name(ds: date) -> dict[str, Column]:
    """Every feature of jobs/tables/feature_list.py by its name, over rows of `windows.as_of`."""
    named = {
        "recency_days": F.col("newest_purchases"),
        "tenure_days": F.date_diff(F.lit(ds), F.col("first_seen_ds")),
        "inactive_days": F.col("newest_events"),
        "cart_recency_days": F.col("newest_carts"),
    }
    for window in WINDOWS:
        named |= _sums(window)
    for window in RECENT:
        named |= {f"{name}_{window}d": _total(name, window) for name in ("products_viewed", "products_carted")}
    for window in HABITS:
        named |= _ratios(window)
    return named | _trends() | _gap_features() | _profiles()


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
    return counts | {f"monetary_{window}d": _total("amount", window) * F.lit(1 / Decimal(MONEY_UNITS))}


def _ratios(window: int) -> dict[str, Column]:
    def total(name: str) -> Column:
        return _total(name, window)

    ratios = {
        "conversion": _share(total("orders"), total("sessions")),
        "view_cart_rate": _share(total("carts"), total("views")),
        "cart_purchase_rate": _share(total("purchases"), total("carts")),
        "view_purchase_rate": _share(total("purchases"), total("views")),
        "cart_abandonment": _ratio(F.greatest(total("carts") - total("purchases"), F.lit(0)), total("carts")),
        "uncart_share": _share(total("uncarts"), total("carts")),
        "refund_share": _ratio(total("refund_amount"), total("amount")),
        "discount_share": _ratio(total("discount"), total("list_amount")),
        "basket_value": _ratio(total("amount"), total("orders") * MONEY_UNITS),
        "basket_lines": _ratio(total("purchases"), total("orders")),
        "mean_price": _ratio(total("list_amount"), total("quantity") * MONEY_UNITS),
        "price_index": _ratio(total("list_amount"), total("expected_amount")),
        "low_price_share": _ratio(total("low_price_amount"), total("amount")),
        "high_price_share": _ratio(total("high_price_amount"), total("amount")),
    } | {f"{part}_share": _ratio(total(part), total("events")) for part in (*HOURS, "weekend")}
    for kind in TASTES:
        money = _taste(kind, f"money_{window}")
        ratios[f"top_{kind}_share"] = _taste(kind, f"top_{window}") / money
        if kind != "department":
            # H = log2(T) - sum(a log2 a) / T, for amounts a with the sum T (Shannon 1948).
            entropy = F.log2(money) - _taste(kind, f"spread_{window}") / (money * SPREAD)
            ratios[f"{kind}_entropy"] = F.when(money > 0, F.greatest(columns.near(entropy, 5), F.lit(0.0)))
    return {f"{stem}_{window}d": value for stem, value in ratios.items()}


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
        return F.transform(ranked(kind, count), lambda entry: entry["name"])

    def shares(kind: str, count: int) -> Column:
        money = _taste(kind, f"money_{YEAR}")
        return F.map_from_arrays(
            names(kind, count), F.transform(ranked(kind, count), lambda entry: -entry["order"] / money)
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
