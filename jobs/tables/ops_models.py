"""ops: what models of other nights say, and how good predictions, suggestions, segments and audiences were."""

from __future__ import annotations

from jobs.tables.contract import MODEL, RUN, Table, columns

RESCORED_EMBEDDINGS = Table(
    "ops", "rescored_embeddings", "a user as the model of the last published night sees him tonight",
    ("user_id", "ds", "as_of"),
    columns(
        ("user_id", "string", "who"),
        ("ds", "date", "the night that scores again"),
        ("as_of", "date", "ds: behaviour up to tonight; else the last published night, as it is known tonight", "截至日期"),
        ("embedding", "array<float>", "vector of that night's model", "向量"),
        ("model_version", "string", "the version of the last published night", "模型版本"),
        ("run_id", "string", "the run that wrote the row"),
    ),
    "By what a move's cause is told: everybody where the champion is another, and whom late records touch.", "复算向量",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

RESCORED_EXPECTATIONS = Table(
    "ops", "rescored_expectations", "what the model of the last published night expects of a user tonight",
    ("user_id", "ds"),
    columns(
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
    columns(
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
        MODEL,
        RUN,
    ),
    "How good the published predictions were, once their 28 days were over.", "预测准确度",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

RECOMMENDATION_ACCURACY = Table(
    "ops", "recommendation_accuracy", "a way to suggest products, held against what was bought after ds",
    ("ds", "method", "days", "purchases"),
    columns(
        ("ds", "date", "the day that the suggestions were made as of", "日期"),
        ("method", "string", "ours, or a simple one: popularity, item kNN, buy again", "推荐方法"),
        ("days", "int", "days after ds that count", "观察天数"),
        ("purchases", "string", "all, or new: of products that the user had not bought before; looks where nobody buys",
         "购买范围"),
        ("users", "bigint", "users with such a purchase, of at most 50,000", "用户数"),
        ("recall_10", "double", "share of a user's bought products that are among the first ten, mean over users", "召回率"),
        ("ndcg_10", "double", "the same with earlier places worth more, over the best that ten places allow", "NDCG"),
        ("hit_rate_10", "double", "share of users with at least one bought product among the ten", "命中率"),
        ("precision_10", "double", "share of the ten that were bought", "准确率"),
        ("model_version", "string", "version behind ours; null for simple ones", "模型版本"),
        RUN,
    ),
    "How good the published suggestions were, beside simple ones.", "推荐准确度",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

PORTRAITS = Table(
    "ops", "portraits", "what a language model was told of a segment, and answered", ("ds", "segment_id", "language"),
    columns(
        ("ds", "date", "the night", "日期"),
        ("segment_id", "int", "the segment", "人群编号"),
        ("language", "string", "of the text", "语言"),
        ("digest", "string", "of facts, prompt, model and language: an accepted answer is taken again by it", "摘要"),
        ("model", "string", "as in conf/language_model.yaml", "模型"),
        ("sent", "string", "the facts as JSON: all that left the house", "发送内容"),
        ("answer", "string", "the text, with placeholders in place of facts", "回答"),
        ("verdict", "string", "accepted, refused (the verifier found faults) or failed (no answer in time)", "结论"),
        ("faults", "array<string>", "what was wrong with it", "问题"),
        ("run_id", "string", "the run that wrote the row"),
    ),
    "The language model's answers, for review and to ask no question twice.", "画像撰写记录",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

ASKED = Table(
    "ops", "asked", "a sentence that a language model was asked to make a rule of, and its answer", ("digest",),
    columns(
        ("digest", "string", "of sentence, dictionary, prompt and model: an accepted answer is taken again by it", "摘要"),
        ("ds", "date", "the night that was asked about", "日期"),
        ("model", "string", "as in conf/language_model.yaml", "模型"),
        ("sentence", "string", "as it was sent, beside the names of the dictionary", "句子"),
        ("answer", "string", "the last that it wrote", "回答"),
        ("verdict", "string", "accepted, refused (the checks found faults) or failed (no answer in time)", "结论"),
        ("faults", "array<string>", "what was wrong with it", "问题"),
    ),
    "What `audience ask --model` asked, for review and to ask nothing twice.", "语句提问记录",
    owner="analytics",
)  # fmt: skip

SEGMENT_VALUE = Table(
    "ops", "segment_value", "an assignment of users to segments, held against the 28 days after ds", ("ds", "assignment"),
    columns(
        ("ds", "date", "the day that the users were assigned as of", "日期"),
        ("assignment", "string", "ours, or the name of a usual one", "分群方法"),
        ("segments", "int", "segments with a user", "人群数"),
        ("users", "bigint", "users assigned", "用户数"),
        ("bits", "double", "information on the category of a purchase line, bits a line; see docs/value.md", "类目信息量"),
        ("pseudo_lines", "int", "pseudo-lines by which rates were shrunk to the base", "收缩行数"),
        ("eta2", "double", "share of the variance of log(1 + spend) explained", "消费解释度"),
        ("auc", "double", "area under the ROC curve of 'no purchase' by the segment's rate", "流失AUC"),
        ("model_version", "string", "version behind ours; null for usual ones", "模型版本"),
        RUN,
    ),
    "What segments are worth, beside the usual ones.", "人群价值",
    partition_by=("ds",), owner="machine-learning",
)  # fmt: skip

AUDIENCE_LIFT = Table(
    "ops", "audience_lift", "an audience and a measure, treated against holdout in the 28 days after ds",
    ("ds", "audience_id", "measure"),
    columns(
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
        RUN,
    ),
    "What addressing an audience changed, once the 28 days after ds were over.", "受众提升",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

EXPORTS = Table(
    "ops", "exports", "an audience, or its changes of a night, handed out as a file", ("export_id",),
    columns(
        ("export_id", "string", "made up for each", "导出编号"),
        ("audience_id", "string", "the audience", "受众编号"),
        ("ds", "date", "the published night that it is as of"),
        ("what", "string", "members or changes", "内容"),
        ("rows", "bigint", "users in the file", "行数"),
        ("held_out", "bigint", "users held out: left out, or marked", "对照组人数"),
        ("refused", "bigint", "users left out who may not be addressed, as was known then", "未授权人数"),
        ("unknown", "bigint", "users left out who are known no more", "已无档案人数"),
        ("holdout", "string", "left out, or marked", "对照组处理"),
        ("file", "string", "name of the file", "文件"),
        ("exported_by", "string", "the account on the machine", "导出人"),
        ("exported_at", "timestamp", "when, UTC; bookkeeping", "导出时间"),
        ("definition_hash", "string", "as in gold.audiences", "定义摘要"),
        ("run_id", "string", "the run that published the night"),
    ),
    "Who was handed out to whom: each `audience export`.", "受众导出台账",
)  # fmt: skip

DELIVERIES = Table(
    "ops", "deliveries", "a batch of an audience's changes that a destination took", ("delivery_id", "batch"),
    columns(
        ("destination", "string", "as conf/destinations.yaml names it", "目的地"),
        ("audience_id", "string", "the audience", "受众编号"),
        ("ds", "date", "the published night that the destination was told of"),
        ("previous_ds", "date", "the night that it was told of before; null: it was told of all members anew", "对比日期"),
        ("delivery_id", "string", "the same whenever the same is told; with the batch the key of the request", "投递编号"),
        ("batch", "bigint", "from 1", "批次"),
        ("batches", "bigint", "of the delivery, which is complete with the last of them", "批次数"),
        ("entered", "bigint", "users in the request who entered", "进入人数"),
        ("left", "bigint", "users in the request who left", "离开人数"),
        ("refused", "bigint", "users left out who may not be addressed, as was known then", "未授权人数"),
        ("unknown", "bigint", "users left out who are known no more", "已无档案人数"),
        ("holdout", "string", "left out, or marked", "对照组处理"),
        ("withheld", "string", "why the destination was told of nobody: the audience is gone or too small; null otherwise", "未投递原因"),
        ("members_version", "bigint", "Delta version of gold.audience_members that was told", "成员表版本"),
        ("published_at", "timestamp", "of the night in ops.runs", "发布时间"),
        ("definition_hash", "string", "as in gold.audiences", "定义摘要"),
        ("delivered_by", "string", "the account on the machine", "投递人"),
        ("delivered_at", "timestamp", "when it was taken, UTC; bookkeeping", "投递时间"),
        ("run_id", "string", "the run that published the night"),
    ),
    "What was posted to whom: each batch of `audience deliver`.", "受众投递台账",
)  # fmt: skip
