"""gold: what is known, expected and suggested of a user: days, features, sequences, vectors, predictions."""

from __future__ import annotations

from jobs.tables.contract import DS, MODEL, RUN, Column, Table, columns
from jobs.tables.feature_list import MONEY, NUMERIC, PROFILES

# Events marked is_bot are in bot_events alone.
USER_DAILY = Table(
    "gold", "user_daily", "a user's day", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("events", "int", "events of any type", "行为数"),
        ("bot_events", "int", "events marked as a bot's, counted nowhere else", "疑似机器行为数"),
        ("views", "int", "views and clicks", "浏览数"),
        ("searches", "int", "searches", "搜索数"),
        ("favourites", "int", "favourites", "收藏数"),
        ("carts", "int", "additions to the cart", "加购数"),
        ("uncarts", "int", "removals from the cart", "移出购物车数"),
        ("purchases", "int", "purchase lines", "购买行数"),
        ("refunds", "int", "refund lines", "退款行数"),
        ("orders", "int", "sessions with a purchase, on the day of the first one", "订单数"),
        ("sessions", "int", "sessions that began on the day", "会话数"),
        ("quantity", "bigint", "pieces bought", "购买件数"),
        ("amount", MONEY, "money received for purchases", "消费金额"),
        ("list_amount", MONEY, "the same at list price", "原价金额"),
        ("discount", MONEY, "discounts on purchases", "优惠金额"),
        ("refund_amount", MONEY, "money given back", "退款金额"),
        ("expected_amount", MONEY, "pieces bought at that day's mean list price of their category", "类目均价金额"),
        ("low_price_amount", MONEY, "money for pieces below 3/4 of that mean price", "低价消费金额"),
        ("high_price_amount", MONEY, "money for pieces above 5/4 of that mean price", "高价消费金额"),
        ("viewed_ids", "array<string>", "distinct products viewed or clicked, sorted", "浏览商品"),
        ("carted_ids", "array<string>", "distinct products put into the cart, sorted", "加购商品"),
        ("product_ids", "array<string>", "distinct products bought, sorted", "购买商品"),
        ("department_amount", f"map<string,{MONEY}>", "money by department, keys sorted", "部门金额"),
        ("category_amount", f"map<string,{MONEY}>", "money by category, keys sorted", "类目金额"),
        ("brand_amount", f"map<string,{MONEY}>", "money by brand, keys sorted", "品牌金额"),
        ("hours", "array<int>", "events by hour of the day at the shop, 24 numbers", "小时分布"),
        ("weekdays", "array<int>", "events by weekday at the shop, 7 numbers from Monday", "星期分布"),
        ("week", "date", "Monday of the week of ds", "周"),
        RUN,
    ),
    "The only thing that feature windows read.", "用户日聚合", partition_by=("week",),
)  # fmt: skip

NUMERIC_FEATURES: tuple[Column, ...] = tuple(Column(f.name, f.type, f.meaning, f.zh) for f in NUMERIC)

FEATURE_NAMES = {f.name: (f.en, f.zh, f.unit) for f in NUMERIC}  # English, Chinese, unit

USER_FEATURES = Table(
    "gold", "user_features", "a user as of ds", ("user_id", "ds"),
    (
        *columns(("user_id", "string", "who", "用户"), DS),
        *NUMERIC_FEATURES,
        *(Column(f.name, f.type, f.meaning, f.zh) for f in PROFILES),
        *columns(RUN),
    ),
    "What is known of a user's behaviour at the end of ds; later events never change it.", "用户特征（截至当日）",
    partition_by=("ds",),
)  # fmt: skip

SEQUENCE_LENGTH = 256

