"""Which parts of speech may a word be? By dictionaries that come with packages, opened when a word is first asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a Chinese sentence; tag: as jieba's dictionary has it (v a verb, d an adverb, y a particle ...)."""

    text: str
    tag: str
    start: int
    end: int


@cache
def english(word: str) -> Mapping[str, tuple[str, ...]]:
    """The base forms of a word by what it may be: NOUN, VERB, ADJ, ADV; empty where no dictionary has it."""
    import lemminflect

    return {part: tuple(bases) for part, bases in lemminflect.getAllLemmas(word).items() if bases != ("",)}


@lru_cache(maxsize=64)
def chinese(sentence: str) -> tuple[Word, ...]:
    """The words of a sentence with their places."""
    import rjieba

    found, start = [], 0
    for text, tag in rjieba.tag(sentence, False):
        found.append(Word(text, tag, start, start + len(text)))
        start += len(text)
    return tuple(found)


def is_word(said: str) -> bool:
    """Whether the Chinese dictionary has it."""
    import rjieba

    return rjieba.has_word(said)
