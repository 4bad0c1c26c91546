"""A sentence and the names of a warehouse, to an answer: pure, without the engine."""

from __future__ import annotations

from jobs.audiences.ask.answer import Answer
from jobs.audiences.ask.vocabulary import Vocabulary


def read(sentence: str, vocabulary: Vocabulary, lang: str | None = None) -> Answer:
    """What a sentence asks for. lang: zh or en; None: told by its letters."""
    raise NotImplementedError
