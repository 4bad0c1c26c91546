"""ops: what a run was given, refused, checked and published."""

from __future__ import annotations

from jobs.tables.contract import DS, Table, columns

WAREHOUSE = Table(
    "ops", "warehouse", "the warehouse", ("warehouse_id",),
    columns(
        ("warehouse_id", "string", "made up at its first run; a copied or moved warehouse keeps it", "仓库编号"),
        ("namespaces", "map<string,string>", "by source: what stands before its ids, and a colon; empty: nothing", "编号前缀"),
    ),
    "Who a warehouse is: its model and its experiments in MLflow are named by it; and whose ids are whose.", "仓库身份",
)  # fmt: skip

QUARANTINE = Table(
    "ops", "quarantine", "a record that could not be loaded or failed a row rule", (),
    columns(
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
    columns(
        ("source", "string", "name of the source"),
        ("kind", "string", "events, users or products"),
        ("landed_ds", "date", "day on which it was delivered"),
        ("source_file", "string", "file under the landing folder"),
        ("night", "date", "the night that loaded it, where its name has a day; null: landed_ds", "装载夜"),
        ("rows_in", "bigint", "records of it = loaded + duplicates + quarantined + suppressed + outside + ignored"),
        ("loaded", "bigint", "records in bronze"),
        ("duplicates", "bigint", "records already there"),
        ("quarantined", "bigint", "records in ops.quarantine"),
        ("suppressed", "bigint", "records of users in ops.erasures: left out, or erased since; null is 0"),
        ("outside", "bigint", "records older than the history that was asked for, in a file of any days"),
        ("ignored", "bigint", "records that the mapping leaves out (where, ignore); null is 0"),
        ("late", "bigint", "loaded records of an earlier day than they were delivered on"),
        ("in_file", "bigint", "records of the whole file, counted in the file itself: lines of a text, rows of Parquet; = rows_in of all "
         "its days where no list is taken apart; null for a table of a database", "文件行数"),
        ("written", "bigint", "rows that the load left in bronze, counted there: loaded at that time", "写入行数"),
        ("released", "bigint", "of the loaded ones: once quarantined, released since"),
        ("columns", "array<string>", "columns of its records that went to attributes"),
        ("digest", "string", "SHA-256 of the file's bytes"),
        ("size", "bigint", "bytes"),
        ("modified_us", "bigint", "when the file was last changed, microseconds since 1970"),
        ("mapping", "string", "which mapping read it"),
        ("repeats", "array<string>", "other files whose records count in place of its duplicates: where one is loaded "
         "anew, it is too", "重复来源"),
        ("zone", "string", "shop_zone of the source, in which days of its events were cut; null is UTC"),
        ("run_id", "string", "the run that loaded it"),
    ),
    "What each file brought: nothing is lost, and no file is loaded twice.", "文件装载台账",
)  # fmt: skip

ERASURES = Table(
    "ops", "erasures", "a user who was erased", ("subject",),
    columns(
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
    ("source", "source_file", "landed_ds", "known_ds", "user_id", "ds"),
    columns(
        ("source", "string", "name of the source"),
        ("source_file", "string", "the file whose records came late, or were corrected"),
        ("landed_ds", "date", "the night in which they came"),
        ("known_ds", "date", "the last day that was delivered by then; later than the night where it was run out of turn",
         "已知末日"),
        ("user_id", "string", "whose day"),
        ("ds", "date", "the day that must be made anew"),
    ),
    "What a night has to make anew beside its own days: these users' days, and nothing else.", "补算清单",
)  # fmt: skip

LATENESS = Table(
    "ops", "lateness", "the events of one day that came in one later night", ("source", "landed_ds", "ds"),
    columns(
        ("source", "string", "name of the source"),
        ("landed_ds", "date", "the night in which they came"),
        ("ds", "date", "the day of the shop on which they happened"),
        ("days_late", "int", "days between the two"),
        ("events", "bigint", "how many"),
        ("users", "bigint", "of how many users"),
        ("least_hours", "double", "hours from the youngest of them to the beginning of the day of delivery"),
        ("most_hours", "double", "hours from the oldest of them"),
        ("run_id", "string", "the run that loaded them"),
    ),
    "How much came late, and how late.", "迟到数据",
)  # fmt: skip

CLEANED = Table(
    "ops", "cleaned", "a day of the shop that clean made anew", ("ds",),
    columns(
        DS,
        ("night", "date", "the night whose run made it anew last", "处理夜"),
        ("users", "bigint", "of how many users, whom late or corrected records touch; null: of everybody", "用户数"),
        ("in_bronze", "bigint", "their records in bronze.events = in_silver + refused", "原始行数"),
        ("in_silver", "bigint", "their rows in silver.events, counted there", "清洗行数"),
        ("refused", "bigint", "their records in ops.quarantine, at clean", "隔离行数"),
        ("run_id", "string", "the run that cleaned it"),
    ),
    "What became of each day's records: a check holds silver against bronze by it.", "清洗台账",
)  # fmt: skip

MISSING_VALUES = Table(
    "ops", "missing_values", "a column of a table for one ds", ("table", "ds", "column"),
    columns(
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
    columns(
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
        ("basis", "string", "digest of what the result depends on: the suite, the days, the source, the table's version",
         "判定依据"),
    ),
    "Every check's result.", "质量检查结果",
    partition_by=("ds",),
)  # fmt: skip

RUNS = Table(
    "ops", "runs", "a published run", ("run_id",),
    columns(
        ("run_id", "string", "the run", "运行编号"),
        DS,
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
