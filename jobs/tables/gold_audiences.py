"""gold: audiences, who is in them, who is kept out, and how they overlap."""

from __future__ import annotations

from jobs.tables.contract import DS, MODEL, RUN, Table, columns

_CURVE = "array<struct<users:bigint,similarity:double>>"

AUDIENCES = Table(
    "gold", "audiences", "an audience of conf/audiences as of ds", ("audience_id", "ds"),
    columns(
        ("audience_id", "string", "the audience: the name of its file", "受众编号"),
        DS,
        ("name", "string", "English name", "受众名(英)"),
        ("name_zh", "string", "Chinese name", "受众名"),
        ("description", "string", "one sentence, English", "描述(英)"),
        ("description_zh", "string", "one sentence, Chinese", "描述"),
        ("audience_owner", "string", "who answers for it", "受众负责人"),
        ("kind", "string", "where (a condition on the profile), rule (of behaviour), union, intersect, except, lookalike", "类型"),
        ("schedule", "string", "nightly, weekly: DAY or monthly: DAY; on other nights the last membership stands", "更新计划"),
        ("evaluated_ds", "date", "the night on which its rule was asked last", "评估日期"),
        ("definition", "string", "the file as JSON, as of ds", "定义"),
        ("definition_hash", "string", "another where it, or an audience that it needs, means others", "定义摘要"),
        ("git_sha", "string", "commit of the files that the night read, -dirty where one was changed beside it", "代码版本"),
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
        RUN,
    ),
    "Which audiences there are, by which rule, how large.", "受众",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_MEMBERS = Table(
    "gold", "audience_members", "a user in an audience as of ds", ("audience_id", "ds", "user_id"),
    columns(
        ("audience_id", "string", "the audience", "受众编号"),
        DS,
        ("user_id", "string", "who", "用户"),
        ("since_ds", "date", "the night on which the user came in and has not left since", "进入日期"),
        ("holdout", "boolean", "true: not to be addressed, so that the effect on the others can be measured", "对照组"),
        ("similarity", "double", "of a lookalike made anew on ds: how like the seed, higher is nearer; else null", "相似度"),
        ("definition_hash", "string", "of the definition that made him a member", "定义摘要"),
        MODEL,
        RUN,
    ),
    "Who is in which audience.", "受众成员",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_SUPPRESSED = Table(
    "gold", "audience_suppressed", "a user whom an audience's rule means and who is kept out, as of ds",
    ("audience_id", "ds", "user_id"),
    columns(
        ("audience_id", "string", "the audience", "受众编号"),
        DS,
        ("user_id", "string", "who", "用户"),
        ("reason", "string", "consent, audience ID (he is in that one), or entered before (once_in_days)", "抑制原因"),
        RUN,
    ),
    "Who is kept out of which audience, and why.", "受众抑制",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_CHANGES = Table(
    "gold", "audience_changes", "a user entering or leaving an audience", ("audience_id", "ds", "user_id"),
    columns(
        ("audience_id", "string", "the audience", "受众编号"),
        DS,
        ("user_id", "string", "who; of an erased user the subject of ops.erasures", "用户"),
        ("previous_ds", "date", "the published night that ds is held against; null on the first", "对比日期"),
        ("change", "string", "enter or exit", "变化"),
        ("cause", "string", "behaviour, rule, model, suppression, late data, erasure or consent: told by asking again, see docs/audiences.md", "原因"),
        ("why", "string", "of a change by behaviour: the conditions of its rule that came out otherwise, his numbers then -> now", "说明"),
        ("definition_hash", "string", "as in gold.audience_members; null where the audience is no more", "定义摘要"),
        ("previous_definition_hash", "string", "the same on previous_ds; null where there was none", "前一定义摘要"),
        MODEL,
        RUN,
    ),
    "Who entered and left which audience, and why.", "受众变动",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip

AUDIENCE_OVERLAP = Table(
    "gold", "audience_overlap", "a pair of audiences as of ds", ("audience_id", "other_id", "ds"),
    columns(
        ("audience_id", "string", "the one that comes first by name", "受众编号"),
        ("other_id", "string", "the other", "另一受众"),
        DS,
        ("size", "bigint", "members of the one", "人数"),
        ("other_size", "bigint", "members of the other", "另一受众人数"),
        ("both", "bigint", "users in both", "重叠人数"),
        ("jaccard", "double", "both / users in either; null where nobody is in either", "Jaccard系数"),
        ("share_of_smaller", "double", "both / members of the smaller one; null where it has none", "占较小者比例"),
        RUN,
    ),
    "How much audiences overlap, every pair.", "受众重叠",
    partition_by=("ds",), owner="analytics",
)  # fmt: skip
