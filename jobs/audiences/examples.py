"""Examples beside a definition: users that must be in it or not, as columns of their profile and lists of events."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pydantic import Field, model_validator
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.rule.parts import Number, Part
from jobs.conf import Strict, nearest
from jobs.tables import EVENT_TYPES, USER_FEATURES, USER_PROFILES, Table

DAY = date(2026, 3, 31)  # the night of examples that name none
_PEOPLE = set(USER_PROFILES.column_names)
_COLUMNS = _PEOPLE | set(USER_FEATURES.column_names)


class Event(Part):
    """An event, so many days before the night. In YAML `{purchase: MILK, days_ago: 40}` is one of the category MILK,
    `{purchase: {product: p1, amount: 3}, days_ago: 40}` one with these fields.
    """

    type: str
    days_ago: int = Field(ge=0)
    hour: int = Field(12, ge=0, le=23)
    product: str | None = None
    category: str | None = None
    department: str | None = None
    brand: str | None = None
    session: str | None = None
    query: str | None = None
    device: str = "unknown"
    quantity: int | None = None
    price: Number | None = None
    amount: Number | None = None
    discount: Number | None = None
    attributes: dict[str, str] = {}  # noqa: RUF012 pydantic copies it

    @model_validator(mode="before")
    @classmethod
    def _short(cls, said: Any) -> Any:
        if not isinstance(said, dict) or "type" in said:
            return said
        kinds = [key for key in said if key in EVENT_TYPES]
        if len(kinds) != 1:
            stray = [str(key) for key in said if key not in cls.model_fields]
            hint = nearest(stray[0], EVENT_TYPES) if stray else ""
            raise ValueError(f"expected one type of event, such as {{purchase: MILK, days_ago: 3}}; found {said}{hint}")
        what = said[kinds[0]]
        fields = what if isinstance(what, dict) else {} if what in (None, True) else {"category": what}
        return {key: value for key, value in said.items() if key != kinds[0]} | fields | {"type": kinds[0]}

    def row(self, user: str, number: int, ds: date) -> dict[str, Any]:
        """A row of silver.events (and of bronze.events)."""
        day = ds - timedelta(days=self.days_ago)
        return {
            "event_id": f"example:{user}-{number}", "source": "example", "user_id": user, "event_type": self.type,
            "event_time": datetime.combine(day, time(self.hour), UTC), "product_id": self.product,
            "category": self.category, "department": self.department or self.category, "brand": self.brand,
            "quantity": self.quantity, "price": self.price, "amount": self.amount, "discount": self.discount,
            "session_id": self.session or f"{user}-{self.days_ago}", "query": self.query, "device": self.device,
            "local_hour": self.hour, "local_weekday": day.isoweekday(), "is_bot": False, "landed_ds": day, "ds": day,
            "attributes": self.attributes,
        }  # fmt: skip


class Example(Strict):
    """A user: columns of his profile and features, of which those that are left out are null, and his events."""

    columns: dict[str, Any]
    events: tuple[Event, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _columns(cls, said: Any) -> Any:
        if not isinstance(said, dict) or isinstance(said.get("columns"), dict):
            return said
        for name in said.keys() - _COLUMNS - {"events"}:
            hint = nearest(name, [*USER_PROFILES.column_names, "events"], "it has")
            raise ValueError(f"expected columns of gold.user_profiles, or events, found {name!r}{hint}")
        columns = {name: value for name, value in said.items() if name != "events"}
        return {"columns": columns} | {key: said[key] for key in ("events",) if key in said}


class Examples(Strict):
    """Users who must be in the audience (match) and who must not, as of the night `ds`."""

    match: tuple[Example, ...] = ()
    no_match: tuple[Example, ...] = ()
    ds: date = DAY


def frame(spark: SparkSession, table: Table, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows of a table, of which what is left out is null."""
    tuples = [tuple(row.get(name) for name in table.column_names) for row in rows]
    return spark.createDataFrame(tuples, table.ddl)


def people(spark: SparkSession, examples: dict[str, Example]) -> tuple[DataFrame, DataFrame]:
    """(rows of gold.user_profiles, of gold.user_features) of examples by label."""
    found = []
    for table in (USER_PROFILES, USER_FEATURES):
        texts = [
            (json.dumps({name: value for name, value in example.columns.items() if name in table.column_names}
                        | {"user_id": label}, default=_plain),)
            for label, example in examples.items()
        ]  # fmt: skip
        rows = spark.createDataFrame(texts, "text string")
        found.append(rows.select(F.from_json("text", table.ddl, {"mode": "FAILFAST"}).alias("row")).select("row.*"))
    return found[0], found[1]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
