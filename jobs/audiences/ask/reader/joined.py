"""How do links (and, or, but, commas) join rules?"""

from __future__ import annotations

from jobs.audiences.ask.frames import Rule
from jobs.audiences.ask.reader.sentence import Sentence


def joined(sentence: Sentence, rules: list) -> Rule:
    """Clauses by their links. Without "or" all hold; with "or" alone any; of both, what stands closest."""
    added = next((k for k, (link, *_, frame) in enumerate(rules) if k and frame.added and link == "AND"), None)
    if added and sentence.pick(("added", added), ["any", "all"]) == "any":
        return any_of(
            [joined(sentence, rules[:added]), joined(sentence, [("START", *rules[added][1:]), *rules[added + 1 :]])]
        )
    links = [link for link, *_ in rules[1:]]
    only = [rule for _, _, rule, _ in rules]
    if "OR" not in links:
        return all_of(only)
    if all(link == "OR" for link in links):
        return any_of(only)
    apart = [k for k, (link, comma, *_) in enumerate(rules) if k and link == "OR" and comma]
    if len(apart) == 1 and "BUT" in links[: apart[0] - 1] and "BUT" in links[apart[0] :]:
        return any_of(
            [
                joined(sentence, rules[: apart[0]]),
                joined(sentence, [("START", *rules[apart[0]][1:]), *rules[apart[0] + 1 :]]),
            ]
        )
    for strong in ("BUT", "EXCEPT"):
        if strong in links:
            place = links.index(strong) + 1
            return all_of([joined(sentence, rules[:place]), joined(sentence, rules[place:])])
    if "TIGHT" in links:
        return _tight(sentence, rules, links)
    commas = [k for k, (link, comma, _, _) in enumerate(rules) if k and (comma or link == "COMMA")]
    either = next((k for k, one in enumerate(rules) if one[3].either), None)
    if either is not None and either + 1 < len(rules) and links[either] == "OR":
        pair = any_of(only[either : either + 2])
        rest = [
            *rules[:either],
            ("AND" if either else "START", False, pair, rules[either][3]),
            *rules[either + 2 :],
        ]
        return joined(sentence, rest)
    if len(commas) == 1 and links[commas[0] - 1] != "OR":
        return all_of([joined(sentence, rules[: commas[0]]), joined(sentence, rules[commas[0] :])])
    if len(commas) == 1:
        return any_of([joined(sentence, rules[: commas[0]]), joined(sentence, rules[commas[0] :])])
    if sentence.pick("and or", ["and", "or"]) == "and":
        groups: list[list[Rule]] = [[only[0]]]
        for link, rule in zip(links, only[1:], strict=True):
            groups.append([rule]) if link == "OR" else groups[-1].append(rule)
        return any_of([all_of(group) for group in groups])
    groups = [[only[0]]]
    for link, rule in zip(links, only[1:], strict=True):
        groups[-1].append(rule) if link == "OR" else groups.append([rule])
    return all_of([any_of(group) for group in groups])


def _tight(sentence: Sentence, rules: list, links: list[str]) -> Rule:
    """A word for people without a link stands over the whole, where it is the only one at an end; else beside its
    own, or over what stands before it as well: two readings.
    """
    heads = [k for k, one in enumerate(rules) if one[3].users and not one[3].acts]
    edge = heads[0] if len(heads) == 1 and heads[0] in (0, len(rules) - 1) else None
    if edge == 0 and links[0] == "TIGHT":
        return all_of([rules[0][2], joined(sentence, [("START", *rules[1][1:]), *rules[2:]])])
    if edge == len(rules) - 1 and links[-1] == "TIGHT":
        return all_of([joined(sentence, rules[:-1]), rules[-1][2]])
    place = links.index("TIGHT") + 1
    people = rules[place][3].users and not rules[place][3].acts and rules[place - 1][3].acts
    if people and links[place : place + 1] == ["OR"] and sentence.pick("how far behind", ["far", "near"]) == "far":
        return all_of(
            [joined(sentence, rules[:place]), joined(sentence, [("START", *rules[place][1:]), *rules[place + 1 :]])]
        )
    if place == len(rules) - 1 and "OR" in links[: place - 1] and sentence.pick("how far", ["near", "far"]) == "far":
        return all_of([joined(sentence, rules[:place]), rules[place][2]])
    link, comma, rule, frame = rules[place - 1]
    pair = (link, comma, all_of([rule, rules[place][2]]), frame)
    return joined(sentence, [*rules[: place - 1], pair, *rules[place + 1 :]])


def all_of(rules: list[Rule]) -> Rule:
    return _many("all", rules)


def any_of(rules: list[Rule]) -> Rule:
    return _many("any", rules)


def _many(key: str, rules: list[Rule]) -> Rule:
    flat: list[Rule] = []
    for rule in rules:
        for one in rule[key] if set(rule) == {key} else [rule]:
            if one not in flat:
                flat.append(one)
    return flat[0] if len(flat) == 1 else {key: flat}
