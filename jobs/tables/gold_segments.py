"""gold: segments, who is in them and why, profiles and tags."""

from __future__ import annotations

from jobs.tables.contract import DS, MODEL, RUN, Table, columns
from jobs.tables.feature_list import MONEY, TOTAL

SEGMENT_MODELS = Table(
    "gold", "segment_models", "the centre of a segment in one model version", ("model_version", "segment_id"),
    columns(
        MODEL,
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
        ("conditions", "array<struct<term:string,low:double,high:double>>", "the same for machines: a feature, dept:NAME, "
         "category:NAME (its expected share, times the usual), expected:spend or expected:silence above low, and at most "
         "high", "规则条件"),
        ("fitted_ds", "date", "snapshot that it was fitted on", "拟合日期"),
    ),
    "Segment centres, written when a model is registered; a night only assigns.", "人群模型",
    partition_by=("model_version",), owner="machine-learning",
)  # fmt: skip

USER_SEGMENTS = Table(
    "gold", "user_segments", "a user's segment as of ds", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
        ("segment_id", "int", "the segment", "人群编号"),
        ("segment_name", "string", "its English name", "人群名(英)"),
        ("segment_name_zh", "string", "its Chinese name", "人群名"),
        ("confidence", "double", "1 - distance to the centre / distance to the next centre; 0 = on the border or beyond", "置信度"),
        ("previous_segment_id", "int", "segment on the last published night before ds; null for a new user", "前一人群"),
        ("change", "string", "enter, stay or move", "变化"),
        ("cause", "string", "null for stay, else see gold.segment_changes", "原因"),
        ("reasons", "array<string>", "traits that decide, strongest first", "理由(英)"),
        ("reasons_zh", "array<string>", "the same in Chinese", "理由"),
        MODEL,
        RUN,
    ),
    "Who is in which segment.", "用户人群归属",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

_TRAIT = "struct<feature:string,name:string,name_zh:string,value:double,base:double,lift:double,z:double>"

_FACT = (
    "struct<id:string,kind:string,value:double,unit:string,comparison:double,direction:string,confidence:double,"
    "users:bigint,label:string,label_zh:string>"
)

_JOURNEY = "struct<path:string,path_zh:string,users:bigint,share:double,lift:double>"

SEGMENTS = Table(
    "gold", "segments", "a segment as of ds", ("segment_id", "ds"),
    columns(
        ("segment_id", "int", "the segment", "人群编号"),
        DS,
        ("segment_name", "string", "English name", "人群名(英)"),
        ("segment_name_zh", "string", "Chinese name", "人群名"),
        ("description", "string", "a portrait in three sentences, English", "描述(英)"),
        ("description_zh", "string", "the same in Chinese", "描述"),
        ("description_by", "string", "templates, or the language model that worded it", "描述来源"),
        ("size", "bigint", "users", "人数"),
        ("share", "double", "share of all users", "占比"),
        ("spend_28d", TOTAL, "money of its users in the last 28 days", "近28天消费"),
        ("spend_365d", TOTAL, "money of its users in the last 365 days", "近365天消费"),
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
        ("name_parts", "array<string>", "what the name is made of: taste:CATEGORY, or a feature and high or low", "名称要素"),
        ("family_id", "int", "the family of segments that it belongs to; survives as segment_id does", "人群族编号"),
        ("family_parts", "array<string>", "what its name is made of, as name_parts", "人群族名称要素"),
        ("family_name", "string", "its English name", "人群族名(英)"),
        ("family_name_zh", "string", "its Chinese name", "人群族名"),
        ("facts", f"array<{_FACT}>", "what portraits are made of, see docs/languages.md", "事实"),
        MODEL,
        RUN,
    ),
    "What the segments are.", "人群画像",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

SEGMENT_CHANGES = Table(
    "gold", "segment_changes", "a user entering, leaving or moving", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who; of an erased user the subject of ops.erasures", "用户"),
        DS,
        ("previous_ds", "date", "the published night that ds is held against", "对比日期"),
        ("from_segment_id", "int", "null for a new user", "原人群"),
        ("to_segment_id", "int", "null for a user who left", "新人群"),
        ("change", "string", "enter, move or exit", "变化"),
        ("cause", "string", "behaviour, model, rule, late data, erasure or consent: told by scoring again, see docs/segments.md", "原因"),
        ("corrected_segment_id", "int", "by the last night's model as of that night, late records in; null: none came",
         "订正后人群"),
        ("former_segment_id", "int", "by the last night's model and rules as of ds", "原模型人群"),
        MODEL,
        RUN,
    ),
    "Who moved and why.", "人群变动",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

USER_PROFILES = Table(
    "gold", "user_profiles", "the portrait of a user as of ds", ("user_id", "ds"),
    columns(
        ("user_id", "string", "who", "用户"),
        DS,
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
        MODEL,
        RUN,
    ),
    "One page on each user.", "用户画像",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

TAGS = Table(
    "gold", "tags", "a tag as of ds", ("tag", "ds"),
    columns(
        ("tag", "string", "as in tags of gold.user_profiles", "标签(英)"),
        DS,
        ("tag_zh", "string", "as in tags_zh", "标签"),
        ("kind", "string", "statistical (a measured fact), rule (a line that somebody drew), mined (a model's)", "类别(英)"),
        ("kind_zh", "string", "the same in Chinese", "类别"),
        ("users", "bigint", "users who have it", "覆盖人数"),
        ("coverage", "double", "share of all users", "覆盖率"),
        ("previous_coverage", "double", "on the last published night; null where there was none", "前一覆盖率"),
        ("line", "double", "spend an order from which a basket is large: the source's, or learned this night; else null", "界线"),
        RUN,
    ),
    "Which tags there are, of what kind, and how many users they cover.", "标签覆盖率",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip
