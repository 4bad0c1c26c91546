"""Every feature of gold.user_features: name, type, unit, names and meaning in English and Chinese.

Plain Python that imports nothing, as jobs/tables. The Column expression of each name stands in
jobs/features/expressions.py; a test holds the two sets equal, and docs/dictionary.md is generated from this list.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MONEY = "decimal(18,4)"  # less than 10^14: sums of what a user pays
TOTAL = "decimal(22,4)"  # sums over users
MONEY_UNITS = 10_000  # of one: sums of a history are counted in them

WINDOWS = (1, 7, 28, 90, 365)
HABITS = (28, 90, 365)  # a share of one day or of one week says little of a habit
RECENT = (1, 7, 28)  # a year of views by product is as large as the events themselves

# Shares by name are kept for so many of the largest.
TOP_SHARES, TOP_CATEGORIES, TOP_BRANDS = 10, 5, 3


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of gold.user_features. `null_when` is empty where the value is never null (then nothing done is 0)."""

    name: str
    type: str
    unit: str
    en: str
    zh: str
    meaning: str
    meaning_zh: str
    null_when: str = ""
    null_when_zh: str = ""


def _span(window: int) -> tuple[str, str]:
    return ("on ds", "当日") if window == 1 else (f"in the last {window} days", f"近{window}天")


def _family(
    windows: Iterable[int], stem: str, type: str, unit: str, en: str, zh: str, meaning: str, meaning_zh: str,
    null_when: str = "", null_when_zh: str = "",
) -> list[Feature]:  # fmt: skip
    """A feature for each window; `{span}` in a meaning becomes the window in words."""
    family = []
    for window in windows:
        span, span_zh = _span(window)
        names = f"{stem}_{window}d", type, unit, f"{en}, {window} d", f"{span_zh}{zh}"
        family.append(
            Feature(*names, meaning.format(span=span), meaning_zh.format(span=span_zh), null_when, null_when_zh)
        )
    return family


def _sums() -> list[Feature]:
    """What is counted or added up over all five windows."""
    rows = (
        ("frequency", "int", "orders", "orders", "订单数", "sessions with a purchase", "含购买的会话数"),
        ("monetary", MONEY, "money", "spend", "消费金额", "money received for purchases, before refunds,",
         "购买实收金额，不扣退款"),
        ("active_days", "int", "days", "active days", "活跃天数", "days with an event", "有行为的天数"),
        ("sessions", "int", "sessions", "sessions", "会话数", "sessions begun", "开始的会话数"),
        ("purchases", "int", "lines", "purchase lines", "购买行数", "purchase lines", "购买行数"),
        ("quantity", "bigint", "pieces", "pieces bought", "购买件数", "pieces bought", "购买件数"),
        ("views", "int", "events", "views", "浏览数", "views and clicks", "浏览与点击次数"),
        ("searches", "int", "events", "searches", "搜索数", "searches", "搜索次数"),
        ("favourites", "int", "events", "favourites", "收藏数", "favourites", "收藏次数"),
        ("carts", "int", "events", "cart additions", "加购数", "additions to the cart", "加入购物车次数"),
        ("refunds", "int", "lines", "refund lines", "退款行数", "refund lines", "退款行数"),
    )  # fmt: skip
    features = []
    for stem, type, unit, en, zh, meaning, meaning_zh in rows:
        features += _family(WINDOWS, stem, type, unit, en, zh, f"{meaning} {{span}}", f"{{span}}{meaning_zh}")
    return features


