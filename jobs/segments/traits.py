"""The readable traits of a user: their names, and the phrases for a group far above or below the whole base.

The words stand in conf/languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobs.language import words


@dataclass(frozen=True, slots=True)
class Trait:
    """One readable trait: `key` is a column of gold.user_features, or `dept:NAME` for a share of the money.

    `theme` groups traits that say much the same; a name takes one of a theme. `high` and `low` are phrases for a
    group far above or below the whole base; empty = none.
    """

    key: str
    theme: str
    name: str
    name_zh: str
    high: str = ""
    high_zh: str = ""
    low: str = ""
    low_zh: str = ""
    percent: bool = False


# (column, theme, whether it is read as a percentage)
_FIXED = (
    ("monetary_90d", "value", False), ("frequency_28d", "value", False), ("recency_days", "recency", False),
    ("trend_28d", "trend", False), ("tenure_days", "tenure", False), ("basket_value_365d", "basket", False),
    ("category_entropy_365d", "variety", False), ("discount_share_365d", "discount", True),
    ("price_index_365d", "price", False), ("views_28d", "browsing", False), ("cart_abandonment_28d", "cart", True),
    ("morning_share_365d", "hours", True), ("evening_share_365d", "hours", True), ("night_share_365d", "hours", True),
    ("weekend_share_365d", "weekend", True),
)  # fmt: skip


def all_traits(departments: Iterable[str], label: Callable[[str], tuple[str, str]]) -> list[Trait]:
    """The fixed traits and one for each department, in a stable order. label: a department in English and Chinese."""
    english, chinese = words("en"), words("zh")
    fixed = []
    for key, theme, percent in _FIXED:
        en, zh = english.traits[key], chinese.traits[key]
        fixed.append(Trait(key, theme, en.name, zh.name, en.high, zh.high, en.low, zh.low, percent))
    tastes = []
    for name in departments:
        texts = [(part.department, text) for part, text in zip((english, chinese), label(name), strict=True)]
        (name_en, name_zh), (high, high_zh) = (
            [getattr(of, part).format(name=text) for of, text in texts] for part in ("name", "high")
        )
        tastes.append(Trait(f"dept:{name}", "taste", name_en, name_zh, high, high_zh, percent=True))
    return [*fixed, *tastes]
