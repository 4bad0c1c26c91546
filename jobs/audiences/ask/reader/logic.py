"""Which rule are all clauses: what is left out, what a rank is among, how they join?"""

from __future__ import annotations

import re
from dataclasses import replace

from jobs.audiences.ask.frames import Frame, NotSaidError, Rule
from jobs.audiences.ask.reader.acts import acts_of, rule_of
from jobs.audiences.ask.reader.joined import all_of, joined
from jobs.audiences.ask.reader.sentence import Sentence, note
from jobs.audiences.ask.reader.steps import chosen_things


def logic(sentence: Sentence, frames: list[Frame]) -> Rule | None:
    if not frames:
        return None
    rules: list[tuple[str, bool, Rule, Frame]] = []
    for frame in frames:
        if frame.link == "EXCEPT" and "not_things" in frame.slots:
            rules = _without(sentence, rules, frame, frames)
            continue
        rule = rule_of(sentence, frame)
        listed = bool(rules) and rules[-1][3].link == "EXCEPT" and frame.link in ("OR", "AND", "COMMA")
        listed = listed and (frame.link != "COMMA" or not rules[-1][3].acts)  # 排除买过牛奶的,年龄35岁以上
        if listed and (frame.added or (frame.users and not frame.acts)) and frame.neg is None:
            frame = replace(frame, link="EXCEPT")  # except renters or loyal ones: neither
        if frame.link == "EXCEPT":
            rule = rule.get("not", {"not": rule})
        if _of_the_left_out(rules, frame) and sentence.pick(("except", len(rules)), _how_far(rules)) == "near":
            link, comma, out, before = rules[-1]
            gone = all_of([out["not"], rule])
            rules[-1] = (link, comma, {"not": gone}, before)
            continue
        rules.append((frame.link, frame.comma, rule, frame))
    rules = _ranked(sentence, rules)
    if not rules:
        raise NotSaidError("expected what it is left out of")
    return joined(sentence, rules)


def _of_the_left_out(rules: list, frame: Frame) -> bool:
    """Whether a clause says more of the people who are left out: except renters who bought candles."""
    before = rules[-1][3] if rules else None
    return (
        before is not None
        and before.link == "EXCEPT"
        and bool(before.users)
        and not before.acts
        and set(rules[-1][2]) == {"not"}
        and frame.link == "TIGHT"
        and bool(frame.tokens)
        and frame.tokens[0].opens
    )


def _how_far(rules: list) -> list[str]:
    """Everyone except renters who bought candles: the rule may be of all, too."""
    alone = len(rules) == 1 and rules[-1][3].tokens and rules[-1][3].tokens[0].start > 0
    return ["near", "far"] if alone else ["near"]


def _without(sentence: Sentence, rules: list, frame: Frame, frames: list[Frame]) -> list:
    """Things left out of what was done: of the clause before, else of the one after."""
    if rules and rules[-1][3].neg is not None:
        raise NotSaidError("expected what alone it was; say: only bought X")
    if rules and rules[-1][3].events and not rules[-1][3].things.names and "did" in rules[-1][2]:
        link, comma, rule, before = rules[-1]
        things = chosen_things(sentence, frame)
        narrowed = dict(rule.get("where", {})) | {k: {"not": v} for k, v in things.items()}
        changed = rule | {"where": narrowed}
        note(sentence, frame, changed)
        return [*rules[:-1], (link, comma, changed, before)]
    near = rules[-1][3] if rules else next((f for f in frames if f.events), None)
    if near is None:
        raise NotSaidError("expected what was done with everything else")
    gone = replace(frame, events=near.events, windows=list(near.windows), slots={}, neg=None)
    rule = {"not": acts_of(sentence, gone)}
    note(sentence, gone, rule)
    return [*rules, ("AND", False, rule, frame)]


def _by_money(ranked: Rule) -> bool:
    """Whether it ranks by all that somebody spends, of whatever."""
    return "where" not in ranked and (ranked.keys() & {"sum", "count"} != set())


def _ranked(sentence: Sentence, rules: list) -> list:
    """`among` into the top that it stands beside."""
    place = next((k for k, (_, _, rule, _) in enumerate(rules) if "top" in rule), None)
    if place is None:
        return rules
    link, comma, top, frame = rules[place]
    among = [k for k, (how, _, _, _) in enumerate(rules) if how == "AMONG" and k != place]
    for k, (how, _, _, one) in enumerate(rules):
        if k - 1 in among and how == "TIGHT" and one.users and not one.acts:
            among.append(k)  # among homeowners with kids
    if place and rules[place][0] == "AMONGST":
        among += list(range(place))
        link = "START"
    if not among:
        return rules
    inner = joined(sentence, [rules[k] for k in sorted(among)])
    buyers = any(
        token.may("BUYERS") or re.search("买家|购买|消费者", token.said) for k in among for token in rules[k][3].tokens
    )
    open_ = buyers and set(inner) == {"did", "where"} and _by_money(top["top"])
    if open_ and sentence.pick("ranked by", ["all", "those"]) == "those":
        top = top | {"top": top["top"] | {"where": inner["where"]}}
    kept = [one for k, one in enumerate(rules) if k not in among and k != place]
    return [(link, comma, top | {"among": inner}, frame), *kept]
