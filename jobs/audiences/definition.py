"""What one file of conf/audiences may say, typed.

Plain Python: what a predicate may have, jobs/lake/expressions.py says; whether the examples hold, the engine.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from jobs import conf
from jobs.audiences import parameters
from jobs.audiences.examples import Examples
from jobs.audiences.rule import conditions
from jobs.audiences.rule.conditions import Condition
from jobs.conf import Strict
from jobs.errors import UsageError
from jobs.lake import expressions
from jobs.language import gathered
from jobs.tables import USER_PROFILES

KINDS = ("where", "rule", "union", "intersect", "except", "lookalike")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# What does not say who is in it.
_BESIDE = {"name", "name_zh", "description", "description_zh", "further", "owner", "schedule", "holdout",
           "examples"}  # fmt: skip


class Weekly(Strict):
    weekly: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Monthly(Strict):
    monthly: int = Field(ge=1, le=28)


class Suppression(Strict):
    """Who is kept out though the rule holds: on every night, also where the rule is not asked.

    consent: granted (only who said yes), not_refused (everybody but who said no), any. once_in_days: who entered within
    so many days and left does not enter again.
    """

    audiences: tuple[str, ...] = ()
    consent: Literal["granted", "not_refused", "any"] = "not_refused"
    once_in_days: int | None = Field(None, ge=1, le=365)


class Lookalike(Strict):
    """The `size` users outside `seed` whose vectors are most like those of its members."""

    seed: str
    size: int = Field(ge=1)


def _held(where: str) -> str:
    """The predicate itself; ConditionError where it has what is not on the list."""
    expressions.condition(where, USER_PROFILES)
    return where


class Definition(Strict):
    """One file of conf/audiences. Exactly one of KINDS says who is in it; `except`: of the first, in none of the
    rest.
    """

    name: str = Field(min_length=1)
    name_zh: str = Field(min_length=1)
    description: str = Field(min_length=1)
    description_zh: str = Field(min_length=1)
    further: dict[str, dict[str, Annotated[str, Field(min_length=1)]]] = Field(default_factory=dict)  # name_es, ..
    owner: str = Field(min_length=1)
    where: Annotated[str, AfterValidator(_held)] | None = Field(None, min_length=1)
    rule: Condition | None = None
    union: tuple[str, ...] | None = Field(None, min_length=1)
    intersect: tuple[str, ...] | None = Field(None, min_length=1)
    except_: tuple[str, ...] | None = Field(None, alias="except", min_length=2)
    lookalike: Lookalike | None = None
    schedule: Literal["nightly"] | Weekly | Monthly = "nightly"
    suppress: Suppression = Suppression()
    holdout: float = Field(0.0, ge=0, le=0.5)
    examples: Examples = Examples()

    @model_validator(mode="before")
    @classmethod
    def _languages(cls, document: object) -> object:
        return gathered(document, "name", "description")

    @model_validator(mode="after")
    def _one_kind(self) -> Definition:
        if len(given := [kind for kind in KINDS if self._of(kind) is not None]) != 1:
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}; found {', '.join(given) or 'none'}")
        if self.rule is not None and (deep := conditions.depth(self.rule)) > conditions.DEEPEST:
            raise ValueError(
                f"rule: expected at most {conditions.DEEPEST} levels, found {deep}; make an audience of a part"
            )
        if self.lookalike and (self.examples.match or self.examples.no_match):
            raise ValueError("expected no examples of a lookalike: who is alike depends on everybody else")
        return self

    def _of(self, kind: str) -> Any:
        return getattr(self, "except_" if kind == "except" else kind)

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if self._of(kind) is not None)

    @property
    def parts(self) -> tuple[str, ...]:
        """The audiences that a set operation is made from, or the seed."""
        if self.lookalike:
            return (self.lookalike.seed,)
        return () if self.where or self.rule else self._of(self.kind)

    @property
    def named(self) -> tuple[str, ...]:
        """The audiences that the rule speaks of: whose members it asks for."""
        found = conditions.walk(self.rule) if self.rule else ()
        return tuple(sorted({one.audience for one in found if isinstance(one, conditions.Audience)}))

    @property
    def left(self) -> tuple[str, ...]:
        """The audiences that the rule asks whether users left them: by the changes of nights before."""
        found = conditions.walk(self.rule) if self.rule else ()
        return tuple(sorted({one.left for one in found if isinstance(one, conditions.Left)}))

    @property
    def ranks(self) -> bool:
        """Whether the rule holds users against each other."""
        return self.rule is not None and any(isinstance(one, conditions.Top) for one in conditions.walk(self.rule))

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.parts, *self.named, *self.suppress.audiences)

    @property
    def when(self) -> str:
        """The schedule as a text."""
        if isinstance(self.schedule, Weekly):
            return f"weekly: {self.schedule.weekly}"
        return f"monthly: {self.schedule.monthly}" if isinstance(self.schedule, Monthly) else "nightly"

    def due(self, ds: date, evaluated: date | None) -> bool:
        """Whether the rule is asked on the night of `ds`: where it was not (`evaluated`: the last time) on its last
        day up to ds, so that a night that was missed is made up for by the next.
        """
        last = ds
        if isinstance(self.schedule, Weekly):
            last = ds - timedelta(days=(ds.weekday() - _DAYS.index(self.schedule.weekly)) % 7)
        elif isinstance(self.schedule, Monthly):
            month = ds if ds.day >= self.schedule.monthly else ds.replace(day=1) - timedelta(days=1)
            last = month.replace(day=self.schedule.monthly)
        return evaluated is None or evaluated < last

    def text(self) -> str:
        """What the file says, less what it leaves as it is by default."""
        return json.dumps(self.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True,
                          ensure_ascii=False)  # fmt: skip

    def meaning(self) -> dict[str, Any]:
        """What says who is in it: a change of the rest is no new definition."""
        return {key: value for key, value in json.loads(self.text()).items() if key not in _BESIDE}


def read(path: Path) -> Definition:
    """One file; UsageError says which file and which key is wrong."""
    if not _ID.fullmatch(path.stem):
        raise UsageError(f"{path}: expected a name of small letters, digits and _ for an audience, found {path.stem!r}")
    return conf.read(path, Definition, "audience", parameters.filled)
