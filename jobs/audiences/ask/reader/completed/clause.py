"""What does a step see of the clause that it completes?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from jobs.audiences.ask.frames import Frame, Rule
from jobs.audiences.ask.reader.sentence import Sentence


class End(Enum):
    """Of a clause that needs no further step."""

    WHOLE = auto()  # it stands as it is
    TAKEN = auto()  # what it says is now part of another clause


@dataclass(frozen=True)
class Clause:
    """A clause among the others of its sentence; the steps change `frame`, `before` and `done`."""

    sentence: Sentence
    place: int  # among the clauses of the sentence
    frame: Frame
    before: Frame | None  # the last clause before it that says what was done
    after: Frame | None  # the next one, not yet completed
    later: list[Frame]
    done: list[Frame]  # those before it, completed
    head: Rule | None  # the window at the head of the sentence
    own: bool  # it said itself what was done
    formerly: bool  # behind "used to"

    @property
    def named(self) -> bool:
        return bool(self.frame.things.names)

    @property
    def denied(self) -> bool:
        return self.frame.neg is not None

    def is_open(self, what: object) -> bool:
        """Whether this reading takes what is open from another clause; both are read."""
        return bool(self.sentence.pick(what, [True, False]))
