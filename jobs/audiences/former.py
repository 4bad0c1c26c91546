"""The audiences as they were published last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jobs.audiences.book import Book
from jobs.segments import LastNight
from jobs.settings import Settings
from jobs.tables import AUDIENCES


@dataclass(frozen=True, slots=True)
class Former:
    """The last published night's rows of gold.audiences by id, and its definitions; both empty without a night."""

    night: LastNight
    rows: dict[str, dict]
    book: Book

    @classmethod
    def before(cls, s: Settings) -> Former:
        night = LastNight.before(s)
        rows = {row["audience_id"]: row for row in night.rows(s, AUDIENCES)}
        return cls(night, rows, Book.of_text(night.definitions.get("audiences")))

    @property
    def day(self) -> date | None:
        return self.night.day

    def evaluated(self, audience: str) -> date | None:
        """The night on which the audience's rule was asked last."""
        return self.rows.get(audience, {}).get("evaluated_ds")

    def due(self, book: Book, ds: date) -> set[str]:
        """Audiences of `book` whose rule is asked on ds."""
        return {audience for audience in book if book[audience].due(ds, self.evaluated(audience))}
