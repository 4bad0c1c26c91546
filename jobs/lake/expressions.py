"""Conditions that people write in SQL, such as `where` of conf/audiences: parsed, held to a list, spelled anew.

A person's text never reaches an engine. sqlglot parses it, each part is looked up in the table's contract and in
jobs/lake/functions.py, and the condition is written again from its parts, with brackets, back-ticks and conversions
between kinds of numbers. So it reads nothing but the row, and means the same on every engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError

from jobs.lake import kinds
from jobs.lake.functions import ALIASES, FUNCTIONS, Function
from jobs.lake.kinds import ConditionError, Value, decimal, flag, literal, shown, unlisted
from jobs.tables import Table

__all__ = ["ConditionError", "condition", "value"]
logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what is refused here

_COMPARED = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.NullSafeEQ: "<=>"}
_COMPUTED = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
# The characters of texts that every engine casts alike: no exponent, no suffix, no time.
_CASTABLE = {"number": " +-.0123456789", "day": "-0123456789"}


class _ConditionSql(Spark):
    """Spark's SQL, in which every call but a cast is a name and arguments, as they were written."""

    class Parser(Spark.Parser):
        FUNCTIONS: ClassVar[dict] = {}
        FUNCTION_PARSERS: ClassVar[dict] = {k: Spark.Parser.FUNCTION_PARSERS[k] for k in ("CAST", "TRY_CAST")}
        NO_PAREN_FUNCTIONS: ClassVar[dict] = {}


def condition(text: str, table: Table) -> str:
    """A person's condition on one row of `table` as engines read it; ConditionError where a part is not on the list."""
    read = value(text, table)
    if read.kind != "flag":
        raise ConditionError(f"expected a condition (boolean), found {read.type or read.kind}")
    return read.sql


def value(text: str, table: Table) -> Value:
    """The same of an expression of any kind."""
    try:
        _hold_signs(text)
        return _Reader(table).read(sqlglot.parse_one(text, dialect=_ConditionSql, into=exp.Condition))
    except SqlglotError as error:
        place = (getattr(error, "errors", None) or [{}])[-1]
        near = f"{place.get('start_context') or ''}{place.get('highlight') or ''}"[-60:]
        raise ConditionError(
            f"expected a condition, found what is no SQL, at the end of {shown(near or text)}"
        ) from None
    except RecursionError:
        raise ConditionError("expected brackets within each other a few deep, found too many") from None


def _hold_signs(text: str) -> None:
    """Refuse what engines read beside, or within, texts: comments, escapes, ${variables}."""
    tokens = _ConditionSql().tokenize(text)
    if any(token.comments or token.token_type == sqlglot.TokenType.HINT for token in tokens):
        raise ConditionError("expected no comment within SQL, found one; write it behind # of YAML")
    if any(token.token_type == sqlglot.TokenType.SEMICOLON for token in tokens):
        raise ConditionError("expected one condition, found ;")
    if "\\" in text:
        raise ConditionError('expected a quote within quotes of the other kind, such as "it\'s", found \\')
    if "${" in text:
        raise ConditionError("expected texts without ${, which Spark fills in, found one")


