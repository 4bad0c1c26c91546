"""Which rule is one clause?"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

from jobs.audiences.ask.condition import condition
from jobs.audiences.ask.frames import Frame, NotSaidError, Rule, Things
from jobs.audiences.ask.reader.joined import all_of, any_of
from jobs.audiences.ask.reader.sentence import Sentence, note
from jobs.audiences.ask.reader.steps import then

_EACH = re.compile(r"\b(each|apiece|respectively)\b|分别|各自|各[买花消下]|各(?:有|超|满|至少)|都(?:超|满|花|至少|不)")
_WHOLE = re.compile(
    r"\b(combined|altogether|in (?:total|all)|summed|between them)\b"
    r"|加起来|加在一起|一共|总共|总计|合计|共计|累计|合起来"
)


def rule_of(sentence: Sentence, frame: Frame) -> Rule:
    rules = [sentence.pick(("user", str(one)), one["PICK"]) if "PICK" in one else one for one in frame.users]
    if "steps" in frame.slots:
        rules.append(then(sentence, frame.slots["steps"]))
        note(sentence, frame, rules[-1])
        return all_of(rules)
    if frame.acts or frame.things.names:
        rules.append(acts_of(sentence, frame))
    elif not rules:
        raise NotSaidError("expected something that people did or are")
    rule = all_of(rules)
    if frame.neg is not None and not (frame.acts or frame.things.names):
        rule = {"not": rule}
    note(sentence, frame, rule)
    return rule


def acts_of(sentence: Sentence, frame: Frame) -> Rule:
    if frame.any_of:
        frame = replace(frame, things=Things(frame.things.names), any_of=False)
    names, how = frame.things.names, frame.things.how
    if "OF" in frame.slots and isinstance(frame.slots["OF"], tuple):
        of = [sentence.pick(("name", str(one)), list(one)) for one in frame.slots["OF"]]
        if len(of) > 1:
            raise NotSaidError("expected the last purchase of one thing")
        frame = replace(frame, slots=frame.slots | {"OF": of[0]})
    if frame.neg is not None and "STOPPED" in frame.slots:
        frame = replace(frame, neg=None)
    if frame.slots.pop("both", None) and sentence.pick("both", ["any", "all"]) == "all":
        each = [acts_of(sentence, replace(frame, events=(one,), neg=None)) for one in frame.events]
        return {"not": all_of(each)}
    if frame.slots.pop("of_buyers", None) and sentence.pick("ranked by", ["all", "those"]) == "all":
        slots = {key: value for key, value in frame.slots.items() if key not in ("TOPN", "MEASURE")}
        among = acts_of(sentence, replace(frame, slots=slots, windows=[]))
        ranked = acts_of(sentence, replace(frame, things=Things()))
        return ranked | {"among": among}
    if (of := frame.slots.pop("of", None)) is not None:  # so many of those
        each = [acts_of(sentence, replace(frame, things=Things((one,)), neg=None)) for one in names]
        rule = any_of([all_of(list(some)) for some in combinations(each, of)])
        return rule if frame.neg is None else {"not": rule}
    if "search" in frame.events and names:
        raise NotSaidError("expected the words that were searched for")
    if _of_a_price(sentence, frame) and sentence.pick(("price", str(frame.slots["Q"])), [False, True]):
        slots = {key: value for key, value in frame.slots.items() if key != "Q"}
        frame = replace(frame, slots=slots | {"PRICE": frame.slots["Q"][1]})
    choice = {id(one): one.index(sentence.pick(("name", str(one)), list(one))) for one in names}
    if "not_things" in frame.slots:
        return condition(replace(frame, things=Things(names)), choice, sentence.vocabulary.ds)
    if frame.slots.pop("one", None):
        some, all_ = (acts_of(sentence, replace(frame, things=Things(names, how), neg=None)) for how in ("any", "all"))
        return {"all": [some, {"not": all_}]}
    if frame.things.mixed:
        return _mixed(sentence, frame)
    plain = not frame.slots.keys() & {"TOPN", "SHARE", "HEAVY", "compared", "EXCLUSIVE", "Q", "OFTEN"}
    if set(frame.things.joins) == {"COMMA"} and frame.neg is None and plain:
        end = max((token.end for token in frame.tokens if "OBJ" in token), default=0)
        together = sentence.plain[end:].startswith("都")  # A、B都买了
        how = "all" if together else sentence.pick(("listed", str(names)), ["all", "any"])
        frame = replace(frame, things=Things(names, how))
    if how == "all" and len(names) > 1 and frame.slots.keys() & {"TOPN", "SHARE", "HEAVY", "compared", "EXCLUSIVE"}:
        frame = replace(frame, things=Things(names))
    elif how == "all" and len(names) > 1 and frame.slots.keys() & {"Q", "OFTEN"}:
        how = (
            "all"
            if frame.slots.pop("each", None)
            else _summed(sentence, frame) or sentence.pick(("together", str(names)), ["any", "all"])
        )
        frame = replace(frame, things=Things(names, how))
    neither = any(re.match("都|一|neither", token.said) for token in frame.tokens if "NEG" in token)
    if frame.neg is not None and how == "all" and len(names) > 1 and neither:
        frame, how = replace(frame, things=Things(names)), "any"
    if frame.neg is not None and how == "all" and len(names) > 1:
        how = sentence.pick(("none of", str(names)), ["any", "all"])
        frame = replace(frame, things=Things(names, how))
    rule = condition(frame, choice, sentence.vocabulary.ds)
    if frame.neg is None:
        return rule
    if "is" in rule and "column" in frame.slots:
        return {"not": rule}
    if "BACK" in frame.slots and "BREAKSPAN" not in frame.slots:
        raise NotSaidError("expected since when not again, such as: not in the last 30 days")
    if rule.get("none"):
        return {key: value for key, value in rule.items() if key != "none"}
    return {"not": rule}


def _summed(sentence: Sentence, frame: Frame) -> str | None:
    """Whether words beside the clause tell what is summed: all of it together, or each by itself."""
    begin, end = min(t.start for t in frame.tokens), max(t.end for t in frame.tokens)
    said = sentence.plain[max(0, begin - 4) : end] + re.split(r"[,;.，]| (?:and|but) ", sentence.plain[end:])[0]
    return None if bool(_EACH.search(said)) == bool(_WHOLE.search(said)) else "all" if _EACH.search(said) else "any"


def _of_a_price(sentence: Sentence, frame: Frame) -> bool:
    """Whether "wine over 20 dollars" leaves open if one costs so much, or all of it did."""
    money = frame.slots.get("Q", ("",))[0] == "money" and frame.events == ("purchase",) and not frame.spend
    plain = not frame.slots.keys() & {"MEASURE", "AGGREGATE", "NETOF", "EACHCAL", "DISCOUNTED", "PRICE", "TOPN"}
    said = sentence.plain[min(t.start for t in frame.tokens) : max(t.end for t in frame.tokens)] if frame.tokens else ""
    one = re.search(r"\b(something|anything|an item|a product)\b", said)
    told = not one and re.search(r"\b(worth|for|total|paid|pay|in all)\b|花|总|共|累计|满|金额", said)
    sums = [token.start for token in frame.tokens if "Q" in token]
    things = [token.start for token in frame.tokens if "OBJ" in token]
    beside = not (sums and things) or (sums[0] < things[0] if sentence.chinese else sums[0] > things[0])
    return money and plain and not told and beside and bool(frame.things.names or frame.idle or one)


def _in_brackets(sentence: Sentence, frame: Frame) -> str | None:
    """The word that joins what stands in brackets, where another joins the rest."""
    named = [token for token in frame.tokens if "OBJ" in token]
    if len(named) != len(frame.things.names):
        return None
    spans = [found.span() for found in re.finditer(r"\([^()]*\)", sentence.plain)]
    sides: dict[bool, set[str | None]] = {True: set(), False: set()}
    for join, one, other in zip(frame.things.joins, named[:-1], named[1:], strict=True):
        sides[any(a < one.start and other.end < b for a, b in spans)].add(join)
    return next(iter(sides[True])) if len(sides[True]) == 1 and not sides[True] & sides[False] else None


def _mixed(sentence: Sentence, frame: Frame) -> Rule:
    """A list of both "and" and "or": either may bind first."""
    options = [("AND", any_of), ("OR", all_of)]
    within = _in_brackets(sentence, frame)
    strong, joined = sentence.pick(("list", str(frame.things.names)), [o for o in options if within in (None, o[0])])
    groups = [[frame.things.names[0]]]
    for join, names in zip(frame.things.joins, frame.things.names[1:], strict=True):
        groups[-1].append(names) if join == strong else groups.append([names])
    how = "all" if strong == "AND" else "any"
    rule = joined([acts_of(sentence, replace(frame, things=Things(tuple(one), how), neg=None)) for one in groups])
    return rule if frame.neg is None else {"not": rule}
