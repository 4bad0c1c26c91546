"""Which Chinese word was meant by one that sounds the same, and shares a character with it: 鸡旦 is 鸡蛋."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from jobs.audiences.ask import speech, text

_LONGEST = 5  # characters


def by_sound(words: Iterable[str]) -> Mapping[tuple[str, ...], frozenset[str]]:
    """The Chinese words of two characters or more, by their sounds."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for word in words:
        if 2 <= len(word) <= _LONGEST and all(map(text.is_chinese, word)):
            found[sounds(word)].add(word)
    return {heard: frozenset(said) for heard, said in found.items()}


def sounds(word: str) -> tuple[str, ...]:
    from pypinyin import lazy_pinyin

    return tuple(lazy_pinyin(word))


def meant(
    characters: Sequence[str], unknown: int, known: Mapping[tuple[str, ...], frozenset[str]]
) -> tuple[int, str] | None:
    """Where the word begins in which a character is a slip, and the right one; None where none or several fit."""
    for size in range(_LONGEST, 1, -1):
        fitting = set()
        for start in range(max(0, unknown - size + 1), min(unknown, len(characters) - size) + 1):
            said = "".join(characters[start : start + size])
            if len(said) != size or not all(map(text.is_chinese, said)) or speech.is_word(said):
                continue
            right = known.get(sounds(said), frozenset())
            fitting |= {(start, one) for one in right if one != said and set(one) & set(said)}
        if fitting:
            return fitting.pop() if len(fitting) == 1 else None
    return None
