"""A text with placeholders, as a language model writes it: held against the facts, then filled in.

`{{id}}` stands for the value of a fact, `{{id.usual}}` for that of everybody, `{{id.name}}` for its label. All numbers
and names come that way, so that none can be invented.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from jobs.language.catalogue import words
from jobs.language.facts import Fact
from jobs.language.restricted import restricted

LINES, LONGEST = 3, 320
_PLACEHOLDER = re.compile(r"\{\{\s*([\w]+)(?:\.(usual|name))?\s*\}\}")
_STOPS = r"[.,;:!?()。，；：！？、（）]\s*"
_WORD = re.compile(r"[^\W\d_]+")
_SLOT = re.compile(r"\{\w+\}")
_ENDS = ("", "s", "es", "ed", "d", "ing", "ly", "er")  # of the forms of a word
_MARK = "§"  # in place of a placeholder, while words are looked at


def shown(fact: Fact, value: float, language: str) -> str:
    """A number of the fact for people."""
    of = words(language)
    return of.percent(value) if fact.unit == "share" else of.whole(value) if fact.unit == "users" else of.amount(value)


def render(text: str, facts: Iterable[Fact], language: str) -> str:
    """The text with the facts in it, its lines as one."""
    known = {fact.id: fact for fact in facts}

    def filled(found: re.Match) -> str:
        fact, part = known[found[1]], found[2]
        if part == "name":
            return fact.called(language)
        return shown(fact, fact.value if part is None else fact.comparison or 0.0, language)

    space = " " if words(language).spaced else ""
    return space.join(line.strip() for line in _PLACEHOLDER.sub(filled, text).strip().splitlines() if line.strip())


def faults(text: str, facts: Iterable[Fact], language: str, labels: Collection[str]) -> list[str]:
    """What is wrong with a text, in words that a model can mend it by; empty where nothing is.

    labels: of all categories that the shop has, in the language: none may stand in the text but by a placeholder.
    """
    known = {fact.id: fact for fact in facts}
    lines = _lines(text)
    found = [] if len(lines) == LINES else [f"expected {LINES} lines, found {len(lines)}"]
    found += [f"line {n} is longer than {LONGEST} characters" for n, line in enumerate(lines, 1) if len(line) > LONGEST]
    for id_, part in _PLACEHOLDER.findall(text):
        if id_ not in known:
            found.append(f"{{{{{id_}}}}} is no fact of this segment")
        elif part == "usual" and known[id_].comparison is None:
            found.append(f"{{{{{id_}.usual}}}}: the fact is held against nothing")
    found += [f"line {n} has no fact in it" for n, line in enumerate(lines[:2], 1) if not _PLACEHOLDER.search(line)]
    return found + _of_words(_PLACEHOLDER.sub(_MARK, text), language, labels) + _of_claims(lines, known, language)


def _lines(text: str) -> list[str]:
    """The lines of a text; where all stands in one, its sentences."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if len(lines) == 1:
        lines = [part.strip() for part in re.split(r"(?<=[。！？])|(?<=[.!?])\s+", lines[0]) if part.strip()]
    return lines


def _of_words(bare: str, language: str, labels: Collection[str]) -> list[str]:
    """Digits, marks, names and other words that only a placeholder may bring."""
    found = []
    if re.search(r"\d", bare) or re.search(r"[%‰$€£¥@#_/\\<>{}\[\]=|`~^*]", bare):
        found.append("a digit or a mark stands outside a placeholder")
    if words(language).spaced and (inside := re.findall(r"(?<![.!?\n])[ \t,;:(\"'-]+([A-Z]\w*)", bare)):
        found.append(f"a name stands outside a placeholder: {', '.join(inside)}")
    never = [word for word in words(language).verify.never if _has(bare, word, language)]
    named = [label for label in labels if len(label) > 1 and _has(bare, label, language)]
    found += [f"{word!r} may not be said" for word in never]
    found += [f"{label!r} stands outside a placeholder" for label in sorted(named)]
    strange = (strange_words if words(language).spaced else strange_runs)(bare, language)
    return found + [f"{word!r} is no fact's and no plain word" for word in strange]


@cache
def _vocabulary(language: str) -> tuple[frozenset[str], str]:
    """The words that may stand in a text, and the templates that they are from."""
    of = words(language)
    variants = [*of.who.values(), *of.will.values(), *of.action.values(), of.apart_nothing]
    variants += [texts for sides in of.apart.values() for texts in sides.values()]
    variants += [[trait.name, trait.high, trait.low] for trait in of.traits.values()]
    variants += [[text for _, text in of.rhythm], [*of.facts.values()]]
    templates = _SLOT.sub("\n", "\n".join(text for texts in variants for text in texts))
    verify = of.verify
    listed = [*verify.plain, *verify.up, *verify.down]
    listed += [word for group in (*verify.traits.values(), *verify.nouns.values()) for word in group]
    return frozenset(_WORD.findall(f"{templates} {' '.join(listed)}".casefold())) | {*listed}, templates