def _distinct() -> list[Feature]:
    rows = (
        (WINDOWS, "products", "products", "products bought", "购买商品数", "distinct products bought", "购买的不同商品数"),
        (WINDOWS, "categories", "categories", "categories bought", "购买类目数", "distinct categories bought", "购买的不同类目数"),
        (WINDOWS, "brands", "brands", "brands bought", "购买品牌数", "distinct brands bought", "购买的不同品牌数"),
        (RECENT, "products_viewed", "products", "products viewed", "浏览商品数", "distinct products viewed or clicked", "浏览或点击的不同商品数"),
        (RECENT, "products_carted", "products", "products carted", "加购商品数", "distinct products put into the cart", "加购的不同商品数"),
    )  # fmt: skip
    features = []
    for windows, stem, unit, en, zh, meaning, meaning_zh in rows:
        features += _family(windows, stem, "int", unit, en, zh, f"{meaning} {{span}}", f"{{span}}{meaning_zh}")
    return features


def _ratios() -> list[Feature]:
    no_carts, no_views = ("no addition to the cart", "无加购"), ("no view", "无浏览")
    no_orders, no_money = ("no order", "无订单"), ("nothing paid", "无消费")
    no_list, no_lines = ("no purchase at a list price above 0", "无原价大于0的购买"), ("nothing bought", "无购买")
    rows = (
        ("conversion", "share", "conversion rate", "转化率", "orders / sessions begun, at most 1", "订单数/会话数，至多为1",
         "no session", "无会话"),
        ("view_cart_rate", "share", "view to cart", "浏览加购率", "additions to the cart / views, at most 1", "加购数/浏览数，至多为1", *no_views),
        ("cart_purchase_rate", "share", "cart to purchase", "加购购买率", "purchase lines / additions to the cart, at most 1",
         "购买行数/加购数，至多为1", *no_carts),
        ("view_purchase_rate", "share", "view to purchase", "浏览购买率", "purchase lines / views, at most 1", "购买行数/浏览数，至多为1", *no_views),
        ("cart_abandonment", "share", "cart abandonment", "弃购率", "1 - purchase lines / additions to the cart, at least 0",
         "1-购买行数/加购数，至少为0", *no_carts),
        ("uncart_share", "share", "cart removals", "移出购物车占比", "removals from the cart / additions, at most 1",
         "移出购物车数/加购数，至多为1", *no_carts),
        ("refund_share", "ratio", "refund share", "退款占比",
         "money given back / money received, above 1 where earlier purchases were given back", "退款金额/消费金额，退回更早购买时可大于1", *no_money),
        ("discount_share", "share", "discount share", "优惠占比", "discounts / list price of what was bought", "优惠金额/原价金额", *no_list),
        ("basket_value", "money an order", "basket value", "客单价", "money received / orders", "消费金额/订单数", *no_orders),
        ("basket_lines", "lines an order", "basket lines", "每单商品行数", "purchase lines / orders", "购买行数/订单数", *no_orders),
        ("mean_price", "money a piece", "mean list price", "件均原价", "list price of what was bought / pieces", "原价金额/件数", *no_lines),
        ("price_index", "ratio", "price index", "价格指数", "list price of what was bought / mean list price of the same "
         "categories on the same days, 1 = as all buyers", "原价金额/同日同类目均价金额，1表示与全体买家相同", *no_list),
        ("low_price_share", "share", "low-price share", "低价占比",
         "share of the money on pieces below 3/4 of that day's mean list price of their category", "单价低于当日类目均价四分之三的消费占比", *no_money),
        ("high_price_share", "share", "high-price share", "高价占比",
         "share of the money on pieces above 5/4 of that day's mean list price of their category", "单价高于当日类目均价四分之五的消费占比", *no_money),
    )  # fmt: skip
    features = []
    for stem, unit, en, zh, meaning, meaning_zh, null_when, null_when_zh in rows:
        features += _family(
            HABITS, stem, "double", unit, en, zh, f"{meaning}, {{span}}", f"{{span}}{meaning_zh}",
            f"{null_when} in the window", f"窗口内{null_when_zh}",
        )  # fmt: skip
    return features


