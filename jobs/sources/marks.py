"""Columns that call a record void: deleted at its source, cancelled, a test. By their names and values."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.sources.called import plain

# As `called.plain` has them: of a flag, and of the time from which a record is void.
_FLAGS = frozenset((
    "deleted", "isdeleted", "fivetrandeleted", "softdeleted", "isremoved", "cancelled", "canceled", "iscancelled",
    "iscanceled", "isvoid", "isvoided", "voided", "isfraud", "isspam", "istest", "istestorder", "test", "testorder",
    "testmode", "isinternal", "是否删除", "已删除", "是否取消", "是否测试",
))  # fmt: skip
_TIMES = frozenset((
    "deletedat", "sdcdeletedat", "abcdcdeletedat", "cancelledat", "canceledat", "voidedat", "dbtvalidto", "删除时间",
    "取消时间",
))  # fmt: skip
NAMES = _FLAGS | _TIMES
SET = ("true", "t", "1", "1.0", "y", "yes", "是")  # in any case


def is_time(name: str) -> bool:
    return plain(name) in _TIMES


def is_set(name: str, value: Column) -> Column:
    """Whether a column of NAMES calls its record void."""
    return F.trim(value) != "" if is_time(name) else F.lower(value).isin(list(SET))


def left_out(name: str) -> str:
    """What a mapping says to leave such records out."""
    return f'where: {{{name}: [""]}}' if is_time(name) else f'ignore: {{{name}: ["{SET[0]}", "{SET[2]}"]}}'