class _Reader:
    """Reads an expression on a row of a table: each node by the method of its class.

    A node that has an argument which its method does not look at is refused.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.columns = {column.name: kind for column in table.columns if (kind := kinds.kind_of(column.type))}
        # class of a node: (its method, the arguments that the method looks at)
        self.methods: dict[type[exp.Expression], tuple[Callable[[Any], Value], str]] = {
            exp.Paren: (lambda node: self.read(node.this), "this"),
            exp.Column: (self.column, "this"),
            exp.Literal: (literal, "this is_string"),
            exp.Boolean: (lambda node: Value("flag", "true" if node.this else "false"), "this"),
            exp.Null: (lambda _: Value("null", "NULL"), ""),
            exp.And: (self.connected, "this expression"),
            exp.Or: (self.connected, "this expression"),
            exp.Not: (lambda node: flag(f"NOT {self.expect('flag', node.this).sql}"), "this"),
            exp.NullSafeNEQ: (self.distinct, "this expression"),
            exp.Is: (self.is_, "this expression"),
            exp.In: (self.in_, "this expressions"),
            exp.Between: (self.between, "this low high"),
            exp.Like: (self.like, "this expression negate"),
            exp.ILike: (self.like, "this expression negate"),
            exp.DPipe: (self.joined, "this expression safe"),
            exp.Neg: (self.negative, "this"),
            exp.Div: (self.divided, "this expression typed safe"),
            exp.Bracket: (self.looked_up, "this expressions"),
            exp.If: (self.if_, "this true false"),
            exp.Case: (self.case, "this ifs default"),
            exp.Cast: (self.cast, "this to"),
            exp.TryCast: (self.cast, "this to safe"),
            exp.Anonymous: (self.called, "this expressions"),
        }
        self.methods |= dict.fromkeys(_COMPARED, (self.compared, "this expression"))
        self.methods |= dict.fromkeys(_COMPUTED, (self.computed, "this expression"))

    def read(self, node: exp.Expression) -> Value:
        method, arguments = self.methods.get(type(node), (None, ""))
        if method is None or {name for name, given in node.args.items() if given} - set(arguments.split()):
            raise unlisted(node)
        return method(node)

    def expect(self, kind: str, node: exp.Expression) -> Value:
        found = self.read(node)
        if found.kind not in (kind, "null"):
            hint = "; write date_add, date_sub or datediff" if (kind, found.kind) == ("number", "day") else ""
            raise ConditionError(f"expected a {kind}, found the {found.kind} {shown(node)}{hint}")
        return found

    def number(self, node: exp.Expression) -> Value:
        found = self.expect("number", node)
        if found.kind == "null":
            raise ConditionError("expected a number, found NULL")
        return found

    def same(self, *nodes: exp.Expression) -> list[Value]:
        """The nodes as values of one kind; numbers of one type, a text beside a day as a day."""
        values = [self.read(node) for node in nodes]
        found = {read.kind for read in values} - {"null"}
        if found == {"text", "day"}:
            return [kinds.day(node) if read.kind == "text" else read for node, read in zip(nodes, values, strict=True)]
        if len(found) > 1:
            pairs = " and ".join(f"the {v.kind} {shown(n)}" for n, v in zip(nodes, values, strict=True))
            raise ConditionError(f"expected things of one kind beside each other, found {pairs}")
        if found == {"number"}:
            wide = kinds.common_type([read for read in values if read.kind == "number"])
            return [read.cast(wide) for read in values]
        return values

    def comparable(self, *nodes: exp.Expression) -> list[Value]:
        """The same, of kinds that have an order; no NULL, which nothing equals."""
        values = self.same(*nodes)
        for node, read in zip(nodes, values, strict=True):
            if read.kind == "null":
                raise ConditionError("expected IS NULL, found a comparison with NULL, which holds for nobody")
            if read.kind in ("texts", "map"):
                hint = "write array_contains or size of a list, ['key'] of a map"
                raise ConditionError(f"expected a plain value to compare, found the {read.kind} {shown(node)}; {hint}")
        return values

    # Columns and casts.

    def column(self, node: exp.Column) -> Value:
        if node.name not in self.columns:
            raise kinds.unknown_column(node, self.columns, self.table.full_name)
        kind, number = self.columns[node.name]
        return Value(kind, f"`{node.name}`", number)

    def cast(self, node: exp.Cast) -> Value:
        """A day, or try_cast of a text: null where not every engine reads it."""
        spark_type = node.to.sql("spark").lower().replace(" ", "")
        if spark_type == "date" and node.this.is_string:
            return kinds.day(node.this)
        if not node.args.get("safe"):
            raise ConditionError(
                f"expected try_cast, found {shown(node)}, which ends the night at a value that does not fit"
            )
        kind, number = kinds.kind_of(spark_type) or ("", "")
        if kind not in _CASTABLE:
            raise ConditionError(f"expected int, bigint, double, decimal(p, s) or date behind AS, found {shown(node)}")
        if number.startswith("decimal"):
            decimal(*Value(kind, "", number).digits)
        text = self.expect("text", node.this).sql
        plain = f"translate({text}, '{_CASTABLE[kind]}', '') = ''"
        return Value(kind, f"CASE WHEN {plain} THEN try_cast({text} AS {spark_type}) END", number)

    # Operators.

    def connected(self, node: exp.And | exp.Or) -> Value:
        word = " AND " if isinstance(node, exp.And) else " OR "
        return flag(word.join(self.expect("flag", part).sql for part in node.flatten()))

    def compared(self, node: exp.Binary) -> Value:
        operator = _COMPARED[type(node)]
        left, right = (self.same if operator == "<=>" else self.comparable)(node.this, node.expression)
        if left.kind == "flag" and operator not in ("=", "<>", "<=>"):
            raise ConditionError(f"expected = or <> between conditions, found {shown(node)}")
        return flag(f"{left.sql} {operator} {right.sql}")

    def distinct(self, node: exp.NullSafeNEQ) -> Value:
        left, right = self.same(node.this, node.expression)
        return flag(f"NOT ({left.sql} <=> {right.sql})")

    def is_(self, node: exp.Is) -> Value:
        if isinstance(node.expression, exp.Null):
            return flag(f"{self.read(node.this).sql} IS NULL")
        if isinstance(node.expression, exp.Boolean):
            return flag(f"{self.expect('flag', node.this).sql} IS {self.read(node.expression).sql}")
        raise unlisted(node)

    def in_(self, node: exp.In) -> Value:
        if not node.expressions:
            raise unlisted(node)
        asked, *listed = self.comparable(node.this, *node.expressions)
        return flag(f"{asked.sql} IN ({', '.join(read.sql for read in listed)})")

    def between(self, node: exp.Between) -> Value:
        asked, low, high = self.comparable(node.this, node.args["low"], node.args["high"])
        if asked.kind == "flag":
            raise unlisted(node)
        return flag(f"{asked.sql} BETWEEN {low.sql} AND {high.sql}")

    def like(self, node: exp.Like | exp.ILike) -> Value:
        if not node.expression.is_string:
            raise ConditionError(f"expected a text in quotes behind LIKE, found {shown(node.expression)}")
        like = flag(f"{self.expect('text', node.this).sql} {node.key.upper()} {literal(node.expression).sql}")
        return flag(f"NOT {like.sql}") if node.args.get("negate") else like

    def joined(self, node: exp.DPipe) -> Value:
        return Value("text", f"({self.expect('text', node.this).sql} || {self.expect('text', node.expression).sql})")

    def computed(self, node: exp.Binary) -> Value:
        """Of exact numbers exactly, as decimals wide enough for any result; of others as double."""
        operator, sides = _COMPUTED[type(node)], [self.number(node.this), self.number(node.expression)]
        if "double" in {side.type for side in sides}:
            number, sides = "double", [side.cast("double") for side in sides]
        else:
            (p, s), (q, t) = (side.digits for side in sides)
            scale = s + t if operator == "*" else max(s, t)
            number = decimal(p + q + 1 if operator == "*" else scale + max(p - s, q - t) + 1, scale)
            sides = [side.cast(decimal(*side.digits)) for side in sides]
        return Value("number", f"({sides[0].sql} {operator} {sides[1].sql})", number)

    def negative(self, node: exp.Neg) -> Value:
        found = self.number(node.this)
        return replace(found, sql=f"(-{found.sql})")

    def divided(self, node: exp.Div) -> Value:
        if not node.expression.is_number or not float(node.expression.name):
            raise ConditionError(f"expected try_divide(a, b), found {shown(node)}; / takes a number other than 0")
        sides = [self.number(side).cast("double").sql for side in (node.this, node.expression)]
        return Value("number", f"({' / '.join(sides)})", "double")

    def looked_up(self, node: exp.Bracket) -> Value:
        found = self.read(node.this)
        if found.kind != "map" or len(node.expressions) != 1 or not node.expressions[0].is_string:
            raise ConditionError(f"expected a map's ['key'], or try_element_at(list, place), found {shown(node)}")
        return Value("text", f"{found.sql}[{literal(node.expressions[0]).sql}]")

    # Choices and calls.

    def if_(self, node: exp.If) -> Value:
        return self.chosen([(node.this, node.args["true"])], node.args.get("false"))

    def case(self, node: exp.Case) -> Value:
        whens = [(when.this, when.args["true"]) for when in node.args["ifs"]]
        if node.this:
            whens = [(exp.EQ(this=node.this.copy(), expression=asked.copy()), then) for asked, then in whens]
        return self.chosen(whens, node.args.get("default"))

    def chosen(self, whens: list[tuple[exp.Expression, exp.Expression]], default: exp.Expression | None) -> Value:
        *thens, other = values = self.same(*(then for _, then in whens), default or exp.Null())
        parts = [
            f"WHEN {self.expect('flag', asked).sql} THEN {then.sql}"
            for (asked, _), then in zip(whens, thens, strict=True)
        ]
        return kinds.like_all(values, f"CASE {' '.join(parts)} ELSE {other.sql} END")

    def called(self, node: exp.Anonymous) -> Value:
        written = node.name.lower()
        name = ALIASES.get(written, written)
        if name not in FUNCTIONS or not isinstance(node.this, str):
            raise kinds.unknown_function(written)
        function = FUNCTIONS[name]
        given = self.arguments(name, function, node.expressions)
        call = (function.sql or f"{name}({', '.join(['{}'] * len(given))})").format(*(read.sql for read in given))
        if function.gives == "same":
            return kinds.like_all(given, call)
        if function.gives == "whole":
            return _whole(given[0], call)
        if function.gives in ("int", "double"):
            return Value("number", call, function.gives)
        return Value(function.gives, call)

    def arguments(self, name: str, function: Function, nodes: list[exp.Expression]) -> list[Value]:
        wanted = [kind for kind in function.takes if isinstance(kind, str)]
        if ... in function.takes:
            wanted += wanted[-1:] * (len(nodes) - len(wanted))
        if len(wanted) != len(nodes):
            shape = ", ".join("..." if kind is ... else str(kind) for kind in function.takes)
            raise ConditionError(f"expected {name}({shape}), found {len(nodes)} arguments")
        if wanted[0] == "same":
            return self.same(*nodes)
        return [self.argument(kind, node) for kind, node in zip(wanted, nodes, strict=True)]

    def argument(self, kind: str, node: exp.Expression) -> Value:
        if kind not in ("place", "whole", "number"):
            return self.expect(kind, node)
        found, written = self.number(node), node.is_int and abs(int(node.to_py()))
        if kind == "place" and not (isinstance(node, exp.Literal) and 0 < written < 10_000):
            raise ConditionError(f"expected a whole number from 1 to 9,999 written out, found {shown(node)}")
        if kind == "whole" and (found.type != "int" or written >= 100_000):
            raise ConditionError(f"expected a whole number of days below 100,000, found {shown(node)}")
        return found


def _whole(number: Value, call: str) -> Value:
    """What floor and ceil give of a number."""
    if number.type in ("int", "bigint"):
        return number
    if number.type == "double":
        return Value("number", call, "bigint")
    precision, scale = number.digits
    return Value("number", call, decimal(precision - scale + 1, 0))
