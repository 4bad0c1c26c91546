"""What does a clause take from others: the window at the head, the event and the object of the one before?"""

from __future__ import annotations

import re
from datetime import date, timedelta

from jobs.audiences.ask.frames import Frame, NotSaidError, Things
from jobs.audiences.ask.reader.sentence import Sentence
from jobs.audiences.ask.reader.windows import behind, in_each, merged, one_verb, opened
from jobs.audiences.ask.vague import vague


def completed(sentence: Sentence, frames: list[Frame]) -> list[Frame]:
    """What a clause takes from others: the window at the head, the event and the object of the one before."""
    if frames:
        opened(frames)
        frames = merged(frames)
        in_each(sentence, frames)
    _named_before_colon(sentence, frames)
    head = next(
        ((f.windows or f.used)[0] for f in frames if f.first and (f.windows or f.used) and f.link != "EXCEPT"), None
    )
    done: list[Frame] = []
    for place, frame in enumerate(frames):
        before = next((f for f in reversed(done) if f.events), None)
        own = bool(frame.events)
        after = frames[place + 1] if place + 1 < len(frames) else None
        if "STOPPED" in frame.slots and before and not frame.things.names and (not own or before.things.names):
            if not before.slots.keys() & {"FORMERLY", "STOPPED"}:
                before.slots["STOPPED"] = True
            continue
        if before is not None and frame.users and frame.windows and not (frame.acts or frame.things.names or frame.neg):
            if before.windows or frame.slots:
                raise NotSaidError("expected something that was done in that time")
            before.windows, frame.windows = frame.windows, []  # ... among renters in the last 90 days
        if "AGAIN" in frame.slots and "WITHINSPAN" in frame.slots and not own and before is not None:
            frame.events = before.events  # bought it, and again within 3 days
            frame.things = frame.things if frame.things.names else before.things
        if frame.users and not (frame.acts or frame.windows or frame.things.names):
            done.append(frame)
            continue
        if frame.link == "EXCEPT" and not own and frame.things.names:
            frame.slots["not_things"] = True
            done.append(frame)
            continue
        if (
            not own
            and frame.neg is not None
            and not (frame.windows or frame.things.names or frame.slots or frame.users)
        ):
            raise NotSaidError("expected what was not done")
        if not own and frame.slots.keys() == {"SAME"} and frame.windows and frame.neg is None:
            raise NotSaidError("expected one window for it, found two")  # one order, and it was in May
        bare_number = not own and frame.slots.get("Q", ("",))[0] == "bare" and "MEASURE" not in frame.slots
        if (
            frame.neg is not None
            and not own
            and frame.slots.keys() == {"WITHINSPAN"}
            and before
            and "THEN" in (before.link,)
        ):
            raise NotSaidError("expected what must not have happened within that time")
        dated = frame.windows and before is not None and before.windows and not sentence.chinese
        late = not own and frame.neg is None and frame.link == "COMMA" and not frame.things.names and not frame.acts
        late = late and not dated
        if (
            not own
            and not late
            and before is not None
            and (frame.things.names or frame.windows or frame.neg is not None)
            and not frame.slots.keys() & {"Q", "TOPN", "HEAVY", "SHARE", "MEASURE", "compared"}
        ):
            if frame.link == "COMMA" and after is None and _named_last(frame, done):
                for one in done:
                    one.things = frame.things
                done[-1].tokens += frame.tokens
                continue
            days = frame.windows and not (frame.things.names or frame.slots or frame.users) and frame.neg is None
            if days and before.link == "THEN" and not before.windows and frame.link in ("COMMA", "THEN"):
                before.windows = list(frame.windows)  # of the steps
                before.tokens += frame.tokens
                continue
            if days and before.windows and before.neg is None and frame.link in ("AND", "OR", "COMMA"):
                frame.slots, frame.spend = dict(before.slots), before.spend  # in October and in November
            frame.events = before.events
            if before.slots.keys() & {"SHARE", "compared"}:
                raise NotSaidError("expected in full what is not so")
            if "TOPN" in before.slots and not frame.things.names:
                frame.slots = before.slots | frame.slots
            if not frame.things.names and not frame.anything:
                frame.things = before.things
                kept = {
                    k: v
                    for k, v in before.slots.items()
                    if k in ("DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "PRICE", "QUERY")
                }
                frame.slots = kept | frame.slots
            elif not frame.things.names:
                frame.events = ("purchase",) if before.events != ("any",) else before.events
            elif not frame.windows:
                frame.windows = list(before.windows)
            elif not before.windows and one_verb(frame, before) and frame.things.names != before.things.names:
                for one in reversed(done):  # one verb, and a window behind all that it is said of
                    if one.windows or one.events != frame.events:
                        break
                    one.windows = list(frame.windows)
            if frame.events == ("search",) and frame.things.names:
                said = [token.said for token in frame.tokens if "OBJ" in token]
                frame.things, frame.slots["QUERY"] = Things(), " ".join(said)
        elif not own and frame.windows and not frame.acts and not frame.things.names and not frame.users:
            if done and done[-1].events and not done[-1].windows and after is None:
                verbs = {(one.events, one.spend) for one in done if one.acts and not one.windows and one.neg != "never"}
                far = frame.comma and (len(verbs) < 2 or sentence.pick("window behind", [True, False]))
                for one in done if far else done[-1:]:
                    if one.acts and not one.windows and one.neg != "never":
                        one.windows = list(frame.windows)
                done[-1].tokens += frame.tokens
                continue
            if after is not None and frame.first:
                continue
            raise NotSaidError("expected something that was done in that time")
        elif bare_number and before is not None and "Q" in before.slots:
            frame.events, frame.things, frame.windows = (
                before.events,
                frame.things if frame.things.names else before.things,
                frame.windows or list(before.windows),
            )
            frame.slots["Q"] = (before.slots["Q"][0], frame.slots["Q"][1])
            frame.spend = before.spend
        elif (
            not own
            and frame.slots.get("Q", ("",))[0] == "bare"
            and before is not None
            and before.events != ("purchase",)
        ):
            before.slots["Q"] = ("times", frame.slots["Q"][1])
            before.windows = before.windows or frame.windows
            before.tokens += frame.tokens
            continue
        elif not own and frame.things.names and after is not None and after.link == "THEN":
            frame.events = ("purchase",)
        elif not own and not frame.acts and not frame.windows and frame.neg is None and before is None:
            raise NotSaidError("expected what was done with it, such as: bought it")
        elif not own and (frame.acts or frame.things.names):
            narrowed = before.slots.keys() & {"HOURLIST", "WEEKDAYLIST"} if before else None
            if narrowed and frame.slots.keys() == {"MEASURE", "Q"} and not frame.things.names:
                raise NotSaidError("expected of what so much: say it beside those days or hours")
            if _measured_of(frame, before) and sentence.pick(("measured", place), [True, False]):
                frame.things = before.things if before is not None else frame.things
            if _so_often(frame, before):
                frame.things, frame.windows = before.things, frame.windows or list(before.windows)
            frame.events = (
                ("purchase",) if (frame.slots.get("Q") or ("",))[0] != "products" or before is None else before.events
            )
            if (
                before is not None
                and frame.slots.get("Q")
                and not frame.windows
                and frame.link in ("AND", "COMMA", "TIGHT", "BUT")
                and not frame.things.names
            ):
                far = (
                    before.windows
                    and "FIRST" not in before.slots
                    and (frame.link == "TIGHT" or (_loose(frame) and sentence.pick(("days", place), [True, False])))
                )
                frame.windows = list(before.windows) if far and not before.first else []
        beside = done[-1] if done and done[-1].used and before is None else None
        if beside and frame.slots.keys() == {"Q"} and not frame.windows and frame.link in ("AND", "COMMA"):
            near = sentence.pick(("days", place), [True, False])  # average order in 28 days, and 8 orders
            frame.windows = list(beside.used) if near else []
        once = "BACK" in frame.slots and frame.neg is not None and not frame.windows
        if once and before is not None and "FIRST" in before.slots and "BREAKSPAN" not in frame.slots:
            frame.neg, frame.slots = None, {"Q": ("orders", {"exactly": 1})}  # and never came back
        formerly = before is not None and "FORMERLY" in before.slots
        implied = frame.slots.pop("implied", None)
        rhythm = implied and frame.slots.keys() & {"EVERY", "OVERDUE"} and not frame.things.names
        if rhythm and before is not None and before.slots.keys() <= {"REGULAR", "EACHCAL", "Q", "EVERY"}:
            kept = {key: value for key, value in before.slots.items() if key == "EVERY"}
            before.slots.clear()
            before.slots |= kept | frame.slots
            continue
        if "EVERY" in frame.slots:
            frame.slots.pop("Q", None)
        if frame.neg is not None and frame.windows and before is not None and "FORMERLY" in before.slots:
            before.slots.pop("FORMERLY")
            if "EACHCAL" in before.slots:  # each month before the time in which it is missing
                before.slots["before"] = next((w["last_days"] for w in frame.windows if "last_days" in w), 0)
        if "NOWADAYS" in frame.slots and frame.neg is not None and not frame.windows:
            frame.windows = [{"last_days": vague().numbers.stopped_days}]
            if before is not None and not frame.things.names:
                frame.things = before.things
        if (
            frame.bare
            and after is not None
            and after.events
            and after.things.names
            and after.link in ("AND", "OR", "BUT", "TIGHT")
            and not after.comma
            and frame.neg is None
            and not (after.neg is not None and after.events == frame.events)  # ordered, but no milk
        ):
            frame.things = after.things
        if _spent_on(frame, before) and before and sentence.pick(("spent on", place), [True, False]):
            frame.things = before.things
        named = next((f for f in (*reversed(done), *frames[place + 1 :]) if f.things.names), None)
        named = named or _suggested(done)
        all_of_them = any(token.said.startswith("都") for token in frame.tokens if "NEG" in token)
        anew = before is not None and any(token.said.startswith(("又买", "又购")) for token in frame.tokens)
        same = (
            anew
            or (formerly and frame.neg is not None)
            or (frame.neg is not None and (all_of_them or (_again(frame) and frame.events != ("any",))))
            or frame.slots.get("SAME") in ("it", "any")
        )
        if own and not frame.things.names and not same and not frame.anything and _elided(frame, before):
            same = sentence.pick(("of what", place), [True, False])
        alone = frame.slots.get("SAME") == "any" or (frame.slots.get("SAME") == "it" and before is None)
        alone |= frame.slots.get("SAME") == "it" and bool(before and before.slots.keys() & {"LASTBUY", "FIRST", "TOPN"})
        if own and not frame.things.names and named is None and alone:
            raise NotSaidError("expected of what: any, none")
        if own and not frame.things.names and named is not None and same:
            frame.things = _all_things(done) if all_of_them and len(_all_things(done).names) > 1 else named.things
        if frame.slots.get("SAME") == "it" and "Q" in frame.slots and before and frame.neg is None:
            frame.windows = frame.windows or list(before.windows)  # and spent so much on it
        if "EACHCAL" in frame.slots and not frame.windows and not head and before and frame.neg is None:
            whole = len(before.windows) == 1 and set(before.windows[0]) == {"last_days"} and before.neg is None
            if whole and sentence.pick(("each of", place), [True, False]):
                frame.windows = list(before.windows)  # 5000 in the last twelve months, shopped every month
        if (
            not frame.windows
            and frame.neg != "never"
            and "PRIOR" not in frame.slots
            and frame.link != "THEN"
            and "before" not in frame.slots
        ):
            opener = next((f for f in done if f.first and f.windows), None)
            undone = opener is not None and opener.neg is not None and not opener.things.names and not opener.slots
            if head and not frame.first and not (undone and frame.neg is None and frame.events == opener.events):
                frame.windows = [_in_all(head) if frame.neg is not None else head]
            elif (
                frame.neg is not None
                and before is not None
                and before.windows
                and frame.link in ("BUT", "AND", "TIGHT", "COMMA")
                and before.neg is None
                and not before.slots.keys() & {"FIRST", "LASTBUY", "TOPN", "compared"}
            ):
                frame.windows = [w for w in before.windows if not w.keys() & {"each", "at_least_in", "before_days"}]
        if (day := _one_day(sentence, frame)) and sentence.pick(("weekday", place), [True, False]):
            frame.windows = [{"between": [day, day]}]
            frame.slots = {key: value for key, value in frame.slots.items() if key != "WEEKDAYLIST"}
        if _of_that_brand(frame, before) and sentence.pick(("brand of", place), [True, False]):
            frame.things = Things(
                tuple(tuple({**a, **b} for a in those for b in frame.things.names[0]) for those in before.things.names)
            )
        done.append(frame)
    behind(sentence, [frame for frame in done if frame.acts])
    if head and not any(head in (*frame.windows, *frame.used) for frame in done):
        raise NotSaidError("expected something that was done in that time")
    return done


def _one_day(sentence: Sentence, frame: Frame) -> date | None:
    """The last Saturday, where "bought on Saturday" without other days may be of it, or of any."""
    days = frame.slots.get("WEEKDAYLIST", ())
    once = any(re.fullmatch(r"(on )?[a-z]+day", token.said) for token in frame.tokens if "WEEKDAYLIST" in token)
    plain = frame.slots.keys() <= {"WEEKDAYLIST", "Q", "DISCOUNTED", "FULLPRICE", "HOURLIST"} and frame.neg is None
    if len(days) != 1 or not once or not plain or frame.windows or not frame.events:
        return None
    ds = sentence.vocabulary.ds
    return ds - timedelta(days=(ds.isoweekday() - days[0]) % 7 or 7)


def _suggested(frames: list[Frame]) -> Frame | None:
    """What was suggested, as a clause of which "it" speaks."""
    things = next(
        (rule["suggested"] for frame in reversed(frames) for rule in frame.users if "suggested" in rule), None
    )
    return Frame(things=Things((({**things},),))) if things else None


def _of_that_brand(frame: Frame, before: Frame | None) -> bool:
    """Whether "no Private pack" leaves open of what: of what stands before, or of anything."""
    if frame.neg is None or len(frame.things.names) != 1 or before is None or before.neg is not None:
        return False
    brands = all(set(one) == {"brand"} for one in frame.things.names[0])
    return brands and bool(before.things.names) and not any("brand" in one for a in before.things.names for one in a)


def _named_before_colon(sentence: Sentence, frames: list[Frame]) -> None:
    """猫砂该补货了:每25到35天买一次 is said of cat litter."""
    colon = sentence.plain.find(":")
    named = [f.things for f in frames if f.things.names and f.tokens and f.tokens[-1].end <= colon]
    behind = [f for f in frames if f.tokens and f.tokens[0].start > colon]
    if len(named) == 1 and not any(f.things.names for f in behind):
        for frame in behind:
            if frame.acts and frame.events in ((), ("purchase",)) and not frame.anything:
                frame.things = named[0]


def _named_last(frame: Frame, done: list[Frame]) -> bool:
    """Whether what was bought, and not, is named behind all of it: 买过,但不再买,牛奶."""
    alone = frame.things.names and not (frame.windows or frame.slots or frame.users or frame.neg is not None)
    bare = all(one.acts and not (one.things.names or one.users) for one in done)
    return bool(alone and bare and any(one.neg is not None or "STOPPED" in one.slots for one in done))


def _all_things(frames: list[Frame]) -> Things:
    """What all clauses name, for "none of them"."""
    named = [names for frame in frames if frame.neg is None for names in frame.things.names]
    return Things(tuple(names for place, names in enumerate(named) if names not in named[:place]))


def _in_all(window: dict) -> dict:
    """The days of a window in periods, for what was done in none of them."""
    return {key: value for key, value in window.items() if key not in ("each", "at_least_in")}


def _loose(frame: Frame) -> bool:
    """Whether "but at least one order" leaves open in which days: in those before, or ever."""
    return frame.neg is None and not any("EVENT" in token for token in frame.tokens)


def _measured_of(frame: Frame, before: Frame | None) -> bool:
    """Whether "and the amount is over 50" leaves open of what: of what stands before, or of all."""
    said = [token.said for token in frame.tokens if "MEASURE" in token]
    bare = said and all(one in ("金额", "次数", "件数", "数量", "amount", "quantity", "total amount") for one in said)
    return bool(bare and before and before.things.names and not frame.things.names and "TOPN" not in frame.slots)


def _spent_on(frame: Frame, before: Frame | None) -> bool:
    """Whether "but spent less than 20" leaves open on what: on what stands before, or in all."""
    sums = frame.slots.keys() == {"Q"} and frame.spend and frame.link == "BUT" and frame.neg is None
    return bool(sums and not frame.things.names and not frame.windows and before and before.things.names)


def _so_often(frame: Frame, before: Frame | None) -> bool:
    """Whether "but not more than twice" counts what stands before."""
    counted = frame.slots.keys() == {"Q"} and frame.slots["Q"][0] == "times" and frame.link in ("BUT", "COMMA")
    return counted and before is not None and before.acts and bool(before.things.names and not frame.things.names)


def _elided(frame: Frame, before: Frame | None) -> bool:
    """Whether "but did not buy" leaves open of what: of what stands before, or anything."""
    verbs = [token.said for token in frame.tokens if "EVENT" in token]
    verbs += ["买" for token in frame.tokens if "ELIDED" in token]
    if frame.events in (("cart",), ("favourite",)):  # viewed phones, and put (none) in the cart
        other = before is not None and before.neg is None and before.events != frame.events
        return bool(other and before and before.things.names) and not frame.slots
    count = frame.slots.get("Q", ("",))[0] in ("times", "orders") and frame.slots.keys() == {"Q"}
    return (
        before is not None
        and bool(before.things.names)
        and ((frame.neg is not None) if before.neg is None else frame.neg is None)
        and frame.events == ("purchase",)
        and bool(verbs)
        and all(re.match("bought|buy|purchas|买|购买", verb) and verb not in ("买单",) for verb in verbs)
        and (count or frame.slots.keys() <= {"PRIOR", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "NARROW"})
    )


def _again(frame: Frame) -> bool:
    """Whether "not again" is said, of the same things."""
    return any(re.search(r"再|again", token.said) for token in frame.tokens)
