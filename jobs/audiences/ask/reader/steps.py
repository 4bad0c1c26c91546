"""Which clauses are steps in an order?"""

from __future__ import annotations

from jobs.audiences.ask.frames import ANYTHING, BROWSED, Frame, NotSaidError, Rule, where, within_of
from jobs.audiences.ask.phrases import days_of
from jobs.audiences.ask.reader.sentence import Sentence


def in_steps(frames: list[Frame]) -> list[Frame]:
    found: list[Frame] = []
    for place, frame in enumerate(frames):
        before = found[-1] if found else None
        later = frames[place + 1] if place + 1 < len(frames) else None
        step = (
            before is not None
            and before.events
            and frame.events
            and frame.link in ("THEN", "BUT", "AND", "TIGHT", "COMMA", "AFTER")
            and not frame.users
            and not (before.neg is not None and frame.neg is None and frame.link == "BUT")
        )
        same = frame.slots.get("SAME") or (before.slots.get("SAME") if before else None)
        browsed = step and set(before.events) <= BROWSED and frame.events == ("purchase",)
        then = step and (
            frame.link in ("THEN", "AFTER")
            or "WITHINSPAN" in frame.slots
            or same not in (None, "it", "any")
            or (same == "it" and browsed)
            or _left_there(before, frame)
        )
        if not then and "AGAIN" in frame.slots and "WITHINSPAN" in frame.slots and frame.neg is None:
            found.append(
                Frame(
                    tokens=frame.tokens,
                    events=frame.events,
                    slots={"steps": [frame]},
                    link=frame.link,
                    comma=frame.comma,
                )
            )
            continue
        if then and frame.link == "TIGHT" and frame.neg is None and not frame.slots.keys() & {"WITHINSPAN"}:
            raise NotSaidError("expected which comes first; say: first A, then B")
        if not then:
            if frame.link == "THEN" or frame.link == "AFTER":
                raise NotSaidError("expected something done before it and something after it")
            if "WHOLE" in frame.slots:
                raise NotSaidError("expected an order within that time; say: first A, then B")
            if "WITHINSPAN" in frame.slots and not (later is not None and later.link == "AFTER"):
                days = days_of(frame.slots.pop("WITHINSPAN"))
                if not days:
                    raise NotSaidError("expected days, found hours alone")
                frame.windows.append({"last_days": days})
            found.append(frame)
            continue
        if "AGAIN" in frame.slots:
            frame.slots.pop("AGAIN")
        if frame.link == "AFTER":
            steps = [*(frame.slots.get("steps") or [frame]), *(before.slots.get("steps") or [before])]
            limit = before.slots.pop("WITHINSPAN", None)
            if "APART" in frame.slots:
                limit = frame.slots.pop("WITHINSPAN")
            if limit:
                before.slots["WITHINSPAN"] = limit
        else:
            steps = [*(before.slots.get("steps") or [before]), frame]
        tokens_ = [*before.tokens, *frame.tokens]
        found[-1] = Frame(
            tokens=tokens_,
            events=before.events,
            slots={"steps": steps},
            link=before.link,
            comma=before.comma,
            either=before.either,
        )
    return found


def _left_there(before: Frame | None, frame: Frame) -> bool:
    """收藏了没买: what was put there and not bought, of whatever days."""
    put = before is not None and before.events in (("cart",), ("favourite",)) and before.neg is None
    bare = not (frame.slots or frame.windows or frame.things.names or frame.anything) and frame.neg is not None
    near = frame.link in ("TIGHT", "BUT") and not frame.comma and frame.events == ("purchase",)
    return bool(put and bare and near and before and not (before.windows or before.slots))


def then(sentence: Sentence, steps: list[Frame]) -> Rule:
    said: list[Rule] = []
    same: set[str] = set()
    windows = [
        w
        for step in steps
        for w in step.windows
        if not (step.neg is not None and w == step.windows[0] and step is steps[-1] and w in steps[0].windows)
    ]
    whole = next((limit for step in steps if "WHOLE" in step.slots and (limit := within_of(step))), None)
    for place, step in enumerate(steps):
        if step.slots.keys() & {
            "TOPN",
            "SHARE",
            "compared",
            "FIRST",
            "LASTBUY",
            "BACK",
            "EACHCAL",
            "STOPPED",
            "OFTEN",
        } or (step.things.how == "all" and len(step.things.names) > 1):
            raise NotSaidError("expected plain events in an order, such as: viewed X, then bought Y")
        things = chosen_things(sentence, step)
        one: Rule = {
            "not" if step.neg is not None else "did": ANYTHING
            if step.events == ("any",)
            else step.events[0]
            if len(step.events) == 1
            else list(step.events)
        }
        if narrowed := where(step, things):
            one["where"] = narrowed
        if place and "WHOLE" not in step.slots and (limit := within_of(step)):
            one["within"] = limit
        times = 1
        if "Q" in step.slots:
            kind, held = step.slots["Q"]
            times = int(held.get("at_least", 0)) if kind == "times" else 0
            if not 1 <= times <= 8:
                raise NotSaidError("expected plain events in an order, such as: viewed X, then bought Y")
        said += [one] * times
        if place and step.slots.get("SAME") == "it" and step.things.names:
            same.add("product")
            said[-1].pop("where", None)
        if step.slots.get("SAME", "it") not in ("it", "any"):
            same.add(step.slots["SAME"])
        if "AGAIN" in step.slots:
            limit = {"within": within_of(step)} if within_of(step) else {}
            said = [*said, said[-1] | limit]
    first = next((s for s in steps if s.neg is None), steps[0])
    last = steps[-1]
    if (
        not same
        and first is not last
        and set(first.events) <= BROWSED
        and last.events in (("purchase",), ("cart",))
        and first.events != last.events
        and (not last.things.names or last.things == first.things)
    ):
        same.add("product")
        if last.things == first.things and said[-1].get("where") == said[0].get("where"):
            said[-1].pop("where", None)
    if any(step.slots.get("SAME") == "it" for step in steps) and not any(step.things.names for step in steps):
        same.add("product")  # returned something within two weeks of buying it
    rule: Rule = {"then": said}
    if same:
        rule["same"] = sorted(same)[0] if len(same) == 1 else sorted(same)
    if whole:
        rule["within"] = whole
    plain = [w for w in windows if "before_days" not in w]
    if len({str(w) for w in plain}) > 1:
        raise NotSaidError("expected one window for all steps, found two")
    return rule | ({"in": plain[0]} if plain else {})


def chosen_things(sentence: Sentence, frame: Frame) -> Rule:
    picked = [sentence.pick(("name", str(names)), list(names)) for names in frame.things.names]
    fields = sorted({key for thing in picked for key in thing})
    if len(fields) > 1 and len(picked) > 1:
        raise NotSaidError("expected one kind of thing in a step")
    return {key: [v for thing in picked for v in thing[key]] for key in fields}
