"""The readable traits of a user: their names, and the phrases for a group far above or below the whole base."""

from __future__ import annotations

from dataclasses import dataclass


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


_FIXED = (
    Trait("monetary_90d", "value", "spend in 90 days", "近90天消费", "big spenders", "高消费", "light spenders", "低消费"),
    Trait("frequency_28d", "value", "orders in 28 days", "近28天订单", "frequent shoppers", "高频", "rare shoppers", "低频"),
    Trait("recency_days", "recency", "days since the last order", "距上次购买天数", "long unseen", "久未购买", "", ""),
    Trait("trend_28d", "trend", "spend trend", "消费趋势", "growing", "消费上升", "fading", "消费下滑"),
    Trait("tenure_days", "tenure", "days known", "注册天数", "", "", "newcomers", "新客"),
    Trait("basket_value_365d", "basket", "spend an order", "客单价", "large baskets", "大单", "small baskets", "小单"),
    Trait("category_entropy_365d", "variety", "variety of categories", "品类多样性", "broad tastes", "品类丰富",
          "narrow tastes", "品类集中"),
    Trait("discount_share_365d", "discount", "share of discounts", "优惠占比", "deal seekers", "优惠敏感",
          "full-price buyers", "原价购买", percent=True),
    Trait("price_index_365d", "price", "price index", "价格指数", "premium choices", "偏好高价", "budget choices", "偏好低价"),
    Trait("views_28d", "browsing", "views in 28 days", "近28天浏览", "keen browsers", "爱浏览", "", ""),
    Trait("cart_abandonment_28d", "cart", "carts left", "弃购率", "cart leavers", "常弃购", "", "", percent=True),
    Trait("morning_share_365d", "hours", "share of mornings", "上午占比", "in the morning", "上午购物", percent=True),
    Trait("evening_share_365d", "hours", "share of evenings", "晚间占比", "in the evening", "晚间购物", percent=True),
    Trait("night_share_365d", "hours", "share of nights", "深夜占比", "at night", "深夜购物", percent=True),
    Trait("weekend_share_365d", "weekend", "share of weekends", "周末占比", "at weekends", "周末购物",
          "on weekdays", "工作日购物", percent=True),
)  # fmt: skip


def all_traits(departments: list[str], labels: dict[str, str], labels_zh: dict[str, str]) -> list[Trait]:
    """The fixed traits and one for each department, in a stable order."""
    tastes = [
        Trait(
            f"dept:{name}", "taste",
            f"share of {labels.get(name, name.lower())}", f"{labels_zh.get(name, name)}占比",
            f"fond of {labels.get(name, name.lower())}", f"偏爱{labels_zh.get(name, name)}", percent=True,
        )
        for name in departments
    ]  # fmt: skip
    return [*_FIXED, *tastes]
