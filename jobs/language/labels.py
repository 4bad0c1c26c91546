"""How a category is called: as the source's mapping says, else by words of its products' titles, else as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels by category: English, Chinese, and words of titles for those that are numbers."""

    english: Mapping[str, str]
    chinese: Mapping[str, str]
    titles: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, category: str) -> tuple[str, str]:
        """In English and Chinese."""
        bare = self.titles.get(category) or plain(category)
        english = self.english.get(category) or bare
        return english, self.chinese.get(category) or self.english.get(category) or bare

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
