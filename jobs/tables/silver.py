"""silver: events, users, products and refunds, cleaned, once each."""

from __future__ import annotations

from jobs.tables.contract import DS, RUN, Table, columns
from jobs.tables.feature_list import MONEY

SILVER_EVENTS = Table(
    "silver", "events", "one thing a user did, once", ("event_id", "ds"),
    columns(
        ("event_id", "string", "identity of the event: source and the source's own id"),
        ("source", "string", "name of the source"),
        ("user_id", "string", "who", "用户"),
        ("event_time", "timestamp", "when, UTC", "时间"),
        ("event_type", "string", "view, click, search, favourite, cart, uncart, purchase, refund", "行为类型"),
        ("product_id", "string", "which product", "商品"),
        ("category", "string", "second level of the product's category path, or the first where there is one", "类目"),
        ("department", "string", "root of the category path", "部门"),
        ("brand", "string", "the product's brand", "品牌"),
        ("quantity", "bigint", "pieces", "件数"),
        ("price", "decimal(18,4)", "list price of one piece", "单价"),
        ("amount", MONEY, "money received; never negative (a refund is a type)", "金额"),
        ("discount", MONEY, "money taken off the list price", "优惠"),
        ("list_amount", MONEY, "amount + discount", "原价金额"),
        ("quantity_raw", "bigint", "quantity before it was drawn in as an outlier; null where it was not", "原始件数"),
        ("price_raw", "decimal(18,4)", "price before it was drawn in; null where it was not", "原始单价"),
        ("amount_raw", MONEY, "amount before it followed them; null where it did not", "原始金额"),
        ("session_id", "string", "the source's session, else a run of events without 30 minutes of silence", "会话"),
        ("session_start", "boolean", "true on the first event of its session", "会话起点"),
        ("order_start", "boolean", "true on the first purchase of its session", "订单起点"),
        ("query", "string", "search text: width folded, lower case, single spaces; see jobs/clean/queries.py", "搜索词"),
        ("device", "string", "mobile, tablet, desktop, app, tv, bot or unknown, by the user agent", "设备"),
        ("local_hour", "int", "hour of the day at the shop, 0-23", "当地小时"),
        ("local_weekday", "int", "ISO weekday at the shop, 1 = Monday", "星期"),
        ("is_bot", "boolean", "the user's day has rates no human has", "疑似机器人"),
        ("landed_ds", "date", "day on which the record was delivered", "到达日期"),
        ("ds", "date", "day of event_time at the shop (shop_zone of the source)", "日期"),
        ("run_id", "string", "the run that cleaned it", "运行编号"),
    ),
    "Events, typed, once each, sessionised, with product facts joined.", "清洗后的行为事件",
    deletion_vectors=True,
)  # fmt: skip

SILVER_USERS = Table(
    "silver", "users", "the current user", ("user_id",),
    columns(
        ("user_id", "string", "who", "用户"),
        ("age_band", "string", "age group", "年龄段"),
        ("gender", "string", "gender", "性别"),
        ("region", "string", "where the user lives", "地区"),
        ("occupation", "string", "occupation", "职业"),
        ("income_band", "string", "household income group", "收入段"),
        ("marketing_consent", "boolean", "may be addressed; null where the source does not say", "营销授权"),
        ("profiling_consent", "boolean", "may be profiled; null where no record says, then as marketing_consent", "画像授权"),
        ("training_consent", "boolean", "may be learned from; null as above", "训练授权"),
        ("attributes", "map<string,string>", "everything else that the source knows of the user", "其他属性"),
        ("first_seen_ds", "date", "day of the first event", "首次出现"),
        ("has_record", "boolean", "true where a user record was delivered, false where only events are known", "有档案"),
        ("record_landed_ds", "date", "day of the file of the newest record; null without a record"),
        ("record_file", "string", "file that carried it"),
        ("record_version", "string", "its version (bronze); null where the feed has none", "版本"),
        ("stated", "map<string,string>", "by column, and by key of `attributes` that the newest record lacks: version, day and name of "
         "the file that says it, the newest that does", "出处"),
    ),
    "Users as known now.", "当前用户档案",
)  # fmt: skip

SILVER_PRODUCTS = Table(
    "silver", "products", "the current product", ("product_id",),
    columns(
        ("product_id", "string", "which product", "商品"),
        ("title", "string", "title as shown", "标题"),
        ("category_path", "array<string>", "root to leaf", "类目路径"),
        ("category", "string", "second level of the path, or the first where there is one", "类目"),
        ("department", "string", "root of the path", "部门"),
        ("brand", "string", "brand", "品牌"),
        ("brand_source", "string", "record or title: what the brand is known from; null without a brand", "品牌来源"),
        ("title_tokens", "array<string>", "words of the title in its order, lower case", "标题分词"),
        ("title_attributes", "map<string,string>", "what the title says of size, pack, colour, for whom", "标题属性"),
        ("usual_price", "decimal(18,4)", "list price of one piece when it was last sold", "常用价"),
        ("price_seen_at", "timestamp", "time of the sale behind usual_price", "价格时间"),
        ("attributes", "map<string,string>", "everything else that the source knows of the product", "其他属性"),
        ("has_record", "boolean", "true where a product record was delivered, false where only events are known", "有档案"),
        ("record_landed_ds", "date", "day of the file of the newest record; null without a record"),
        ("record_file", "string", "file that carried it"),
        ("record_version", "string", "its version (bronze); null where the feed has none", "版本"),
        ("first_record_ds", "date", "day of the file of the first record; null without a record", "首次建档日期"),
    ),
    "Products as known now.", "当前商品档案",
)  # fmt: skip

SILVER_REFUNDS = Table(
    "silver", "refunds", "a refund with the purchase that it gives back", ("event_id", "ds"),
    columns(
        ("event_id", "string", "the refund, as in silver.events"),
        DS,
        ("user_id", "string", "who", "用户"),
        ("product_id", "string", "which product", "商品"),
        ("refund_time", "timestamp", "when it was given back, UTC", "退款时间"),
        ("amount", MONEY, "money given back", "退款金额"),
        ("quantity", "bigint", "pieces given back", "退款件数"),
        ("purchase_event_id", "string", "the purchase, as in silver.events; null where none was found", "购买事件"),
        ("purchase_ds", "date", "day of the purchase", "购买日期"),
        ("matched_quantity", "bigint", "pieces of the refund that purchases explain", "匹配件数"),
        ("days_between", "int", "days from purchase_ds to ds", "间隔天数"),
        RUN,
    ),
    "Refunds and the purchases that they give back.", "退款匹配",
)  # fmt: skip
