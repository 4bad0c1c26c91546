"""Rows of a database's table or query, asked by SQLAlchemy: `columns`, `split` and `read` are as those of a file's
format, but of texts: what a database calls its types, each driver calls otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from jobs.sources.formats.parts import DatabaseError

ROWS = 10_000  # fetched at a time
_SECONDS = 30  # until a server counts as away
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_LOGIN = re.compile(
    r"authentication|password|access denied|role .* does not exist|no pg_hba|not permitted to log in", re.I
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a database: what stands behind FROM, at `url` (jdbc:...), by whom."""

    url: str
    relation: str
    user: str | None
    password: str | None

    def __repr__(self) -> str:  # without the login
        return f"Asked({self.url})"


@dataclass(frozen=True, slots=True)
class Range:
    """Rows whose `column` is from `low` on and below `high`; without a `low` also those that have none."""

    column: str | None = None
    low: int | date | None = None
    high: int | date | None = None


@contextmanager
def _connected(asked: Asked) -> Iterator[sa.Connection]:
    """A connection whose errors are DatabaseErrors."""
    try:
        engine = sa.create_engine(_url(asked), connect_args={"connect_timeout": _SECONDS}, poolclass=sa.NullPool,
                                  json_deserializer=_unread)  # fmt: skip
        with engine.connect() as connection:
            yield connection.execution_options(stream_results=True, yield_per=ROWS)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise DatabaseError("driver", str(error).splitlines()[0]) from None
    except (DBAPIError, ArgumentError) as error:
        raise DatabaseError(_kind(error), str(getattr(error, "orig", error)).strip().splitlines()[0]) from None


def _unread(text: str | bytes) -> str:
    """A JSON value stays as the database writes it."""
    return text if isinstance(text, str) else bytes(text).decode()


def _kind(error: DBAPIError | ArgumentError) -> str:
    if isinstance(error, ArgumentError):
        return "question"
    if isinstance(error, (OperationalError, InterfaceError)):
        return "login" if _LOGIN.search(str(error.orig)) else "away"
    kinds = {ProgrammingError: "question", DataError: "value"}
    return next((kind for of, kind in kinds.items() if isinstance(error, of)), "away")


def _url(asked: Asked) -> sa.URL:
    """The JDBC address as SQLAlchemy says it; `ssl` is a word of PostgreSQL's JDBC driver alone."""
    url = sa.make_url(asked.url.removeprefix("jdbc:"))
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername), username=asked.user, password=asked.password)
    if url.drivername == _DRIVERS["postgresql"] and (ssl := url.query.get("ssl")):
        url = url.difference_update_query(["ssl"])
        url = url.update_query_dict({"sslmode": "disable" if ssl == "false" else "require"})
    return url


def _select(asked: Asked, *what: Any) -> sa.Select:
    # The question is a person's SQL: a colon in it is no parameter of ours.
    return sa.select(*what).select_from(sa.text(asked.relation.replace(":", r"\:")))


def columns(asked: Asked) -> list[str]:
    """The names of its columns."""
    with _connected(asked) as connection:
        return list(connection.execute(_select(asked, sa.text("*")).where(sa.false())).keys())


def split(asked: Asked, column: str, parts: int) -> list[Range]:
    """So many ranges of a column of whole numbers or days; TypeError, with what it holds, where it holds others."""
    of = sa.column(column)
    with _connected(asked) as connection:
        first, last = connection.execute(_select(asked, sa.func.min(of), sa.func.max(of))).one()
    if first is None:
        return [Range()]
    whole = isinstance(first, Decimal) and first == int(first) and last == int(last)
    if isinstance(first, bool) or (not whole and not isinstance(first, (int, date))) or isinstance(first, datetime):
        raise TypeError(type(first).__name__)
    if whole:
        first, last = int(first), int(last)
    width = (last - first).days if isinstance(first, date) else last - first
    steps = sorted({width * k // parts for k in range(1, parts)} - {0})
    ends = [first + (timedelta(days=step) if isinstance(first, date) else step) for step in steps]
    return [Range(column, low, high) for low, high in zip([None, *ends], [*ends, None], strict=True)]


def read(asked: Asked, part: Range, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """Its rows as texts, by `wanted` columns."""
    question = _select(asked, *[sa.column(name) for name in wanted])
    if part.column:
        of = sa.column(part.column)
        ends = [
            *([of >= part.low] if part.low is not None else []),
            *([of < part.high] if part.high is not None else []),
        ]
        inside = reduce(and_, ends) if ends else sa.true()
        question = question.where(inside if part.low is not None else sa.or_(inside, of.is_(None)))
    with _connected(asked) as connection:
        for rows in connection.execute(question).partitions():
            held = [pa.array([_text(value) for value in values], pa.string()) for values in zip(*rows, strict=True)]
            yield pa.RecordBatch.from_arrays(held, wanted)


def _text(value: Any) -> str | None:
    """A value as a person would write it: an instant in UTC with its zone, a whole float without a point, a list as
    JSON.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        local = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        text = local.isoformat(" ")
        return (text.rstrip("0") if local.microsecond else text) + ("Z" if value.tzinfo else "")
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_text)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return str(value)
