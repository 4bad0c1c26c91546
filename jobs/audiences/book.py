"""What the audiences of conf/audiences are, one a file: typed, in the order in which they need each other, hashed.

Plain Python: what a predicate may have, jobs/lake/expressions.py says; whether the examples hold, the engine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from jobs import conf
from jobs.conf import CONF, Strict, nearest
from jobs.errors import UsageError
from jobs.lake import expressions
from jobs.tables import USER_PROFILES

FOLDER = CONF / "audiences"
KINDS = ("where", "union", "intersect", "except", "lookalike")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# What does not say who is in it; a change of these is no new definition.
_BESIDE = {"name", "name_zh", "description", "description_zh", "owner", "schedule", "holdout", "examples"}


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


class Examples(Strict):
    """Rows of gold.user_profiles, of the columns that matter: who must be in the audience and who must not."""

    match: tuple[dict[str, Any], ...] = ()
    no_match: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _columns(self) -> Examples:
        for row in (*self.match, *self.no_match):
            for name in row.keys() - set(USER_PROFILES.column_names):
                raise ValueError(f"expected columns of gold.user_profiles, found {name!r}{nearest_column(name)}")
        return self


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
    owner: str = Field(min_length=1)
    where: Annotated[str, AfterValidator(_held)] | None = Field(None, min_length=1)
    union: tuple[str, ...] | None = Field(None, min_length=1)
    intersect: tuple[str, ...] | None = Field(None, min_length=1)
    except_: tuple[str, ...] | None = Field(None, alias="except", min_length=2)
    lookalike: Lookalike | None = None
    schedule: Literal["nightly"] | Weekly | Monthly = "nightly"
    suppress: Suppression = Suppression()
    holdout: float = Field(0.0, ge=0, le=0.5)
    examples: Examples = Examples()

    @model_validator(mode="after")
    def _one_kind(self) -> Definition:
        if len(said := [kind for kind in KINDS if self._of(kind) is not None]) != 1:
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}; found {', '.join(said) or 'none'}")
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
        return () if self.where else self._of(self.kind)

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.parts, *self.suppress.audiences)

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
        return json.dumps(self.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True,
                          ensure_ascii=False)  # fmt: skip


def nearest_column(name: str) -> str:
    return nearest(name, USER_PROFILES.column_names, "it has")


@dataclass(frozen=True, slots=True)
class Book:
    """Definitions by id, each after those that it needs; iterates over the ids in that order."""

    by_id: dict[str, Definition]

    @classmethod
    def of(cls, by_id: dict[str, Definition]) -> Book:
        """UsageError where one names another that there is not, they go round in a circle, or a lookalike needs one."""
        for audience, definition in by_id.items():
            for other in definition.needs:
                if other not in by_id:
                    hint = nearest(other, sorted(by_id), "there are")
                    raise UsageError(
                        f"audience {audience}: expected an audience of conf/audiences, found {other!r}{hint}"
                    )
        try:
            needs = {audience: sorted(set(definition.needs)) for audience, definition in sorted(by_id.items())}
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            raise UsageError(f"audiences need each other in a circle: {circle}; take one of these steps out") from None
        book = cls({audience: by_id[audience] for audience in order})
        for audience, definition in book.by_id.items():
            if definition.lookalike and (guilty := [o for o in definition.needs if book.reads_vectors(o)]):
                raise UsageError(
                    f"audience {audience}: expected a lookalike to need audiences without a lookalike, "
                    f"found {guilty[0]!r}"
                )
        return book

    @classmethod
    def load(cls, folder: Path | None = None, beside: Path | None = None) -> Book:
        """The audiences of a folder (FOLDER), and of one file more (`beside`), which stands for the one of its name."""
        files = {path.stem: path for path in sorted((folder or FOLDER).glob("*.yaml"))}
        if beside is not None:
            files[beside.stem] = beside
        return cls.of({audience: read(path) for audience, path in files.items()})

    @classmethod
    def of_text(cls, text: str | None) -> Book:
        """The book that `text` gave; an empty one where it cannot be read any more."""
        try:
            return cls.of({audience: Definition.model_validate(d) for audience, d in json.loads(text or "{}").items()})
        except (ValueError, UsageError):
            return cls({})

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_id)

    def __len__(self) -> int:
        return len(self.by_id)

    def __getitem__(self, audience: str) -> Definition:
        return self.by_id[audience]

    def __contains__(self, audience: object) -> bool:
        return audience in self.by_id

    def text(self) -> str:
        """The definitions as ops.runs keeps them, so that a later night can apply those of this one."""
        texts = {audience: json.loads(definition.text()) for audience, definition in sorted(self.by_id.items())}
        return json.dumps(texts, ensure_ascii=False)

    def hash(self, audience: str) -> str:
        """A short name of who is meant: another where the definition, or one that it needs, is another."""
        definition = self.by_id[audience]
        own = {key: value for key, value in json.loads(definition.text()).items() if key not in _BESIDE}
        others = [self.hash(other) for other in definition.needs]
        return hashlib.sha256(json.dumps([own, others], sort_keys=True).encode()).hexdigest()[:16]

    def reads_vectors(self, audience: str) -> bool:
        """Whether the audience is a lookalike, or needs one."""
        definition = self.by_id[audience]
        return definition.lookalike is not None or any(self.reads_vectors(other) for other in definition.needs)

    def levels(self) -> list[list[str]]:
        """The ids in groups, each of which needs only those before it."""
        depth: dict[str, int] = {}
        for audience in self:
            depth[audience] = 1 + max((depth[other] for other in self.by_id[audience].needs), default=-1)
        deepest = max(depth.values(), default=-1)
        return [[audience for audience in self if depth[audience] == level] for level in range(deepest + 1)]

    def with_needs(self, wanted: set[str]) -> Book:
        """`wanted` and what they need."""
        keep, todo = set(), list(wanted)
        while todo:
            audience = todo.pop()
            if audience not in keep:
                keep.add(audience)
                todo += self.by_id[audience].needs
        return Book({audience: definition for audience, definition in self.by_id.items() if audience in keep})


def read(path: Path) -> Definition:
    """One file; UsageError says which file and which key is wrong."""
    if not _ID.fullmatch(path.stem):
        raise UsageError(f"{path}: expected a name of small letters, digits and _ for an audience, found {path.stem!r}")
    return conf.read(path, Definition, "audience")
