"""Of what, where another clause names it?"""

from __future__ import annotations

import re

from jobs.audiences.ask.frames import Frame, NotSaidError, Things
from jobs.audiences.ask.reader.completed.clause import Clause
from jobs.audiences.ask.reader.sentence import Sentence


def named_before_colon(sentence: Sentence, frames: list[Frame]) -> None:
    """猫砂该补货了:每25到35天买一次 is said of cat litter."""
    colon = sentence.plain.find(":")
    named = [f.things for f in frames if f.things.names and f.tokens and f.tokens[-1].end <= colon]
    behind = [f for f in frames if f.tokens and f.tokens[0].start > colon]
    if len(named) == 1 and not any(f.things.names for f in behind):
        for frame in behind:
            if frame.acts and frame.events in ((), ("purchase",)) and not frame.anything:
                frame.things = named[0]


def named_last(frame: Frame, done: list[Frame]) -> bool:
    """Whether what was bought, and not, is named behind all of it: 买过,但不再买,牛奶."""
    alone = frame.things.names and not (frame.windows or frame.slots or frame.users or frame.neg is not None)
    bare = all(one.acts and not (one.things.names or one.users) for one in done)
    return bool(alone and bare and any(one.neg is not None or "STOPPED" in one.slots for one in done))


def measured_of(clause: Clause) -> None:
    """ "And the amount is over 50": of what stands before, or of all."""
    frame, before = clause.frame, clause.before
    said = [token.said for token in frame.tokens if "MEASURE" in token]
    bare = said and all(one in ("金额", "次数", "件数", "数量", "amount", "quantity", "total amount") for one in said)
    if not bare or before is None or not before.things.names or clause.named or "TOPN" in frame.slots:
        return
    if clause.is_open(("measured", clause.place)):
        frame.things = before.things


def of_the_next(clause: Clause) -> None:
    """Viewed and bought milk: viewed it, too."""
    frame, after = clause.frame, clause.after
    if not frame.bare or clause.denied or after is None or not after.events or not after.things.names:
        return
    denied = after.neg is not None and after.events == frame.events  # ordered, but no milk
    if after.link in ("AND", "OR", "BUT", "TIGHT") and not after.comma and not denied:
        frame.things = after.things


def spent_on(clause: Clause) -> None:
    """ "But spent less than 20": on what stands before, or in all."""
    frame, before = clause.frame, clause.before
    sums = frame.slots.keys() == {"Q"} and frame.spend and frame.link == "BUT" and not clause.denied
    if not sums or clause.named or frame.windows or before is None or not before.things.names:
        return
    if clause.is_open(("spent on", clause.place)):
        frame.things = before.things


def the_same(clause: Clause) -> None:
    """What "it", "again", "none of them", or a verb alone is said of."""
    frame, before = clause.frame, clause.before
    named = next((one for one in (*reversed(clause.done), *clause.later) if one.things.names), None)
    named = named or _suggested(clause.done)
    same = _says_the_same(clause)
    plain = clause.own and not clause.named
    if plain and not same and not frame.anything and _elided(clause):
        same = clause.is_open(("of what", clause.place))
    it = frame.slots.get("SAME") == "it"
    alone = frame.slots.get("SAME") == "any" or (it and before is None)
    alone |= it and bool(before and before.slots.keys() & {"LASTBUY", "FIRST", "TOPN"})
    if plain and named is None and alone:
        raise NotSaidError("expected of what: any, none")
    if plain and named is not None and same:
        every = _all_things(clause.done) if _none_of_them(frame) else Things()
        frame.things = every if len(every.names) > 1 else named.things


def of_that_brand(clause: Clause) -> None:
    """ "No Private pack": of what stands before, or of anything."""
    frame, before = clause.frame, clause.before
    if not clause.denied or len(frame.things.names) != 1 or before is None or before.neg is not None:
        return
    brands = all(set(one) == {"brand"} for one in frame.things.names[0])
    open_ = brands and before.things.names and not any("brand" in one for a in before.things.names for one in a)
    if open_ and clause.is_open(("brand of", clause.place)):
        frame.things = Things(
            tuple(tuple({**a, **b} for a in those for b in frame.things.names[0]) for those in before.things.names)
        )


def _says_the_same(clause: Clause) -> bool:
    frame = clause.frame
    anew = any(token.said.startswith(("又买", "又购")) for token in frame.tokens) and clause.before is not None
    no_more = _none_of_them(frame) or (_again(frame) and frame.events != ("any",))
    denied = clause.denied and (clause.formerly or no_more)
    return anew or denied or frame.slots.get("SAME") in ("it", "any")


def _none_of_them(frame: Frame) -> bool:
    return any(token.said.startswith("都") for token in frame.tokens if "NEG" in token)


def _again(frame: Frame) -> bool:
    return any(re.search(r"再|again", token.said) for token in frame.tokens)


def _suggested(frames: list[Frame]) -> Frame | None:
    """What was suggested, as a clause of which "it" speaks."""
    things = next(
        (rule["suggested"] for frame in reversed(frames) for rule in frame.users if "suggested" in rule), None
    )
    return Frame(things=Things((({**things},),))) if things else None


def _all_things(frames: list[Frame]) -> Things:
    """What all clauses name, for "none of them"."""
    named = [names for frame in frames if frame.neg is None for names in frame.things.names]
    return Things(tuple(names for place, names in enumerate(named) if names not in named[:place]))


def _elided(clause: Clause) -> bool:
    """Whether "but did not buy" leaves open of what: of what stands before, or anything."""
    frame, before = clause.frame, clause.before
    if before is None or not before.things.names:
        return False
    if frame.events in (("cart",), ("favourite",)):  # viewed phones, and put (none) in the cart
        return before.neg is None and before.events != frame.events and not frame.slots
    verbs = [token.said for token in frame.tokens if "EVENT" in token]
    verbs += ["买" for token in frame.tokens if "ELIDED" in token]
    count = frame.slots.get("Q", ("",))[0] in ("times", "orders") and frame.slots.keys() == {"Q"}
    return (
        (before.neg is None) == clause.denied
        and frame.events == ("purchase",)
        and bool(verbs)
        and all(re.match("bought|buy|purchas|买|购买", verb) and verb not in ("买单",) for verb in verbs)
        and (count or frame.slots.keys() <= {"PRIOR", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "NARROW"})
    )