def strange_words(text: str, language: str) -> list[str]:
    """Words of a text that neither the templates nor the list of plain words have, in one of their forms."""
    known, _ = _vocabulary(language)

    def plain(word: str) -> bool:
        stems = [word.removesuffix(end) for end in _ENDS if word.endswith(end)]
        return any(form in known for stem in stems for form in (stem, f"{stem}e", f"{stem[:-1]}y", stem[:-1]))

    return sorted({word for word in _WORD.findall(text.casefold()) if not plain(word)})


def strange_runs(text: str, language: str) -> list[str]:
    """In a language without spaces: characters that no plain word covers and no part of a template of two characters or
    more.
    """
    known, templates = _vocabulary(language)
    strange = []
    for run in _WORD.findall(text):
        begun = 0  # up to here the run is known
        while begun < len(run):
            ends = (end for end in range(min(len(run), begun + 12), begun, -1)
                    if (part := run[begun:end]) in known or (end - begun > 1 and part in templates))  # fmt: skip
            if not (end := next(ends, 0)):
                strange.append(run[begun : begun + 4])
                break
            begun = end
    return strange


def _of_claims(lines: Iterable[str], known: Mapping[str, Fact], language: str) -> list[str]:
    """Directions against the sign of their fact, words of a trait or of a fact without it, and goods in the last line
    that no advice puts forward.
    """
    of, found = words(language).verify, []
    lines = list(lines)
    for line in lines:
        here = {id_ for id_, _ in _PLACEHOLDER.findall(line)}
        bare = _PLACEHOLDER.sub(_MARK, line)
        for trait, names in of.traits.items():
            if trait not in here and any(_has(bare, name, language) for name in names):
                found.append(f"a claim about {trait} without {{{{{trait}}}}} in its line")
        clauses = _clauses(line, known, language)
        for n, (plain, own) in enumerate(clauses):
            for fact in own:
                names = of.nouns.get(fact.id, [])
                others = {noun for nouns in of.nouns.values() for noun in nouns} - {*names}
                wrong = sorted(noun for noun in others if names and _has(plain, noun, language))
                if wrong and not any(_has(plain, noun, language) for noun in names):
                    found.append(f"{{{{{fact.id}}}}} is not of {', '.join(wrong)}")
            # A clause without a fact speaks of the next one that has any, or of the last one before.
            told = own or next((facts for _, facts in [*clauses[n + 1 :], *reversed(clauses[:n])] if facts), [])
            signs = {fact.direction for fact in told if fact.comparison is not None and fact.sure()}
            for side, named in (("above", of.up), ("below", of.down)):
                if any(_has(_without(plain, of.neutral), word, language) for word in named) and signs != {side}:
                    found.append(f"{plain!r} says {side}, its facts say {', '.join(sorted(signs)) or 'nothing'}")
    last = {id_ for id_, _ in _PLACEHOLDER.findall(lines[-1])} & known.keys() if len(lines) == LINES else set()
    held = sorted(id_ for id_ in last if restricted(known[id_].label, known[id_].label_zh))
    return found + [f"{{{{{id_}}}}} is of goods that no advice puts forward" for id_ in held]


def _clauses(line: str, known: Mapping[str, Fact], language: str) -> list[tuple[str, list[Fact]]]:
    """The clauses of a line with marks for its facts, and the facts of each."""
    ids = iter(_PLACEHOLDER.findall(line))
    joins = "".join(rf"|\b{re.escape(word)}\b" for word in words(language).verify.joins)
    plain = [clause.strip() for clause in re.split(_STOPS + joins, _PLACEHOLDER.sub(_MARK, line)) if clause.strip()]
    return [
        (clause, [known[id_] for id_, _ in (next(ids) for _ in range(clause.count(_MARK))) if id_ in known])
        for clause in plain
    ]


def _without(text: str, phrases: Iterable[str]) -> str:
    for phrase in phrases:
        text = re.sub(re.escape(phrase), "", text, flags=re.I)
    return text


def _has(text: str, word: str, language: str) -> bool:
    """Whether a text has a word; without spaces between them, its characters."""
    if not words(language).spaced:
        return word in text
    return re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text.casefold()) is not None