def _taste() -> list[Feature]:
    rows = (
        ("category_entropy", "bits", "category entropy", "类目熵", "Shannon entropy of the money by category, 0 = one category",
         "消费金额按类目分布的香农熵，0表示只有一个类目", "categories", "类目"),
        ("brand_entropy", "bits", "brand entropy", "品牌熵", "Shannon entropy of the money by brand, 0 = one brand",
         "消费金额按品牌分布的香农熵，0表示只有一个品牌", "brands", "品牌"),
        ("top_department_share", "share", "first department", "首部门占比", "share of the money in the largest department",
         "金额最高的部门的消费占比", "departments", "部门"),
        ("top_category_share", "share", "first category", "首类目占比", "share of the money in the largest category",
         "金额最高的类目的消费占比", "categories", "类目"),
        ("top_brand_share", "share", "first brand", "首品牌占比", "share of the money in the largest brand",
         "金额最高的品牌的消费占比", "brands", "品牌"),
    )  # fmt: skip
    features = []
    for stem, unit, en, zh, meaning, meaning_zh, things, things_zh in rows:
        features += _family(
            HABITS, stem, "double", unit, en, zh, f"{meaning}, {{span}}", f"{{span}}{meaning_zh}",
            f"no money for known {things} in the window", f"窗口内无已知{things_zh}的消费",
        )  # fmt: skip
    return features


def _hours() -> list[Feature]:
    rows = (
        ("morning", "mornings", "上午占比", "from 5:00 to 11:59", "5至11时"),
        ("afternoon", "afternoons", "下午占比", "from 12:00 to 17:59", "12至17时"),
        ("evening", "evenings", "晚间占比", "from 18:00 to 22:59", "18至22时"),
        ("night", "nights", "深夜占比", "from 23:00 to 4:59", "23至次日4时"),
        ("weekend", "weekends", "周末占比", "on Saturday or Sunday", "周六、周日"),
    )
    features = []
    for stem, en, zh, when, when_zh in rows:
        features += _family(
            HABITS, f"{stem}_share", "double", "share", f"share of {en}", zh,
            f"share of the events {when}, time of the shop, {{span}}", f"{{span}}{when_zh}（商店当地时间）的行为占比",
            "no event in the window", "窗口内无行为",
        )  # fmt: skip
    return features


def _trends() -> list[Feature]:
    rows = (
        ("", "spend", "消费趋势", "money", "消费金额"),
        ("frequency_", "order", "订单趋势", "orders", "订单数"),
        ("sessions_", "session", "会话趋势", "sessions", "会话数"),
        ("active_days_", "activity", "活跃趋势", "active days", "活跃天数"),
        ("views_", "view", "浏览趋势", "views", "浏览数"),
        ("carts_", "cart", "加购趋势", "additions to the cart", "加购数"),
    )
    return [
        Feature(
            f"{stem}trend_28d", "double", "-1 to 1", f"{en} trend", zh,
            f"(last 28 days - the 28 before) / their sum, in {things}: 1 = all of it is new, -1 = all of it has gone",
            f"（近28天-前28天）/两者之和，按{things_zh}：1表示全为新增，-1表示全部流失",
            f"no {things} in the 56 days", f"56天内无{things_zh}",
        )
        for stem, en, zh, things, things_zh in rows
    ]  # fmt: skip


_YEAR = "in the last 365 days"
_NO_GAP = ("fewer than two days with a purchase in 365", "365天内购买日不足两天")
_NO_EVENT = (f"no event {_YEAR}", "近365天无行为")

