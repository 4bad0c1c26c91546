"""The audiences of conf/audiences, one a file: in the order in which they need each other, hashed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from jobs.audiences.definition import Definition, read
from jobs.conf import CONF, nearest
from jobs.errors import UsageError

FOLDER = Path(os.environ.get("HUAXIANG_AUDIENCES") or CONF / "audiences")


@dataclass(frozen=True, slots=True)
class Book:
    """Definitions by id, each after those that it needs; iterates over the ids in that order."""

    by_id: dict[str, Definition]

    @classmethod
    def of(cls, by_id: dict[str, Definition]) -> Book:
        """UsageError where one names another that there is not, they go round in a circle, or a lookalike needs one."""
        for audience, definition in by_id.items():
            for other in (*definition.needs, *definition.left):
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
        others = [self.hash(other) for other in definition.needs]
        return hashlib.sha256(json.dumps([definition.meaning(), others], sort_keys=True).encode()).hexdigest()[:16]

    def reads_vectors(self, audience: str) -> bool:
        """Whether the audience is a lookalike, or needs one."""
        definition = self.by_id[audience]
        return definition.lookalike is not None or any(self.reads_vectors(other) for other in definition.needs)

    def holds_users_together(self, audience: str) -> bool:
        """Whether one user's membership is told by others: he is on top, in it or in one that it needs."""
        definition = self.by_id[audience]
        return definition.ranks or any(self.holds_users_together(other) for other in definition.needs)

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
