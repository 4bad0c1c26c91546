"""Which rule are the clauses, by one choice of what is open?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from jobs.audiences.ask.answer import Part
from jobs.audiences.ask.frames import Frame, NotSaidError, Rule
from jobs.audiences.ask.reader.completed import completed
from jobs.audiences.ask.reader.logic import logic
from jobs.audiences.ask.reader.resolved import resolved
from jobs.audiences.ask.reader.sentence import CHECKED, Sentence
from jobs.audiences.ask.reader.steps import in_steps


def rule_by(sentence: Sentence, said: list[Frame]) -> tuple[Rule | None, list[Part]]:
    """The rule of the clauses, and what each part of the sentence was read as."""
    frames = [resolved(sentence, frame, said, place) for place, frame in enumerate(said)]
    frames = completed(sentence, frames)
    rule = _plain(logic(sentence, in_steps(frames)))
    if rule is None:
        return None, sentence.parts
    try:
        CHECKED.validate_python(rule)
    except ValidationError as error:
        raise NotSaidError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    return rule, sentence.parts


def _plain(said: Any) -> Any:
    """Numbers as YAML writes them."""
    if isinstance(said, dict):
        return {key: _plain(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [_plain(value) for value in said]
    if isinstance(said, Decimal):
        return int(said) if said == int(said) else float(said)
    return said
