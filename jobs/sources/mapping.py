"""Which of our columns a mapping may fill, and from what: the `fields` of a feed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, field_validator, model_validator

from jobs.conf import Strict, nearest
from jobs.sources import patterns

# Our columns that a mapping of events may fill, with what they are read as.
EVENT_FIELDS: dict[str, str] = {
    "user_id": "text", "event_time": "time", "event_type": "text", "product_id": "text", "quantity": "count",
    "price": "money", "amount": "money", "discount": "money", "session_id": "text", "query": "text",
    "user_agent": "text",
}  # fmt: skip
CONSENTS = ("marketing_consent", "profiling_consent", "training_consent")
USER_FIELDS = ("age_band", "gender", "region", "occupation", "income_band", *CONSENTS)
PRODUCT_FIELDS = ("title", "category_path", "brand")

_ORIGINS = ("column", "first", "constant", "sum", "path")
# Beside its one origin, what a field of a kind may say.
_NUMBER = {"column", "first", "constant", "map", "decimal", "thousands", "scale", "sign", "units"}
_FORMS = {
    "text": {"column", "first", "constant", "map"},
    "time": {"column", "first", "format", "zone", "from_", "year"},
    "count": _NUMBER - {"sign"},
    "money": _NUMBER | {"sum"},
    "path": {"column", "first", "constant", "map", "split", "path"},
}
_SHOWN = {
    "text": "a column, first: [a, b], constant: text",
    "time": "a column, column: [day, time], first: [a, b]",
    "count": "a column, first: [a, b]",
    "money": "a column, sum: [a, b], first: [a, b]",
    "path": "a column, path: [root, leaf], a column with split",
}
_KINDS = {"text": "a text", "time": "a time", "count": "a count", "money": "money", "path": "a category path"}


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Formats = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def _written(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class FieldSpec(Strict):
    """Where one of our columns comes from: exactly one of `column`, `first`, `constant`, `sum`, `path`.

    `column` one of the source's columns, or several as one: a time's joined by a blank, a text's as those of an id;
    `first` the first of several columns that is not empty; `constant` the same text for every record; `sum` the sum of
    number columns (absent ones count 0); `path` a list of columns from root to leaf. `map` translates codes after
    reading. `split` cuts the text of a category path's one `column`.
    `format` is one or several of Spark's date patterns or the names of `patterns.NAMES`, the first that reads counts;
    none = ISO 8601. `zone` is the zone of times that carry none; `from` the day of number 0 of the format `days`,
    `year` that of patterns without one.
    `decimal` is the sign before a number's fraction, `thousands` the one between its thousands, `sign` lists what may
    stand beside it, such as "€"; a number is multiplied by `scale`, and by what `units` says of a word behind it.
    `optional`: a file may lack the columns, and then says nothing of them.
    """

    column: str | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    first: tuple[str, ...] | None = Field(default=None, min_length=2)
    constant: Annotated[str | None, BeforeValidator(_written)] = None
    sum: tuple[str, ...] | None = Field(default=None, min_length=1)
    path: tuple[str, ...] | None = Field(default=None, min_length=1)
    map: dict[str, str] | None = None
    split: str | None = Field(default=None, min_length=1)
    format: Formats = ()
    zone: str = "UTC"
    optional: bool = False
    from_: date | None = Field(default=None, alias="from")
    year: int | None = Field(default=None, ge=1900, le=2200)
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "\u2019"] = ""
    sign: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    scale: Decimal = Field(default=Decimal(1), gt=0)
    units: dict[str, Annotated[Decimal, Field(gt=0, le=10**12)]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, given: object) -> object:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise ValueError(f"a field has no {key!r}{nearest(str(key), known, 'it may have')}")
        return given

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSpec:
        given = [name for name in _ORIGINS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(_ORIGINS)}; found {given or 'none'}")
        if self.split and not isinstance(self.column, str):
            raise ValueError("split cuts the text of one column: expected column beside it")
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}; one of them is another sign")
        for pattern in self.format:
            patterns.check(pattern, self.year is not None)
        if pair := patterns.not_told_apart(self.format):
            raise ValueError(f"{pair[0]!r} and {pair[1]!r} read the same texts as other days: 01/05 is of one of them")
        if ("days" in self.format) != (self.from_ is not None):
            raise ValueError("format: days and from: 2026-01-01 go together: expected both or none")
        return self

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return check_zone(zone)

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that this field reads."""
        one = (self.column,) if isinstance(self.column, str) else self.column
        return one or self.first or self.sum or self.path or ()

    def check_form(self, kind: str) -> None:
        """ValueError where it says what a field of this kind cannot mean."""
        for name in sorted(self.model_fields_set - _FORMS[kind] - {"optional"}):
            known = [form for form, names in _FORMS.items() if name in names]
            said = "from" if name == "from_" else name
            raise ValueError(
                f"{said} is for {' or '.join(_KINDS[form] for form in known)}; the field is {_KINDS[kind]}, "
                f"which takes {_SHOWN[kind]}"
            )
        if self.constant is not None and kind in ("count", "money") and not _is_number(self.constant, kind == "count"):
            raise ValueError(f"constant {self.constant!r} is no number; the field is {_KINDS[kind]}")
        if not isinstance(self.column, (str, type(None))) and kind not in ("text", "time"):
            raise ValueError(f"several columns are one for a text or a time alone; {_KINDS[kind]} takes {_SHOWN[kind]}")


class Currency(Strict):
    """The column that names the currency of a record's money, and what one of each is in the shop's own; a record of
    any other is refused. One currency alone: `rates: {USD: 1}`.
    """

    column: str
    rates: dict[str, Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=8)]] = Field(min_length=1)


def _is_number(text: str, whole: bool) -> bool:
    try:
        number = Decimal(text)
        return number.is_finite() and not (whole and number % 1)
    except InvalidOperation:
        return False


def check_zone(zone: str) -> str:
    """The name of a time zone; ValueError where there is none of this name."""
    if zone not in available_timezones():  # short names are alike, and of several zones: CST
        hint = nearest(zone, available_timezones()) if "/" in zone else "; zones are called as Asia/Shanghai is"
        raise ValueError(f"no time zone {zone!r}{hint}")
    return str(ZoneInfo(zone))


def kind_of(feed: str, field: str) -> str:
    """What a field of events, users or products is read as."""
    if feed == "events":
        return EVENT_FIELDS[field]
    return "path" if field == "category_path" else "text"
