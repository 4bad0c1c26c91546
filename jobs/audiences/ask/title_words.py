"""Which categories do words of titles name, in a language in which the categories themselves have no name?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from jobs.audiences.ask import text

_MOST = 0.8  # of the titles of a category in a language: its word stands in so many
_LONGEST = {True: 6, False: 3}  # characters of Chinese, words of others


def words_of(shelves: Mapping[str, str], labels: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """(word, category) of the words that nearly all titles of a category have. shelves: titles and their categories."""
    titles: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for title, category in shelves.items():
        titles[category, text.is_chinese(title)].append(title)
    everywhere: Counter[str] = Counter()
    named: dict[str, Counter[str]] = defaultdict(Counter)  # by word, and category
    for (category, chinese), found in titles.items():
        counted = Counter(word for title in found for word in set(_ends(text.folded(title), chinese)))
        everywhere.update(counted)
        if chinese in map(text.is_chinese, (category, *labels.get(category, ()))):
            continue
        for word, n in counted.items():
            if n >= _MOST * len(found):
                named[word][category] = n
    for word, categories in named.items():
        if sum(categories.values()) == everywhere[word]:  # and no title of another category has it
            # 裙子 is what ends in 裙; a character by itself names nothing
            said = f"{word}子" if len(word) == 1 and text.is_chinese(word) else word
            yield from ((said, category) for category in categories)


def _ends(title: str, chinese: bool) -> Iterator[str]:
    """The ends of its parts, where the thing itself is named: 厨房纸 is paper."""
    pattern = r"[\u3400-\u9fff]+" if chinese else r"[^\W\d_]+(?:[ -][^\W\d_]+)*"
    for part in re.findall(pattern, title):
        words = list(part) if chinese else part.split()
        for size in range(1, min(len(words), _LONGEST[chinese]) + 1):
            yield ("" if chinese else " ").join(words[-size:])
