"""How a category is called: as the source's mapping says, else by words of its products' titles, else as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.language.catalogue import CHINESE


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels by category: English, Chinese, words of titles for those that are numbers, and those of further languages,
    by language.
    """

    english: Mapping[str, str]
    chinese: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __call__(self, category: str) -> tuple[str, str]:
        """In English and Chinese."""
        bare = self.titles.get(category) or plain(category)
        english = self.english.get(category) or bare
        return english, self.chinese.get(category) or self.english.get(category) or bare

    def called(self, category: str, code: str) -> str:
        """In any language; in a further one that has no label of it, as in English."""
        english, chinese = self(category)
        return chinese if code == CHINESE else self.in_further(category).get(code, english)

    def in_further(self, category: str) -> dict[str, str]:
        """By further language, where it has a label of the category."""
        return {code: of[category] for code, of in self.further.items() if category in of}

    def of_english(self, label: str) -> dict[str, str]:
        """`in_further` of the category that has an English label; of several the first."""
        return self.in_further(next((category for category, text in self.english.items() if text == label), label))

    def named(self, category: str) -> bool:
        return category in self.english or category in self.chinese


def is_code(category: str) -> bool:
    """Whether a category is a number, which tells a person nothing."""
    return not re.search(r"[^\W\d_]{2}", category)


def plain(category: str) -> str:
    """A category without the marks of a data base: of `electronics.head_phones` its last part, and no capitals."""
    path = re.fullmatch(r"(?:[\w-]+\.)+([\w-]+)", category)
    text = (path.group(1) if path else category).replace("_", " ").strip()
    return text.lower() if text.isupper() else text