# Plain numbers: what a segment model, a rule or a trait may name.
NUMERIC: tuple[Feature, ...] = (
    Feature("recency_days", "int", "days", "days since the last purchase", "最近购买距今天数",
            "days from the last purchase to ds; 0 = bought on ds", "最近一次购买距当日的天数，0表示当日购买",
            f"no purchase {_YEAR}", "近365天无购买"),
    Feature("tenure_days", "int", "days", "days known", "首次行为距今天数",
            "days from the first event ever to ds", "首次行为距当日的天数"),
    Feature("inactive_days", "int", "days", "days since the last event", "最近行为距今天数",
            "days from the last event of any type to ds", "最近一次任意行为距当日的天数", *_NO_EVENT),
    Feature("cart_recency_days", "int", "days", "days since the last cart addition", "最近加购距今天数",
            "days from the last addition to the cart to ds", "最近一次加购距当日的天数",
            f"no addition to the cart {_YEAR}", "近365天无加购"),
    *_sums(), *_distinct(), *_ratios(), *_taste(), *_hours(),
    Feature("peak_hour_365d", "int", "hour, 0-23", "busiest hour", "最活跃小时",
            f"hour of the day at the shop with most events {_YEAR}, the earlier of equal ones",
            "近365天行为最多的当地小时，并列取较早者", *_NO_EVENT),
    Feature("peak_weekday_365d", "int", "ISO weekday, 1-7", "busiest weekday", "最活跃星期",
            f"weekday at the shop with most events {_YEAR}, 1 = Monday, the earlier of equal ones",
            "近365天行为最多的星期，1为周一，并列取较早者", *_NO_EVENT),
    *_trends(),
    Feature("interpurchase_days_mean", "double", "days", "days between purchases", "平均购买间隔",
            f"mean of the days between neighbouring days with a purchase, {_YEAR}", "近365天相邻购买日间隔的均值", *_NO_GAP),
    Feature("interpurchase_days_sd", "double", "days", "deviation of the same", "购买间隔标准差",
            "standard deviation (of the population) of the same gaps", "同一间隔的总体标准差", *_NO_GAP),
    Feature("overdue_ratio", "double", "ratio", "purchase overdue", "购买逾期比",
            "days since the last purchase / mean days between purchases, above 1 = later than usual",
            "最近购买距今天数/平均购买间隔，大于1表示比平时晚", *_NO_GAP),
)  # fmt: skip


def _shares(kind: str, zh: str, kept: str = "", kept_zh: str = "") -> Feature:
    return Feature(
        f"{kind}_shares_365d", "map<string,double>", "share", f"{kind} shares", f"{zh}占比",
        f"share of the money by {kind} {_YEAR}, largest first{kept}", f"近365天消费金额按{zh}的占比，从大到小{kept_zh}",
        f"no money for a known {kind} {_YEAR}", f"近365天无已知{zh}的消费",
    )  # fmt: skip


def _firsts(count: int, kind: str, stem: str, zh: str) -> Feature:
    return Feature(
        f"top_{stem}", "array<string>", stem, f"first {stem}", f"首{zh}",
        f"the first {count} {stem} by money {_YEAR}, equal ones by name", f"近365天消费金额最高的{count}个{zh}，并列按名称",
        f"no money for a known {kind} {_YEAR}", f"近365天无已知{zh}的消费",
    )  # fmt: skip


_LARGEST = (f"; the {TOP_SHARES} largest", f"；取最大的{TOP_SHARES}个")

# Profiles: more than one number.
PROFILES: tuple[Feature, ...] = (
    _shares("department", "部门"),
    _shares("category", "类目", *_LARGEST),
    _shares("brand", "品牌", *_LARGEST),
    _firsts(TOP_CATEGORIES, "category", "categories", "类目"),
    _firsts(TOP_BRANDS, "brand", "brands", "品牌"),
    Feature("hour_shares_365d", "array<double>", "share", "hours of the day", "小时分布",
            f"share of the events by hour at the shop {_YEAR}: 24 numbers, from 0:00", "近365天行为按当地小时的占比，24个数，自0时起", *_NO_EVENT),
    Feature("weekday_shares_365d", "array<double>", "share", "days of the week", "星期分布",
            f"share of the events by weekday at the shop {_YEAR}: 7 numbers, from Monday", "近365天行为按星期的占比，7个数，自周一起", *_NO_EVENT),
)  # fmt: skip

FEATURES = NUMERIC + PROFILES