USER_SEQUENCES = Table(
    "gold", "user_sequences", f"a user's last {SEQUENCE_LENGTH} events as of ds, oldest first", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("length", "int", "events in the arrays", "长度"),
        ("last_event_ds", "date", "day of the newest event in the arrays", "最近行为日"),
        ("event_ids", "array<string>", "which events", "事件"),
        ("event_days", "array<int>", "their ds, days since 1970, ascending; null in rows of before it was kept: UTC's",
         "日序"),
        ("event_times", "array<bigint>", "seconds since 1970, UTC", "时间"),
        ("event_hours", "array<int>", "hour of the day at the shop, 0-23; null in rows of before it was kept: UTC's", "小时序"),
        ("event_types", "array<string>", "what was done", "行为类型"),
        ("product_ids", "array<string>", "which product; empty text where the event has none", "商品"),
        ("categories", "array<string>", "its category; empty text where unknown", "类目"),
        ("price_buckets", "array<int>", "0 = unknown, else 1 + floor(2 log2(1 + list price)), at most 63", "价格档"),
        RUN,
    ),
    "Equal-length arrays, ordered by day, time, then event id.", "用户行为序列",
    partition_by=("ds",),
)  # fmt: skip

USER_EMBEDDINGS = Table(
    "gold", "user_embeddings", "a user as a vector", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("embedding", "array<float>", "the Transformer's state after the sequence, faded means of states and of products, outlook at the end of ds", "向量"),
        ("input_hash", "bigint", "hash of all that the model read of the user, and of its weights", "输入与模型权重的指纹"),
        MODEL,
        RUN,
    ),
    "The champion's view of each user.", "用户向量",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

PREDICTIONS = Table(
    "gold", "predictions", "what is expected of a user after ds", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("churn_28d", "double", "probability of no purchase in the 28 days after ds", "28天流失概率"),
        ("purchase_7d", "double", "probability of a purchase in the 7 days after ds", "7天购买概率"),
        ("purchase_14d", "double", "the same in 14 days", "14天购买概率"),
        ("purchase_28d", "double", "the same in 28 days: 1 - churn_28d", "28天购买概率"),
        ("spend_28d", "double", "expected money for purchases in the 28 days after ds", "28天预计消费"),
        ("days_to_next_order", "double", "day by which the user has ordered with probability 1/2; null if beyond 28",
         "预计下单天数"),
        ("next_categories", "array<string>", "the five categories most likely bought in the 28 days", "下次购买类目"),
        ("next_category_scores", "array<double>", "probability of a purchase in each of them", "类目购买概率"),
        ("expected", "array<double>", "what segments are told apart by: expected log(1 + spend), arcsine of the root of "
         "churn_28d, factors of the expected categories, then probabilities of kinds where there are any", "预期向量"),
        ("slice", "string", "kind of user whose minima of data are asked, see conf/predictions.yaml", "用户分层"),
        ("refused", "array<string>", "predictions that are null because the data are too thin, and why", "拒绝预测原因"),
        ("reasons", "array<string>", "what moves churn_28d most, strongest first", "理由(英)"),
        ("reasons_zh", "array<string>", "the same in Chinese", "理由"),
        MODEL,
        RUN,
    ),
    "Calibrated predictions, by heads on the champion's vectors and the features.", "用户预测",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

RECOMMENDATIONS = Table(
    "gold", "recommendations", "a suggested product of a user as of ds", ("user_id", "ds", "rank"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("rank", "int", "place of the suggestion, 1 = first", "名次"),
        ("product_id", "string", "which product; it can be bought as of ds, see conf/recommendations.yaml", "商品"),
        ("price", "decimal(18,4)", "usual price of one piece; null where the shop tells no prices, or none of it yet", "常用价"),
        ("last_sold_ds", "date", "last day up to ds on which anybody bought it (looked at it, where nobody buys anything); null: never",
         "最近售出日"),
        ("score", "double", "probability that the user buys it (looks at it, where nobody buys anything) in the 28 days after "
         "ds (7 where the shop's history is too short to learn from 28); null for what is the same for all, or untried", "购买概率"),
        ("reason_kind", "string", "buy again, looked at, bought together, model, popular, or untried (new in the shop, hardly anybody bought it yet): what "
         "speaks most for it", "理由类别"),
        ("because_product_id", "string", "the product of the user's history that speaks most for it; null for others",
         "依据商品"),
        ("reason", "string", "why, in words", "理由(英)"),
        ("reason_zh", "string", "the same in Chinese", "理由"),
        MODEL,
        RUN,
    ),
    "What to offer to whom.", "商品推荐",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip
