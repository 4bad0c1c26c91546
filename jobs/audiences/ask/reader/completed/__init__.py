"""What does a clause take from others: the window at the head, the event and the object of the one before?

Each step answers one question of a clause. The order is a part of the grammar: a step sees what those before it found.
"""

from __future__ import annotations

from collections.abc import Callable

from jobs.audiences.ask.frames import Frame, NotSaidError
from jobs.audiences.ask.reader.completed import acts, counts, days, objects
from jobs.audiences.ask.reader.completed.clause import Clause, End
from jobs.audiences.ask.reader.sentence import Sentence
from jobs.audiences.ask.reader.windows import behind, in_each, merged, opened

Step = Callable[[Clause], End | None]
STEPS: tuple[Step, ...] = (
    acts.stopped,
    days.of_a_state,
    acts.repeated,
    acts.whole,
    acts.checked,
    acts.of_another,
    days.of_a_column,
    counts.came_back_never,
    counts.rhythm,
    days.until_stopped,
    days.nowadays,
    objects.of_the_next,
    objects.spent_on,
    objects.the_same,
    days.of_the_same,
    days.each_period,
    days.of_the_head,
    days.one_weekday,
    objects.of_that_brand,
)


def completed(sentence: Sentence, frames: list[Frame]) -> list[Frame]:
    """The clauses, each with what it takes from others; NotSaidError where nothing tells what is meant."""
    if frames:
        opened(frames)
        frames = merged(frames)
        in_each(sentence, frames)
    objects.named_before_colon(sentence, frames)
    head = days.head(frames)
    done: list[Frame] = []
    for place, frame in enumerate(frames):
        before = next((one for one in reversed(done) if one.events), None)
        later = frames[place + 1 :]
        formerly = before is not None and "FORMERLY" in before.slots
        clause = Clause(
            sentence, place, frame, before, later[0] if later else None, later, done, head, bool(frame.events), formerly
        )
        if next(filter(None, (step(clause) for step in STEPS)), End.WHOLE) is End.WHOLE:
            done.append(frame)
    behind(sentence, [frame for frame in done if frame.acts])
    if head and not any(head in (*frame.windows, *frame.used) for frame in done):
        raise NotSaidError("expected something that was done in that time")
    return done
