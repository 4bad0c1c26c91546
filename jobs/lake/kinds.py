"""Parts of a condition: their kinds, the types of numbers, and the words for what is refused.

The kind of a part: text, number, flag (boolean), day, texts (array<string>), map (map<string,string>), null.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches

from sqlglot import exp

from jobs.errors import UsageError
from jobs.lake.functions import ALIASES, FUNCTIONS

_KINDS = {"string": "text", "boolean": "flag", "date": "day", "array<string>": "texts", "map<string,string>": "map"}
_NUMBER = re.compile(r"(\d{0,15})(?:\.(\d{0,9}))?")
_MOST_DIGITS = 38  # of a decimal, on every engine
_OF_MANY = "expected a condition on one row, found an aggregate or a window over many"
# Another answer on the same night, or on another machine.
_UNSTEADY = re.compile(
    r"rand|randn|random|randstr|uniform|uuid|shuffle|now|curdate|current_\w+|localtimestamp|unix_timestamp"
    r"|(session_)?user|version|spark_partition_id|monotonically_increasing_id|input_file_\w+"
)


class ConditionError(UsageError, ValueError):
    """What was expected in a condition and what was found; a ValueError, so that pydantic names the key."""


@dataclass(frozen=True, slots=True)
class Value:
    """A part of a condition as engines read it. type: of a number, its Spark type."""

    kind: str
    sql: str
    type: str = ""

    @property
    def digits(self) -> tuple[int, int]:
        """(precision, scale) of a number that is not double."""
        if self.type.startswith("decimal"):
            precision, scale = map(int, re.findall(r"\d+", self.type))
            return precision, scale
        return (10, 0) if self.type == "int" else (19, 0)

    def cast(self, number: str) -> Value:
        """The same value with another type of number."""
        if self.kind == "null" or self.type == number:
            return self
        return Value(self.kind, f"CAST({self.sql} AS {number})", number)


def flag(sql: str) -> Value:
    return Value("flag", f"({sql})")


def kind_of(spark_type: str) -> tuple[str, str] | None:
    """(kind, type of a number) of a Spark type; None where a condition has no use for it."""
    if re.fullmatch(r"int|bigint|double|decimal\(\d+,\d+\)", spark_type):
        return "number", spark_type
    return (_KINDS[spark_type], "") if spark_type in _KINDS else None


def decimal(precision: int, scale: int) -> str:
    if precision > _MOST_DIGITS:
        raise ConditionError(f"expected numbers of at most {_MOST_DIGITS} digits, found a result of {precision}")
    return f"decimal({precision},{scale})"


def common_type(numbers: list[Value]) -> str:
    """The type that holds each of the numbers."""
    types = {number.type for number in numbers}
    if "double" in types:
        return "double"
    if types <= {"int", "bigint"}:
        return "bigint" if "bigint" in types else "int"
    scale = max(number.digits[1] for number in numbers)
    return decimal(scale + max(number.digits[0] - number.digits[1] for number in numbers), scale)


def like_all(values: list[Value], sql: str) -> Value:
    """A value of the kind and type that `values` have."""
    return replace(next((value for value in values if value.kind != "null"), values[0]), sql=sql)


def literal(node: exp.Literal) -> Value:
    """A text in quotes, or a number."""
    if node.is_string:
        quote = '"' if "'" in node.name else "'"
        return Value("text", f"{quote}{node.name}{quote}")
    if not (digits := _NUMBER.fullmatch(node.name)):
        raise ConditionError(f"expected a number such as 12 or 0.5, of at most 15 and 9 digits, found {shown(node)}")
    whole, fraction = digits[1].lstrip("0"), digits[2]
    if fraction:
        return Value("number", f"{whole or 0}.{fraction}", decimal(len(whole) + len(fraction), len(fraction)))
    return Value("number", whole or "0", "int" if int(whole or 0) < 2**31 else "bigint")


def day(node: exp.Expression) -> Value:
    """A day that stands as a text in quotes."""
    try:
        return Value("day", f"DATE'{date.fromisoformat(node.name if node.is_string else '')}'")
    except ValueError:
        raise ConditionError(
            f"expected a day such as '2017-12-31', or try_cast(... AS date), found {shown(node)}"
        ) from None


# The words for what is refused.


def shown(part: exp.Expression | str) -> str:
    """A part as it fits into a message."""
    line = " ".join((part if isinstance(part, str) else part.sql("spark")).split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that may be meant, or all there are, as the end of a sentence."""
    near = get_close_matches(name.lower(), list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def unlisted(node: exp.Expression) -> ConditionError:
    """What is said of a construct that no condition may have."""
    if node.find(exp.Query, exp.Values):
        return ConditionError(f"expected a condition on one row, found a query ({shown(node)})")
    if isinstance(node, exp.Window | exp.Filter | exp.Distinct | exp.Star | exp.WithinGroup):
        return ConditionError(_OF_MANY)
    if isinstance(node, exp.Column | exp.Dot):
        return ConditionError(f"expected a name without a point, or attributes['key'] of a map, found {shown(node)}")
    return ConditionError(
        f"expected a part of the list, found {node.key.upper()} ({shown(node)}); the list: columns, texts in quotes, "
        "numbers, AND, OR, NOT, comparisons, IN, BETWEEN, LIKE, IS, CASE, + - * / || and functions"
    )


def unknown_column(node: exp.Column, columns: Iterable[str], table: str) -> ConditionError:
    if not node.this.quoted and _UNSTEADY.fullmatch(node.name.lower()):
        return _unsteady(node.name)
    return ConditionError(f"expected columns of {table}, found {node.name!r}{nearest(node.name, columns)}")


def unknown_function(name: str) -> ConditionError:
    if _UNSTEADY.fullmatch(name):
        return _unsteady(name)
    known = exp.FUNCTION_BY_NAME.get(name.upper())
    if known and issubclass(known, exp.AggFunc):
        return ConditionError(f"{_OF_MANY} ({name})")
    near = get_close_matches(name, [*FUNCTIONS, *ALIASES], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(sorted(FUNCTIONS))
    return ConditionError(f"expected a function of the list, found {name!r}{hint}; the list: {listed}")


def _unsteady(name: str) -> ConditionError:
    return ConditionError(
        f"expected the same answer whenever the night is run, found {name}; the night is the column ds"
    )
