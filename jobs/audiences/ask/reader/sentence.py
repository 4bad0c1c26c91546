"""What do all steps of one reading share?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pydantic import TypeAdapter, ValidationError

from jobs.audiences.ask import text, wording
from jobs.audiences.ask.answer import Part
from jobs.audiences.ask.frames import Frame, NotSaidError, Rule
from jobs.audiences.ask.reader.choices import Pick
from jobs.audiences.ask.token import Token
from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.rule import words
from jobs.audiences.rule.conditions import Condition

CHECKED: TypeAdapter = TypeAdapter(Condition)


@dataclass(frozen=True)
class Sentence:
    """A sentence in one reading: what its words may name, how what is open was chosen, what its parts were read as."""

    vocabulary: Vocabulary
    plain: str
    pick: Pick
    parts: list[Part] = field(default_factory=list)

    @cached_property
    def chinese(self) -> bool:
        return text.language(self.plain) == "zh"


def span(plain: str, found: list[Token]) -> str:
    return plain[min(t.start for t in found) : max(t.end for t in found)] if found else ""


def in_words(sentence: Sentence, rule: Rule) -> str:
    """What a rule means, in the language of the sentence; ValidationError where it is none."""
    checked = CHECKED.validate_python(rule)
    return wording.rule(checked) if sentence.chinese else words.rule(checked)


def note(sentence: Sentence, frame: Frame, rule: Rule) -> None:
    """A clause among the parts, by what its rule means."""
    said = span(sentence.plain, frame.tokens)
    notes = "; ".join(note for token in frame.tokens for note in token.notes)
    try:
        means = in_words(sentence, rule)
    except ValidationError as error:
        raise NotSaidError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    sentence.parts.append(Part(said, f"{means} ({notes})" if notes else means))
