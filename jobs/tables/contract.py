"""What a contract is: a table and its columns; and the columns that many tables have."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    "ignored": "忽略行数",
    "zone": "店铺时区",
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


def columns(*rows: tuple[str, ...]) -> tuple[Column, ...]:
    """Columns of (name, type, meaning) or (name, type, meaning, Chinese name)."""
    return tuple(Column(name, type_, meaning, *(zh or [_ZH.get(name, "")])) for name, type_, meaning, *zh in rows)


# Columns of many tables, for `columns`.
DS = ("ds", "date", "the day that the row is true for", "日期")
RUN = ("run_id", "string", "the run that wrote the row; see ops.runs", "运行编号")
MODEL = ("model_version", "string", "version of the registered model that spoke", "模型版本")
