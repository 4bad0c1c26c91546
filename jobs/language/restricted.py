"""Goods that no advice puts forward, because of their buyers' age or the law: conf/restricted.yaml."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pydantic import Field

from jobs.conf import CONF, Strict, read


class Restricted(Strict):
    """words: a category with one of them in its name is not put forward. Chinese ones are parts of a name."""

    words: list[str] = Field(default_factory=list)

    @classmethod
    def load(cls, path: Path = CONF / "restricted.yaml") -> Restricted:
        """Of the file; UsageError says which key is wrong."""
        return read(path, cls, "list of restricted goods")

    def pattern(self) -> re.Pattern | None:
        """What finds one of the words in a name; None without any."""
        texts = [
            re.escape(word) if re.search("[\u2e80-\ud7ff]", word) else rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"
            for word in self.words
            if word.strip()
        ]
        return re.compile("|".join(texts), re.IGNORECASE) if texts else None


@cache
def _shipped() -> re.Pattern | None:
    return Restricted.load().pattern()


def restricted(*names: str) -> bool:
    """Whether one of the names of a category is of restricted goods."""
    pattern = _shipped()
    return pattern is not None and any(pattern.search(name) for name in names)
