"""Every table's contract: grain, keys, partition columns, schema, owner, meaning in English and Chinese.

Plain Python that imports nothing heavy: DAG files, the model's room and the UI plugins read it too.
Types are Spark DDL types. A path is always `WAREHOUSE/<layer>/<name>`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jobs.tables.feature_list import MONEY, NUMERIC, PROFILES, WINDOWS

__all__ = ["MONEY", "WINDOWS"]  # those of jobs/tables/feature_list.py that readers of a contract need


# What slices of tables are named by.
_SLICES = ("source", "kind", "stage", "source_file", "landed_ds", "ds", "run_id")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Spark DDL type, its meaning and its Chinese name."""

    name: str
    type: str
    meaning: str
    zh: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table's contract. `grain` completes the sentence "one row is ...".

    `partition_by` is for tables that a night writes as one file: its slice is a folder. Tables into which a history of
    days is loaded in one pass have no folder a day: a file for each of its days would cost more than all else, and a
    night's own file is found by its statistics as well. Late records touch a few rows of nearly every file of six
    weeks. Where rows may be marked beside their file (`deletion_vectors`: Delta's), it stays as it is; where all
    readers of gold must read them, a folder a week bounds what is written anew, however long the history is.
    """

    layer: str
    name: str
    grain: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    meaning: str
    zh: str
    partition_by: tuple[str, ...] = ()
    owner: str = "data-engineering"
    deletion_vectors: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.layer}.{self.name}"

    @property
    def ddl(self) -> str:
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def skipped_by(self) -> tuple[str, ...]:
        """Columns whose least and greatest value are kept of each file, so that readers leave files out by them.

        Delta would keep them of the first 32 columns: a fifth of the time of writing a log, for values nobody asks for.
        """
        return tuple(name for name in _SLICES if name in self.column_names and name not in self.partition_by)

    def path(self, warehouse: str) -> str:
        """Where the table lies under a warehouse (a folder or any URI that Spark can write)."""
        return f"{warehouse.rstrip('/')}/{self.layer}/{self.name}"

    def staged(self) -> Table:
        """The same table in the waiting room: written by `segment` or ml.recommend, checked, moved by `publish`."""
        return replace(self, layer="staged")


# Chinese names of columns that mean the same in every table without a name of its own.
_ZH = {
    "source": "数据源", "event_id": "行为编号", "id": "编号", "user_id": "用户", "event_time": "时间", "event_type": "行为类型",
    "product_id": "商品", "quantity": "件数", "price": "单价", "amount": "金额", "discount": "优惠", "session_id": "会话",
    "query": "搜索词", "attributes": "其他属性", "source_file": "来源文件", "landed_ds": "到达日期", "ds": "日期",
    "run_id": "运行编号", "ingested_at": "装载时间", "kind": "数据种类", "stage": "环节", "raw": "原始记录", "reason": "原因",
    "rows_in": "输入行数", "loaded": "装载行数", "duplicates": "重复行数", "quarantined": "隔离行数", "outside": "其他日期行数",
    "late": "迟到行数", "columns": "未映射列", "table": "表", "expectation": "期望", "column": "列", "severity": "级别",
    "success": "是否通过", "observed": "观测值", "threshold": "阈值", "unexpected_count": "未通过行数",
    "user_agent": "用户代理",
    "record_landed_ds": "档案到达日期",
    "record_file": "档案文件",
    "released": "放行行数",
    "suppressed": "抑制行数",
    "digest": "文件摘要",
    "size": "字节数",
    "modified_us": "修改时间",
    "mapping": "映射版本",
    "days_late": "迟到天数",
    "events": "行为数",
    "users": "用户数",
    "least_hours": "最少迟到小时",
    "most_hours": "最多迟到小时",
    "rule": "缺失处理",
    "rows": "行数",
    "missing": "缺失行数",
    "share": "缺失占比",
}  # fmt: skip


def _columns(*rows: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(*row) if len(row) > 3 else Column(*row, zh=_ZH.get(row[0], "")) for row in rows)


_DS = ("ds", "date", "the day that the row is true for", "日期")
_RUN = ("run_id", "string", "the run that wrote the row; see ops.runs", "运行编号")
_MODEL = ("model_version", "string", "version of the registered model that spoke", "模型版本")

# What one thing that a user did can be.
EVENT_TYPES = ("view", "click", "search", "favourite", "cart", "uncart", "purchase", "refund")

BRONZE_EVENTS = Table(
    "bronze", "events", "a record as received, typed", ("source", "event_id", "ds"),
    _columns(
        ("source", "string", "name of the source, a file of conf/sources"),
        ("event_id", "string", "identifies the record within its source and day"),
        ("user_id", "string", "who"),
        ("event_time", "timestamp", "when, UTC"),
        ("event_type", "string", "one of EVENT_TYPES"),
        ("product_id", "string", "which product, null where the event has none"),
        ("quantity", "bigint", "pieces"),
        ("price", "decimal(18,4)", "list price of one piece, before discounts, as received"),
        ("amount", MONEY, "what the shop received for the line"),
        ("discount", MONEY, "what was taken off the list price"),
        ("session_id", "string", "the source's own session or basket, if it has one"),
        ("query", "string", "search text"),
        ("user_agent", "string", "what the user's program called itself"),
        ("attributes", "map<string,string>", "every column that the mapping does not name"),
        ("source_file", "string", "file that carried the record, under the landing folder"),
        ("landed_ds", "date", "day on which the record was delivered"),
        ("ds", "date", "day of event_time, UTC"),
        ("run_id", "string", "the run that loaded it"),
        ("ingested_at", "timestamp", "wall clock of the load; bookkeeping only"),
    ),
    "Records as received, typed; nothing is corrected here.", "原始事件（已类型化，未修正）",
)  # fmt: skip


def _bronze_dimension(name: str, what: str, zh: str) -> Table:
    return Table(
        "bronze", name, f"a {what} record as received", ("source", "id", "landed_ds"),
        _columns(
            ("source", "string", "name of the source"),
            ("id", "string", f"the {what}'s id"),
            ("attributes", "map<string,string>", "mapped fields under our names, all others under theirs"),
            ("source_file", "string", "file that carried the record"),
            ("landed_ds", "date", "day on which the record was delivered"),
            ("run_id", "string", "the run that loaded it"),
            ("ingested_at", "timestamp", "wall clock of the load"),
        ),
        f"{what.capitalize()} records as received.", zh,
    )  # fmt: skip


BRONZE_USERS = _bronze_dimension("users", "user", "原始用户档案")
BRONZE_PRODUCTS = _bronze_dimension("products", "product", "原始商品档案")

SILVER_EVENTS = Table(
    "silver", "events", "one thing a user did, once", ("event_id", "ds"),
    _columns(
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
        ("query", "string", "search text: width folded, lower case, single spaces; see jobs/clean/text.py", "搜索词"),
        ("device", "string", "mobile, tablet, desktop, app, tv, bot or unknown, by the user agent", "设备"),
        ("local_hour", "int", "hour of the day at the shop, 0-23", "当地小时"),
        ("local_weekday", "int", "ISO weekday at the shop, 1 = Monday", "星期"),
        ("is_bot", "boolean", "the user's day has rates no human has", "疑似机器人"),
        ("landed_ds", "date", "day on which the record was delivered", "到达日期"),
        ("ds", "date", "day of event_time, UTC", "日期"),
        ("run_id", "string", "the run that cleaned it", "运行编号"),
    ),
    "Events, typed, once each, sessionised, with product facts joined.", "清洗后的行为事件",
    deletion_vectors=True,
)  # fmt: skip

SILVER_USERS = Table(
    "silver", "users", "the current user", ("user_id",),
    _columns(
        ("user_id", "string", "who", "用户"),
        ("age_band", "string", "age group", "年龄段"),
        ("gender", "string", "gender", "性别"),
        ("region", "string", "where the user lives", "地区"),
        ("occupation", "string", "occupation", "职业"),
        ("income_band", "string", "household income group", "收入段"),
        ("marketing_consent", "boolean", "may be addressed; null where the source does not say", "营销授权"),
        ("attributes", "map<string,string>", "everything else that the source knows of the user", "其他属性"),
        ("first_seen_ds", "date", "day of the first event", "首次出现"),
        ("has_record", "boolean", "true where a user record was delivered, false where only events are known", "有档案"),
        ("record_landed_ds", "date", "day on which the newest record came; null without a record"),
        ("record_file", "string", "file that carried it"),
    ),
    "Users as known now.", "当前用户档案",
)  # fmt: skip

SILVER_PRODUCTS = Table(
    "silver", "products", "the current product", ("product_id",),
    _columns(
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
        ("record_landed_ds", "date", "day on which the newest record came; null without a record"),
        ("record_file", "string", "file that carried it"),
    ),
    "Products as known now.", "当前商品档案",
)  # fmt: skip

SILVER_REFUNDS = Table(
    "silver", "refunds", "a refund with the purchase that it gives back", ("event_id", "ds"),
    _columns(
        ("event_id", "string", "the refund, as in silver.events"),
        _DS,
        ("user_id", "string", "who", "用户"),
        ("product_id", "string", "which product", "商品"),
        ("refund_time", "timestamp", "when it was given back, UTC", "退款时间"),
        ("amount", MONEY, "money given back", "退款金额"),
        ("quantity", "bigint", "pieces given back", "退款件数"),
        ("purchase_event_id", "string", "the purchase, as in silver.events; null where none was found", "购买事件"),
        ("purchase_ds", "date", "day of the purchase", "购买日期"),
        ("matched_quantity", "bigint", "pieces of the refund that purchases explain", "匹配件数"),
        ("days_between", "int", "days from purchase_ds to ds", "间隔天数"),
        _RUN,
    ),
    "Refunds and the purchases that they give back.", "退款匹配",
)  # fmt: skip

# Events marked is_bot are in bot_events alone.
USER_DAILY = Table(
    "gold", "user_daily", "a user's day", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
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
        _RUN,
    ),
    "The only thing that feature windows read.", "用户日聚合", partition_by=("week",),
)  # fmt: skip

NUMERIC_FEATURES: tuple[Column, ...] = tuple(Column(f.name, f.type, f.meaning, f.zh) for f in NUMERIC)
FEATURE_NAMES = {f.name: (f.en, f.zh, f.unit) for f in NUMERIC}  # English, Chinese, unit

USER_FEATURES = Table(
    "gold", "user_features", "a user as of ds", ("user_id", "ds"),
    (
        *_columns(("user_id", "string", "who", "用户"), _DS),
        *NUMERIC_FEATURES,
        *(Column(f.name, f.type, f.meaning, f.zh) for f in PROFILES),
        *_columns(_RUN),
    ),
    "What is known of a user's behaviour at the end of ds; later events never change it.", "用户特征（截至当日）",
    partition_by=("ds",),
)  # fmt: skip

SEQUENCE_LENGTH = 256

USER_SEQUENCES = Table(
    "gold", "user_sequences", f"a user's last {SEQUENCE_LENGTH} events as of ds, oldest first", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
        ("length", "int", "events in the arrays", "长度"),
        ("last_event_ds", "date", "day of the newest event in the arrays", "最近行为日"),
        ("event_ids", "array<string>", "which events", "事件"),
        ("event_times", "array<bigint>", "seconds since 1970, UTC, ascending", "时间"),
        ("event_types", "array<string>", "what was done", "行为类型"),
        ("product_ids", "array<string>", "which product; empty text where the event has none", "商品"),
        ("categories", "array<string>", "its category; empty text where unknown", "类目"),
        ("price_buckets", "array<int>", "0 = unknown, else 1 + floor(2 log2(1 + list price)), at most 31", "价格档"),
        _RUN,
    ),
    "Equal-length arrays, ordered by time, then event id.", "用户行为序列",
    partition_by=("ds",),
)  # fmt: skip

USER_EMBEDDINGS = Table(
    "gold", "user_embeddings", "a user as a vector", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
        ("embedding", "array<float>", "state of the Transformer at the end of the sequence", "向量"),
        ("input_hash", "bigint", "hash of all that the model read of the user", "输入指纹"),
        _MODEL,
        _RUN,
    ),
    "The champion's view of each user.", "用户向量",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

PREDICTIONS = Table(
    "gold", "predictions", "what is expected of a user after ds", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
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
        _MODEL,
        _RUN,
    ),
    "Calibrated predictions, by heads on the champion's vectors and the features.", "用户预测",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

RESCORED_EMBEDDINGS = Table(
    "ops", "rescored_embeddings", "a user as the model of the last published night sees him tonight",
    ("user_id", "ds", "as_of"),
    _columns(
        ("user_id", "string", "who"),
        ("ds", "date", "the night that scores again"),
        ("as_of", "date", "ds: behaviour up to tonight; else the last published night, as it is known tonight", "截至日期"),
        ("embedding", "array<float>", "state of that night's Transformer", "向量"),
        ("model_version", "string", "the version of the last published night", "模型版本"),
        ("run_id", "string", "the run that wrote the row"),
    ),
    "By what a move's cause is told: everybody where the champion is another, and whom late records touch.", "复算向量",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

SEGMENT_MODELS = Table(
    "gold", "segment_models", "the centre of a segment in one model version", ("model_version", "segment_id"),
    _columns(
        _MODEL,
        ("segment_id", "int", "id that survives retraining and is never used again", "人群编号"),
        ("center", "array<double>", "centre in standardised inputs", "中心"),
        ("inputs", "array<string>", "names of the inputs: numeric features, dept:NAME shares, emb:K", "输入"),
        ("fill", "array<double>", "value in place of a null input", "缺省值"),
        ("log_scaled", "array<boolean>", "true: log(1 + max(value, 0)) is taken first", "取对数"),
        ("mean", "array<double>", "subtracted", "均值"),
        ("scale", "array<double>", "divided by (block weights are part of it)", "尺度"),
        ("parents", "array<int>", "segments of the version before that most of its users come from", "来源人群"),
        ("status", "string", "kept, born, split or merged, against the version before", "状态"),
        ("rule", "string", "surrogate rule in plain terms", "规则(英)"),
        ("rule_zh", "string", "the same in Chinese", "规则"),
        ("rule_fidelity", "double", "F1 of the rule against the membership", "规则吻合度"),
        ("fitted_ds", "date", "snapshot that it was fitted on", "拟合日期"),
    ),
    "Segment centres, written when a model is registered; a night only assigns.", "人群模型",
    partition_by=("model_version",), owner="machine-learning",
)  # fmt: skip

USER_SEGMENTS = Table(
    "gold", "user_segments", "a user's segment as of ds", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
        ("segment_id", "int", "the segment", "人群编号"),
        ("segment_name", "string", "its English name", "人群名(英)"),
        ("segment_name_zh", "string", "its Chinese name", "人群名"),
        ("confidence", "double", "1 - distance to the centre / distance to the next centre; 0 = on the border or beyond", "置信度"),
        ("previous_segment_id", "int", "segment on the last published night before ds; null for a new user", "前一人群"),
        ("change", "string", "enter, stay or move", "变化"),
        ("cause", "string", "null for stay, else see gold.segment_changes", "原因"),
        ("reasons", "array<string>", "traits that decide, strongest first", "理由(英)"),
        ("reasons_zh", "array<string>", "the same in Chinese", "理由"),
        _MODEL,
        _RUN,
    ),
    "Who is in which segment.", "用户人群归属",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

_TRAIT = "struct<feature:string,name:string,name_zh:string,value:double,base:double,lift:double,z:double>"

_JOURNEY = "struct<path:string,path_zh:string,users:bigint,share:double,lift:double>"

SEGMENTS = Table(
    "gold", "segments", "a segment as of ds", ("segment_id", "ds"),
    _columns(
        ("segment_id", "int", "the segment", "人群编号"),
        _DS,
        ("segment_name", "string", "English name", "人群名(英)"),
        ("segment_name_zh", "string", "Chinese name", "人群名"),
        ("description", "string", "one sentence, English", "描述(英)"),
        ("description_zh", "string", "one sentence, Chinese", "描述"),
        ("size", "bigint", "users", "人数"),
        ("share", "double", "share of all users", "占比"),
        ("spend_28d", MONEY, "money of its users in the last 28 days", "近28天消费"),
        ("spend_365d", MONEY, "money of its users in the last 365 days", "近365天消费"),
        ("traits", f"array<{_TRAIT}>", "traits by strength; lift = mean in the segment / mean of all users", "特征"),
        ("entered", "bigint", "users who came since the last published night", "进入人数"),
        ("left", "bigint", "users who went since the last published night", "离开人数"),
        ("rule", "string", "surrogate rule in plain terms", "规则(英)"),
        ("rule_zh", "string", "the same in Chinese", "规则"),
        ("rule_fidelity", "double", "F1 of the rule against the membership, on the snapshot it was fitted on", "规则吻合度"),
        ("parents", "array<int>", "segments of the model version before", "来源人群"),
        ("status", "string", "kept, born, split or merged, against the model version before; died: nobody is in it from "
         "this night on, and its id is not used again", "状态"),
        ("successors", "array<int>", "of one that died: where most of its users went; else empty", "去向人群"),
        ("journeys", f"array<{_JOURNEY}>", "ways to a purchase in 28 days that are commoner here than elsewhere; lift = "
         "share of the users here / of all users", "典型路径"),
        _MODEL,
        _RUN,
    ),
    "What the segments are.", "人群画像",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

SEGMENT_CHANGES = Table(
    "gold", "segment_changes", "a user entering, leaving or moving", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who; of an erased user the subject of ops.erasures", "用户"),
        _DS,
        ("previous_ds", "date", "the published night that ds is held against", "对比日期"),
        ("from_segment_id", "int", "null for a new user", "原人群"),
        ("to_segment_id", "int", "null for a user who left", "新人群"),
        ("change", "string", "enter, move or exit", "变化"),
        ("cause", "string", "behaviour, model, rule, late data or erasure: told by scoring again, see docs/segments.md", "原因"),
        ("corrected_segment_id", "int", "by the last night's model as of that night, late records in; null: none came",
         "订正后人群"),
        ("former_segment_id", "int", "by the last night's model and rules as of ds", "原模型人群"),
        _MODEL,
        _RUN,
    ),
    "Who moved and why.", "人群变动",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

USER_PROFILES = Table(
    "gold", "user_profiles", "the portrait of a user as of ds", ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
        ("age_band", "string", "age group", "年龄段"),
        ("gender", "string", "gender", "性别"),
        ("region", "string", "where the user lives", "地区"),
        ("occupation", "string", "occupation", "职业"),
        ("income_band", "string", "household income group", "收入段"),
        ("marketing_consent", "boolean", "may be addressed; null where unknown", "营销授权"),
        ("attributes", "map<string,string>", "what else the source knows", "其他属性"),
        ("segment_id", "int", "segment of the night", "人群编号"),
        ("segment_name", "string", "its English name", "人群名(英)"),
        ("segment_name_zh", "string", "its Chinese name", "人群名"),
        ("lifecycle_stage", "string", "new, active, loyal, slipping, dormant, lost, or browsing (never bought)", "生命周期"),
        ("previous_lifecycle_stage", "string", "the same on the last published night; null for a new user", "前一生命周期"),
        ("lifecycle_cause", "string", "behaviour, or rule where conf/profiles.yaml alone moved it; null: not moved",
         "生命周期变化原因"),
        ("rfm_class", "string", "three digits 1-5: recency, frequency, monetary quintile among all buyers", "RFM分层"),
        ("recency_days", "int", "days since the last purchase", "最近购买距今天数"),
        ("frequency_90d", "int", "orders in 90 days", "近90天订单数"),
        ("monetary_90d", MONEY, "money in 90 days", "近90天消费金额"),
        ("monetary_365d", MONEY, "money in 365 days", "近365天消费金额"),
        ("top_categories", "array<string>", "first five categories by money", "首五类目"),
        ("price_tier", "string", "budget, middle or premium, by price_index_365d", "价格层级"),
        ("active_hours", "string", "morning, afternoon, evening or night, where most events are", "活跃时段"),
        ("global_holdout", "boolean", "true: addressed by no audience's campaigns, see holdout in conf/profiles.yaml", "全局对照组"),
        ("tags", "array<string>", "statistical, rule and mined tags, see gold.tags, English", "标签(英)"),
        ("tags_zh", "array<string>", "the same in Chinese", "标签"),
        ("reasons", "array<string>", "why the user is in the segment", "理由(英)"),
        ("churn_28d", "double", "calibrated probability of no purchase in the 28 days after ds; null where the data are too "
         "thin to say, see refused of gold.predictions", "28天流失概率"),
        ("purchase_7d", "double", "the same of a purchase in the 7 days after ds", "7天购买概率"),
        ("purchase_28d", "double", "the same in 28 days", "28天购买概率"),
        ("spend_28d", "double", "expected money for purchases in the 28 days after ds", "28天预计消费"),
        ("days_to_next_order", "double", "day by which the user has ordered with probability 1/2; null if beyond 28",
         "预计下单天数"),
        ("next_categories", "array<string>", "the five categories most likely bought in the 28 days", "下次购买类目"),
        ("prediction_reasons", "array<string>", "what moves churn_28d most, strongest first", "预测理由(英)"),
        ("prediction_reasons_zh", "array<string>", "the same in Chinese", "预测理由"),
        _MODEL,
        _RUN,
    ),
    "One page on each user.", "用户画像",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

TAGS = Table(
    "gold", "tags", "a tag as of ds", ("tag", "ds"),
    _columns(
        ("tag", "string", "as in tags of gold.user_profiles", "标签(英)"),
        _DS,
        ("tag_zh", "string", "as in tags_zh", "标签"),
        ("kind", "string", "statistical (a measured fact), rule (a line that somebody drew), mined (a model's)", "类别(英)"),
        ("kind_zh", "string", "the same in Chinese", "类别"),
        ("users", "bigint", "users who have it", "覆盖人数"),
        ("coverage", "double", "share of all users", "覆盖率"),
        ("previous_coverage", "double", "on the last published night; null where there was none", "前一覆盖率"),
        _RUN,
    ),
    "Which tags there are, of what kind, and how many users they cover.", "标签覆盖率",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

RECOMMENDATIONS = Table(
    "gold", "recommendations", "a suggested product of a user as of ds", ("user_id", "ds", "rank"),
    _columns(
        ("user_id", "string", "who", "用户"),
        _DS,
        ("rank", "int", "place of the suggestion, 1 = first", "名次"),
        ("product_id", "string", "which product; it can be bought as of ds, see conf/recommendations.yaml", "商品"),
        ("price", "decimal(18,4)", "usual price of one piece; null where the shop tells no prices", "常用价"),
        ("last_sold_ds", "date", "last day up to ds on which anybody bought it", "最近售出日"),
        ("score", "double", "probability that the user buys it in the 28 days after ds (7 where the shop's history is too "
         "short to learn from 28); null for what is the same for all", "购买概率"),
        ("reason_kind", "string", "buy again, looked at, bought together, model or popular: what speaks most for it",
         "理由类别"),
        ("because_product_id", "string", "the product of the user's history that speaks most for it; null for others",
         "依据商品"),
        ("reason", "string", "why, in words", "理由(英)"),
        ("reason_zh", "string", "the same in Chinese", "理由"),
        _MODEL,
        _RUN,
    ),
    "What to offer to whom.", "商品推荐",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

_CURVE = "array<struct<users:bigint,similarity:double>>"

AUDIENCES = Table(
    "gold", "audiences", "an audience of conf/audiences as of ds", ("audience_id", "ds"),
    _columns(
        ("audience_id", "string", "the audience: the name of its file", "受众编号"),
        _DS,
        ("name", "string", "English name", "受众名(英)"),
        ("name_zh", "string", "Chinese name", "受众名"),
        ("description", "string", "one sentence, English", "描述(英)"),
        ("description_zh", "string", "one sentence, Chinese", "描述"),
        ("audience_owner", "string", "who answers for it", "受众负责人"),
        ("kind", "string", "where (a rule), union, intersect, except, lookalike", "类型"),
        ("schedule", "string", "nightly, weekly: DAY or monthly: DAY; on other nights the last membership stands", "更新计划"),
        ("evaluated_ds", "date", "the night on which its rule was asked last", "评估日期"),
        ("definition", "string", "the file as JSON, as of ds", "定义"),
        ("definition_hash", "string", "another where it, or an audience that it needs, means others", "定义摘要"),
        ("evaluated_hash", "string", "definition_hash of the definition that was asked on evaluated_ds", "评估定义摘要"),
        ("size", "bigint", "members, the holdout with them", "人数"),
        ("share", "double", "share of all users", "占比"),
        ("holdout_size", "bigint", "members who are not to be addressed, so that an effect can be measured", "对照组人数"),
        ("holdout_share", "double", "share of the members that the hash should hold out, the global holdout with them", "对照组比例"),
        ("suppressed", "bigint", "users whose rule holds and who are kept out, see gold.audience_suppressed", "抑制人数"),
        ("entered", "bigint", "users who came since the last published night", "进入人数"),
        ("left", "bigint", "users who went since the last published night", "离开人数"),
        ("estimate", "double", "size as told from the night's sample, as a preview tells it; null where the rule was not asked", "估计人数"),
        ("estimate_low", "double", "lower end of its 95 % interval", "估计下限"),
        ("estimate_high", "double", "upper end", "估计上限"),
        ("seed_size", "bigint", "of a lookalike: members of its seed", "种子人数"),
        ("similarity_curve", _CURVE, "of a lookalike: similarity of the last of the users most alike, for several sizes", "相似度曲线"),
        ("refused", "string", "why a lookalike was not made anew, and the last membership stands; null otherwise", "拒绝原因"),
        _RUN,
    ),
    "Which audiences there are, by which rule, how large.", "受众",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_MEMBERS = Table(
    "gold", "audience_members", "a user in an audience as of ds", ("audience_id", "ds", "user_id"),
    _columns(
        ("audience_id", "string", "the audience", "受众编号"),
        _DS,
        ("user_id", "string", "who", "用户"),
        ("since_ds", "date", "the night on which the user came in and has not left since", "进入日期"),
        ("holdout", "boolean", "true: not to be addressed, so that the effect on the others can be measured", "对照组"),
        ("similarity", "double", "of a lookalike made anew on ds: how like the seed, higher is nearer; else null", "相似度"),
        ("definition_hash", "string", "of the definition that made him a member", "定义摘要"),
        _MODEL,
        _RUN,
    ),
    "Who is in which audience.", "受众成员",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_SUPPRESSED = Table(
    "gold", "audience_suppressed", "a user whom an audience's rule means and who is kept out, as of ds",
    ("audience_id", "ds", "user_id"),
    _columns(
        ("audience_id", "string", "the audience", "受众编号"),
        _DS,
        ("user_id", "string", "who", "用户"),
        ("reason", "string", "consent, audience ID (he is in that one), or entered before (once_in_days)", "抑制原因"),
        _RUN,
    ),
    "Who is kept out of which audience, and why.", "受众抑制",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_CHANGES = Table(
    "gold", "audience_changes", "a user entering or leaving an audience", ("audience_id", "ds", "user_id"),
    _columns(
        ("audience_id", "string", "the audience", "受众编号"),
        _DS,
        ("user_id", "string", "who; of an erased user the subject of ops.erasures", "用户"),
        ("previous_ds", "date", "the published night that ds is held against; null on the first", "对比日期"),
        ("change", "string", "enter or exit", "变化"),
        ("cause", "string", "behaviour, rule, model, suppression, late data or erasure: told by asking again, see docs/audiences.md", "原因"),
        ("definition_hash", "string", "as in gold.audience_members; null where the audience is no more", "定义摘要"),
        ("previous_definition_hash", "string", "the same on previous_ds; null where there was none", "前一定义摘要"),
        _MODEL,
        _RUN,
    ),
    "Who entered and left which audience, and why.", "受众变动",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_OVERLAP = Table(
    "gold", "audience_overlap", "a pair of audiences as of ds", ("audience_id", "other_id", "ds"),
    _columns(
        ("audience_id", "string", "the one that comes first by name", "受众编号"),
        ("other_id", "string", "the other", "另一受众"),
        _DS,
        ("size", "bigint", "members of the one", "人数"),
        ("other_size", "bigint", "members of the other", "另一受众人数"),
        ("both", "bigint", "users in both", "重叠人数"),
        ("jaccard", "double", "both / users in either; null where nobody is in either", "Jaccard系数"),
        ("share_of_smaller", "double", "both / members of the smaller one; null where it has none", "占较小者比例"),
        _RUN,
    ),
    "How much audiences overlap, every pair.", "受众重叠",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

QUARANTINE = Table(
    "ops", "quarantine", "a record that could not be loaded or failed a row rule", (),
    _columns(
        ("source", "string", "name of the source"),
        ("kind", "string", "events, users or products"),
        ("stage", "string", "collect or clean"),
        ("ds", "date", "the day on whose behalf it was refused: landed_ds at collect, event day at clean"),
        ("source_file", "string", "file that carried it"),
        ("raw", "string", "the record as received (JSON at clean)"),
        ("reason", "string", "rule and what was found, as rule: detail"),
        ("run_id", "string", "the run that refused it"),
    ),
    "Refused records with the reason.", "隔离区",
)  # fmt: skip

LOADS = Table(
    "ops", "loads", "a file of one load", ("source", "kind", "landed_ds", "source_file"),
    _columns(
        ("source", "string", "name of the source"),
        ("kind", "string", "events, users or products"),
        ("landed_ds", "date", "day on which it was delivered"),
        ("source_file", "string", "file under the landing folder"),
        ("rows_in", "bigint", "records of it = loaded + duplicates + quarantined + suppressed + outside"),
        ("loaded", "bigint", "records in bronze"),
        ("duplicates", "bigint", "records already there"),
        ("quarantined", "bigint", "records in ops.quarantine"),
        ("suppressed", "bigint", "records of users in ops.erasures: left out, or erased since; null is 0"),
        ("outside", "bigint", "records older than the history that was asked for, in a file of any days"),
        ("late", "bigint", "loaded records of an earlier day than they were delivered on"),
        ("released", "bigint", "of the loaded ones: once quarantined, released since"),
        ("columns", "array<string>", "columns of its records that went to attributes"),
        ("digest", "string", "SHA-256 of the file's bytes"),
        ("size", "bigint", "bytes"),
        ("modified_us", "bigint", "when the file was last changed, microseconds since 1970"),
        ("mapping", "string", "which mapping read it"),
        ("run_id", "string", "the run that loaded it"),
    ),
    "What each file brought: nothing is lost, and no file is loaded twice.", "文件装载台账",
)  # fmt: skip

ERASURES = Table(
    "ops", "erasures", "a user who was erased", ("subject",),
    _columns(
        ("subject", "string", "keyed hash of the user's id (HMAC-SHA256): no id is kept", "用户摘要"),
        ("key_check", "string", "tells whether a key is the one that made subject", "密钥校验"),
        ("ds", "date", "day on which the erasure was asked for", "申请日期"),
        ("night", "date", "the last night published before it: the next one tells the exit; null: none was", "末次发布夜"),
        ("segment_id", "int", "his segment on that night; null where he had none", "原人群"),
        ("audiences", "array<string>", "his audiences on that night", "原受众"),
        ("deleted", "map<string,bigint>", "rows that were deleted, by table", "删除行数"),
        ("table_versions", "map<string,bigint>", "Delta version of each table afterwards", "删除后表版本"),
        ("files", "bigint", "files that the scan read", "扫描文件数"),
        ("bytes", "bigint", "their bytes", "扫描字节数"),
        ("finds", "bigint", "places where the scan still found the id; 0 is the proof", "残留处数"),
        ("done_at", "timestamp", "wall clock of the scan without a find; null: not done, run erase again", "完成时间"),
        ("run_id", "string", "the run that erased him", "运行编号"),
    ),
    "Erasures and their proof; who stands here is never loaded again.", "删除凭证",
)  # fmt: skip

RESTATED = Table(
    "ops", "restated", "a user's day that a delivery changed outside the days of its run",
    ("source", "source_file", "landed_ds", "user_id", "ds"),
    _columns(
        ("source", "string", "name of the source"),
        ("source_file", "string", "the file whose records came late, or were corrected"),
        ("landed_ds", "date", "the night in which they came"),
        ("user_id", "string", "whose day"),
        ("ds", "date", "the day that must be made anew"),
    ),
    "What a night has to make anew beside its own days: these users' days, and nothing else.", "补算清单",
)  # fmt: skip

LATENESS = Table(
    "ops", "lateness", "the events of one day that came in one later night", ("source", "landed_ds", "ds"),
    _columns(
        ("source", "string", "name of the source"),
        ("landed_ds", "date", "the night in which they came"),
        ("ds", "date", "the day on which they happened, UTC"),
        ("days_late", "int", "days between the two"),
        ("events", "bigint", "how many"),
        ("users", "bigint", "of how many users"),
        ("least_hours", "double", "hours from the youngest of them to the beginning of the day of delivery"),
        ("most_hours", "double", "hours from the oldest of them"),
        ("run_id", "string", "the run that loaded them"),
    ),
    "How much came late, and how late.", "迟到数据",
)  # fmt: skip

MISSING_VALUES = Table(
    "ops", "missing_values", "a column of a table for one ds", ("table", "ds", "column"),
    _columns(
        ("table", "string", "the table measured"),
        ("ds", "date", "the day measured"),
        ("column", "string", "the column"),
        ("rule", "string", "what is done where a value is missing: refused, derived, unknown, kept, unchanged"),
        ("rows", "bigint", "rows that the rule speaks of"),
        ("missing", "bigint", "those of them that have no value"),
        ("share", "double", "missing / rows; null without rows"),
        ("run_id", "string", "the run that measured"),
    ),
    "How much is missing where, and what is done about it.", "缺失值统计",
)  # fmt: skip

QUALITY_RESULTS = Table(
    "ops", "quality_results", "one expectation on one table for one ds", ("table", "ds", "expectation", "column"),
    _columns(
        ("table", "string", "the table checked"),
        ("ds", "date", "the day checked"),
        ("expectation", "string", "what was expected"),
        ("column", "string", "of which column, null for the table"),
        ("severity", "string", "critical stops the line, warning is flagged, info is recorded"),
        ("success", "boolean", "met or not"),
        ("observed", "string", "what was found; never a value of a row"),
        ("threshold", "string", "what was allowed"),
        ("unexpected_count", "bigint", "rows that failed it"),
        ("run_id", "string", "the run that checked"),
    ),
    "Every check's result.", "质量检查结果",
    partition_by=("ds",),
)  # fmt: skip

RESCORED_EXPECTATIONS = Table(
    "ops", "rescored_expectations", "what the model of the last published night expects of a user tonight",
    ("user_id", "ds"),
    _columns(
        ("user_id", "string", "who"),
        ("ds", "date", "the night that scores again"),
        ("expected", "array<double>", "as in gold.predictions, by that night's heads", "预期向量"),
        ("model_version", "string", "the version of the last published night", "模型版本"),
        ("run_id", "string", "the run that wrote the row"),
    ),
    "With ops.rescored_embeddings: where a user would be, had the model not changed.", "复算预期",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

PREDICTION_ACCURACY = Table(
    "ops", "prediction_accuracy", "one prediction, held against what happened, for one slice of users",
    ("ds", "prediction", "slice"),
    _columns(
        ("ds", "date", "the day that the predictions were made as of", "日期"),
        ("prediction", "string", "a column of gold.predictions", "预测"),
        ("slice", "string", "kind of user; all = everybody", "用户分层"),
        ("users", "bigint", "users scored", "用户数"),
        ("observed", "double", "mean of what happened: a share for probabilities, else money or days", "实际均值"),
        ("predicted", "double", "mean of what was predicted", "预测均值"),
        ("brier", "double", "mean squared error of a probability (Brier 1950); null for others", "布里尔分数"),
        ("auc", "double", "area under the ROC curve of a probability", "AUC"),
        ("r2", "double", "share of variance explained: of log(1 + money) for spend_28d", "R2"),
        ("precision", "double", "of next_categories: share of the five that were bought in, over buyers", "准确率"),
        ("recall", "double", "of next_categories: share of a buyer's categories that are among the five", "召回率"),
        ("curve_predicted", "array<double>", "reliability curve: mean prediction of each tenth of the users", "可靠性曲线预测"),
        ("curve_observed", "array<double>", "what happened in the same tenths", "可靠性曲线实际"),
        _MODEL,
        _RUN,
    ),
    "How good the published predictions were, once their 28 days were over.", "预测准确度",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

RECOMMENDATION_ACCURACY = Table(
    "ops", "recommendation_accuracy", "a way to suggest products, held against what was bought after ds",
    ("ds", "method", "days", "purchases"),
    _columns(
        ("ds", "date", "the day that the suggestions were made as of", "日期"),
        ("method", "string", "ours, or a simple one: popularity, item kNN, buy again", "推荐方法"),
        ("days", "int", "days after ds that count", "观察天数"),
        ("purchases", "string", "all, or new: products that the user had not bought before", "购买范围"),
        ("users", "bigint", "users with such a purchase, of at most 50,000", "用户数"),
        ("recall_10", "double", "share of a user's bought products that are among the first ten, mean over users", "召回率"),
        ("ndcg_10", "double", "the same with earlier places worth more, over the best that ten places allow", "NDCG"),
        ("hit_rate_10", "double", "share of users with at least one bought product among the ten", "命中率"),
        ("precision_10", "double", "share of the ten that were bought", "准确率"),
        ("model_version", "string", "version behind ours; null for simple ones", "模型版本"),
        _RUN,
    ),
    "How good the published suggestions were, beside simple ones.", "推荐准确度",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

SEGMENT_VALUE = Table(
    "ops", "segment_value", "an assignment of users to segments, held against the 28 days after ds", ("ds", "assignment"),
    _columns(
        ("ds", "date", "the day that the users were assigned as of", "日期"),
        ("assignment", "string", "ours, or the name of a usual one", "分群方法"),
        ("segments", "int", "segments with a user", "人群数"),
        ("users", "bigint", "users assigned", "用户数"),
        ("bits", "double", "information on the category of a purchase line, bits a line; see docs/value.md", "类目信息量"),
        ("pseudo_lines", "int", "pseudo-lines by which rates were shrunk to the base", "收缩行数"),
        ("eta2", "double", "share of the variance of log(1 + spend) explained", "消费解释度"),
        ("auc", "double", "area under the ROC curve of 'no purchase' by the segment's rate", "流失AUC"),
        ("model_version", "string", "version behind ours; null for usual ones", "模型版本"),
        _RUN,
    ),
    "What segments are worth, beside the usual ones.", "人群价值",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

AUDIENCE_LIFT = Table(
    "ops", "audience_lift", "an audience and a measure, treated against holdout in the 28 days after ds",
    ("ds", "audience_id", "measure"),
    _columns(
        ("ds", "date", "the day that the members were members of", "日期"),
        ("audience_id", "string", "the audience", "受众编号"),
        ("measure", "string", "purchase_rate (share of users who bought) or spend (money a user)", "指标"),
        ("treated_users", "bigint", "members who may have been addressed", "实验组人数"),
        ("holdout_users", "bigint", "members who may not", "对照组人数"),
        ("treated", "double", "mean of the treated", "实验组均值"),
        ("holdout", "double", "mean of the holdout", "对照组均值"),
        ("difference", "double", "treated - holdout", "差值"),
        ("low", "double", "lower end of its 95 % interval: Newcombe (1998) for rates, Welch (1947) for money; null where "
         "an arm is too small", "区间下限"),
        ("high", "double", "upper end", "区间上限"),
        ("lift", "double", "difference / holdout; null where that is 0", "提升率"),
        ("expected_holdout", "double", "share of the members that the hash should hold out", "预期对照组占比"),
        ("ratio_p", "double", "probability of arms so uneven by chance (exact binomial test)", "样本比例P值"),
        ("ratio_ok", "boolean", "false where ratio_p < 0.001: the arms are not comparable, trust no difference", "样本比例正常"),
        _RUN,
    ),
    "What addressing an audience changed, once the 28 days after ds were over.", "受众提升",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

RUNS = Table(
    "ops", "runs", "a published run", ("run_id",),
    _columns(
        ("run_id", "string", "the run", "运行编号"),
        _DS,
        ("since", "date", "first day of the range that the run loaded", "起始日"),
        ("source", "string", "name of the source", "数据源"),
        ("git_sha", "string", "code that ran", "代码版本"),
        ("table_versions", "map<string,bigint>", "Delta version of each table at publication", "表版本"),
        ("model_version", "string", "version of the registered model", "模型版本"),
        ("definitions", "map<string,string>", "rule sets of conf/ that spoke, as JSON, by name", "规则定义"),
        ("rows_in", "bigint", "records delivered", "输入行数"),
        ("rows_loaded", "bigint", "records loaded", "装载行数"),
        ("rows_duplicate", "bigint", "records already there", "重复行数"),
        ("rows_suppressed", "bigint", "records of users who were erased, left out", "抑制行数"),
        ("rows_quarantined", "bigint", "records refused, at collect and at clean", "隔离行数"),
        ("users", "bigint", "users with a segment", "用户数"),
        ("checks_passed", "bigint", "expectations met", "通过检查"),
        ("checks_warned", "bigint", "warnings and infos not met", "告警检查"),
        ("published_at", "timestamp", "wall clock of publication", "发布时间"),
    ),
    "The manifest: readers resolve a night by its row; a night without one is not published.", "发布清单",
)  # fmt: skip

# What `segment` stages, and what `audiences` does.
SEGMENT_TABLES = (USER_SEGMENTS, SEGMENTS, SEGMENT_CHANGES, USER_PROFILES, TAGS)
AUDIENCE_TABLES = (AUDIENCES, AUDIENCE_MEMBERS, AUDIENCE_SUPPRESSED, AUDIENCE_CHANGES, AUDIENCE_OVERLAP)

# What is staged, by them and by `ml.recommend`, and `publish` moves together.
PUBLISHED = (*SEGMENT_TABLES, RECOMMENDATIONS, *AUDIENCE_TABLES)

ALL = (
    BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS,
    SILVER_EVENTS, SILVER_USERS, SILVER_PRODUCTS, SILVER_REFUNDS,
    USER_DAILY, USER_FEATURES, USER_SEQUENCES, USER_EMBEDDINGS, PREDICTIONS, SEGMENT_MODELS,
    *PUBLISHED, RESCORED_EMBEDDINGS, RESCORED_EXPECTATIONS,
    QUARANTINE, LOADS, ERASURES, RESTATED, LATENESS, MISSING_VALUES, QUALITY_RESULTS, PREDICTION_ACCURACY,
    RECOMMENDATION_ACCURACY, SEGMENT_VALUE, AUDIENCE_LIFT, RUNS,
)  # fmt: skip

BY_NAME: dict[str, Table] = {table.full_name: table for table in ALL} | {
    table.staged().full_name: table.staged() for table in PUBLISHED
}

# Where a user's id stands, by table: what an erasure deletes from, the waiting room too. (Quarantined texts beside.)
USER_COLUMN: dict[str, str] = {name: "user_id" for name, one in BY_NAME.items() if "user_id" in one.column_names} | {
    BRONZE_USERS.full_name: "id"
}


def table(full_name: str) -> Table:
    """The contract of `layer.name`; raises KeyError with the nearest names where there is none."""
    if full_name not in BY_NAME:
        from difflib import get_close_matches

        near = get_close_matches(full_name, BY_NAME, n=3)
        raise KeyError(f"no table {full_name!r}; nearest: {', '.join(near) or ', '.join(sorted(BY_NAME))}")
    return BY_NAME[full_name]
