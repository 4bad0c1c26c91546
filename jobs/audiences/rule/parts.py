"""The parts that conditions are made of: comparisons of numbers, tests of values, spans, windows of days."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from jobs.conf import Strict, nearest

_DAY = timedelta(days=1)


def _exact(said: Any) -> Any:
    """YAML's floats as the decimals that were written; a flag is no number."""
    if isinstance(said, bool):
        raise ValueError(f"expected a number, found {said}")
    return Decimal(str(said)) if isinstance(said, float) else said


def _plain(number: Any) -> Any:
    """A number as YAML and JSON write it."""
    if not isinstance(number, Decimal):
        return number
    return int(number) if number == number.to_integral_value() else float(number)


Number = Annotated[Decimal, BeforeValidator(_exact), PlainSerializer(_plain), Field(max_digits=15, decimal_places=6)]
Scalar = Annotated[
    bool | int | Decimal | str,
    BeforeValidator(lambda said: said if isinstance(said, bool) else _exact(said)), PlainSerializer(_plain),
]  # fmt: skip


class Part(Strict):
    """A mapping whose keys are known: of another key, the nearest is named."""

    def said(self) -> dict[str, Any]:
        """What stands in the file, less what is so by default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, said: Any) -> Any:
        if isinstance(said, cls):
            return said
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        if not isinstance(said, dict):
            raise ValueError(f"expected a mapping with {', '.join(keys)}; found {said!r}")
        for key in said:
            if key not in keys:
                raise ValueError(f"expected one of its keys, found {key!r}{nearest(str(key), keys, 'it has')}")
        return said


class Comparison(Part):
    """What a number is held against; `none` is exactly 0. `between` takes both ends in."""

    at_least: Number | None = None
    at_most: Number | None = None
    more_than: Number | None = None
    less_than: Number | None = None
    exactly: Number | None = None
    between: tuple[Number, Number] | None = None
    none: Literal[True] | None = None

    @model_validator(mode="after")
    def _ends_in_order(self) -> Comparison:
        if self.between and self.between[0] > self.between[1]:
            raise ValueError(f"between: expected the smaller number first, found {self.between[0]}, {self.between[1]}")
        return self

    @property
    def bounds(self) -> list[tuple[str, Decimal]]:
        """Pairs of an operator (>=, <=, >, <, =) and a number, all of which must hold."""
        pairs = [(">=", self.at_least), ("<=", self.at_most), (">", self.more_than), ("<", self.less_than),
                 ("=", self.exactly), ("=", Decimal(0) if self.none else None)]  # fmt: skip
        low, high = self.between or (None, None)
        return [(sign, number) for sign, number in [*pairs, (">=", low), ("<=", high)] if number is not None]


class Span(Part):
    """A length of time: of days of 24 hours, or hours."""

    days: int | None = Field(None, ge=1, le=3660)
    hours: int | None = Field(None, ge=1, le=87_840)

    @model_validator(mode="after")
    def _one_unit(self) -> Span:
        if (self.days is None) == (self.hours is None):
            raise ValueError("expected either days or hours")
        return self

    @property
    def in_hours(self) -> int:
        return self.hours if self.hours is not None else 24 * (self.days or 0)


_LAST = ("last_days", "last_weeks", "last_months")


class Window(Part):
    """Days of the shop, up to ds at most. Exactly one of the first group says which.

    last_days: ds and those before it; last_weeks, last_months: Mondays to Sundays and calendar months that are over
    when ds is; skip: so many days, weeks, months further back. after and before (either alone or both) take their own
    day out, between takes both ends in. each: of the last N, every one for itself; at_least_in: so many of them.
    """

    last_days: int | None = Field(None, ge=1, le=3660)
    last_weeks: int | None = Field(None, ge=1, le=520)
    last_months: int | None = Field(None, ge=1, le=120)
    current: Literal["week", "month", "year"] | None = None
    between: tuple[date, date] | None = None
    after: date | None = None
    before: date | None = None
    ever: Literal[True] | None = None
    skip: int = Field(0, ge=0, le=3660)
    each: Literal[True] | None = None
    at_least_in: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_window(self) -> Window:
        given = [name for name in (*_LAST, "current", "between", "ever") if getattr(self, name) is not None]
        given += ["after, before"] if self.after or self.before else []
        if len(given) != 1:
            raise ValueError("expected exactly one of last_days, last_weeks, last_months, current, between, ever, or"
                             f" after and before; found {' and '.join(given) or 'none'}")  # fmt: skip
        last = next((getattr(self, name) for name in _LAST if getattr(self, name)), None)
        if last is None and (self.skip or self.each or self.at_least_in):
            raise ValueError("expected skip, each and at_least_in beside last_days, last_weeks or last_months alone")
        if self.each and self.at_least_in:
            raise ValueError("expected each or at_least_in, found both")
        if last is not None and (self.each or self.at_least_in) and last > 60:
            raise ValueError(f"expected at most 60 periods with each or at_least_in, found {last}")
        if last is not None and self.at_least_in and self.at_least_in > last:
            raise ValueError(f"at_least_in: expected at most {last}, found {self.at_least_in}")
        if self.between and self.between[0] > self.between[1]:
            raise ValueError(f"between: expected the earlier day first, found {self.between[0]}, {self.between[1]}")
        return self

    @property
    def needed(self) -> int | None:
        """In how many of its periods a comparison must hold; None where the window is one."""
        return (self.last_days or self.last_weeks or self.last_months) if self.each else self.at_least_in

    def days(self, ds: date) -> tuple[date | None, date]:
        """The first (None: since ever) and last day, as of ds; the last before the first where the window is empty."""
        if self.last_days or self.last_weeks or self.last_months:
            periods = self.periods(ds)
            return periods[-1][0], periods[0][1]
        if self.current:
            first = {"week": ds - ds.weekday() * _DAY, "month": ds.replace(day=1), "year": ds.replace(month=1, day=1)}
            return first[self.current], ds
        if self.between:
            return self.between[0], min(self.between[1], ds)
        last = min(self.before - _DAY, ds) if self.before else ds
        return (self.after + _DAY if self.after else None), last

    def periods(self, ds: date) -> list[tuple[date, date]]:
        """The days, weeks or months of last_*, the newest first."""
        if self.last_days:
            return [(day := ds - (k + self.skip) * _DAY, day) for k in range(self.last_days)]
        if self.last_weeks:
            sunday = ds - (ds.isoweekday() % 7 + 7 * self.skip) * _DAY
            return [(sunday - (7 * k + 6) * _DAY, sunday - 7 * k * _DAY) for k in range(self.last_weeks)]
        over = ds.day == monthrange(ds.year, ds.month)[1]
        newest = ds.year * 12 + ds.month - 1 - (0 if over else 1) - self.skip
        months = [divmod(newest - k, 12) for k in range(self.last_months or 0)]
        return [(date(y, m + 1, 1), date(y, m + 1, monthrange(y, m + 1)[1])) for y, m in months]


EVER = Window(ever=True)


class Test(Comparison):
    """What a value must be. A value that is not known passes none but `known: false`, not even `not`.

    In YAML a single value or a list stand for `is`. in: of a day, the window that it lies in.
    """

    __test__ = False  # for pytest, which takes it for one of its own by its name

    is_: tuple[Scalar, ...] = Field((), alias="is")
    not_: tuple[Scalar, ...] = Field((), alias="not")
    contains: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    known: bool | None = None
    in_: Window | None = Field(None, alias="in")
    none: None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, said: Any) -> Any:
        if isinstance(said, dict):
            alone = {key for key in ("is", "not", "contains", "starts_with") if key in said}
            alone = {key for key in alone if not isinstance(said[key], list | tuple)}
            return said | {key: [said[key]] for key in alone}
        return said if isinstance(said, cls) else {"is": list(said) if isinstance(said, list | tuple) else [said]}

    @model_validator(mode="after")
    def _something(self) -> Test:
        if not (self.is_ or self.not_ or self.contains or self.starts_with or self.in_ or self.bounds) and (
            self.known is None
        ):
            raise ValueError("expected a value, a list of values, or a test such as at_least, contains, known")
        return self


# Kinds of values, and what a test of each may have.
_TESTS = {
    "text": {"is_", "not_", "contains", "starts_with", "known"},
    "texts": {"is_", "not_", "known"},
    "free": {"is_", "not_", "contains", "starts_with", "known", *Comparison.model_fields},
    "number": {"is_", "not_", "known", *Comparison.model_fields},
    "flag": {"is_", "not_", "known"},
    "day": {"known", "in_"},
}
_SCALARS: dict[str, Any] = {
    "text": str, "texts": str, "free": str, "number": (int, Decimal), "flag": bool, "day": (),
}  # fmt: skip


def checked(name: str, kind: str, test: Test) -> None:
    """ValueError where a test is none for a value of the kind."""
    if stray := sorted(test.model_fields_set - _TESTS[kind]):
        what = "list of texts" if kind == "texts" else kind
        raise ValueError(f"{name} is a {what}: expected {', '.join(sorted(t.strip('_') for t in _TESTS[kind]))}; "
                         f"found {stray[0].strip('_')}")  # fmt: skip
    for value in (*test.is_, *test.not_):
        right = isinstance(value, _SCALARS[kind]) and (kind == "flag" or not isinstance(value, bool))
        if not right:
            what = "text in quotes" if _SCALARS[kind] is str else kind
            raise ValueError(f"{name}: expected a {what}, found {value!r}")
