"""conf/pages.yaml: the languages that people read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from jobs.conf import CONF, Strict, read
from jobs.errors import UsageError
from jobs.language.catalogue import TABLED, languages


class Pages(Strict):
    """The languages of the morning page; the first is that of <ds>.html."""

    languages: list[str] = Field(min_length=1)

    @classmethod
    def load(cls, path: Path = CONF / "pages.yaml") -> Pages:
        """Of the file; UsageError where a language has no words."""
        pages = read(path, cls, "list of languages")
        if unknown := [code for code in pages.languages if code not in languages()]:
            raise UsageError(f"expected languages of {', '.join(languages())} in {path}, found {', '.join(unknown)}")
        return pages

    def files(self, ds: date) -> dict[str, str]:
        """The name of a night's page by language."""
        return {code: f"{ds}.html" if code == self.languages[0] else f"{ds}.{code}.html" for code in self.languages}

    def with_tables(self) -> list[str]:
        """Those of the tables, then the others of the pages."""
        return [*TABLED, *(code for code in self.languages if code not in TABLED)]
