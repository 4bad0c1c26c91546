"""A text with placeholders, as a language model writes it: held against the facts, then filled in.

`{{id}}` stands for the value of a fact, `{{id.usual}}` for that of everybody, `{{id.name}}` for its label. All numbers
and names come that way, so that none can be invented.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from jobs.language.catalogue import words
from jobs.language.facts import CHINESE, Fact

LINES, LONGEST = 3, 320
_PLACEHOLDER = re.compile(r"\{\{\s*([\w]+)(?:\.(usual|name))?\s*\}\}")
_CLAUSE = re.compile(r"[.,;:!?。，；：！？、]\s*")
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

    space = "" if language == CHINESE else " "
    return space.join(line.strip() for line in _PLACEHOLDER.sub(filled, text).strip().splitlines() if line.strip())


def faults(text: str, facts: Iterable[Fact], language: str, labels: Collection[str]) -> list[str]:
    """What is wrong with a text, in words that a model can mend it by; empty where nothing is.

    labels: of all categories that the shop has, in the language: none may stand in the text but by a placeholder.
    """
    known = {fact.id: fact for fact in facts}
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    found = [] if len(lines) == LINES else [f"expected {LINES} lines, found {len(lines)}"]
    found += [f"line {n} is longer than {LONGEST} characters" for n, line in enumerate(lines, 1) if len(line) > LONGEST]
    for id_, part in _PLACEHOLDER.findall(text):
        if id_ not in known:
            found.append(f"{{{{{id_}}}}} is no fact of this segment")
        elif part == "usual" and known[id_].comparison is None:
            found.append(f"{{{{{id_}.usual}}}}: the fact is held against nothing")
    found += [f"line {n} has no fact in it" for n, line in enumerate(lines[:2], 1) if not _PLACEHOLDER.search(line)]
    return found + _of_words(_PLACEHOLDER.sub(_MARK, text), language, labels) + _of_claims(lines, known, language)


def _of_words(bare: str, language: str, labels: Collection[str]) -> list[str]:
    """Digits, marks, names and other words that only a placeholder may bring."""
    found = []
    if re.search(r"\d", bare) or re.search(r"[%‰$€£¥@#_/\\<>{}\[\]=|`~^*]", bare):
        found.append("a digit or a mark stands outside a placeholder")
    if language == CHINESE:
        if re.search(r"[A-Za-z]", bare):
            found.append("a name stands outside a placeholder")
    else:
        inside = re.findall(r"(?<![.!?\n])[ \t,;:(\"'-]+([A-Z]\w*)", bare)
        if inside or re.search(r"[^\x00-\x7f§–—’‘“”…]", bare):
            found.append(f"a name stands outside a placeholder: {', '.join(inside) or 'other letters'}")
    never = [word for word in words(language).verify.never if _has(bare, word, language)]
    named = [label for label in labels if len(label) > 1 and _has(bare, label, language)]
    found += [f"{word!r} may not be said" for word in never]
    return found + [f"{label!r} stands outside a placeholder" for label in sorted(named)]


def _of_claims(lines: Iterable[str], known: Mapping[str, Fact], language: str) -> list[str]:
    """Directions against the sign of their fact, and words of a trait without it."""
    of, found = words(language).verify, []
    for line in lines:
        here = {id_ for id_, _ in _PLACEHOLDER.findall(line)}
        bare = _PLACEHOLDER.sub(_MARK, line)
        for trait, names in of.traits.items():
            if trait not in here and any(_has(bare, name, language) for name in names):
                found.append(f"a claim about {trait} without {{{{{trait}}}}} in its line")
        ids = iter(_PLACEHOLDER.findall(line))
        for plain in _CLAUSE.split(bare):
            told = [known[id_] for id_, _ in (next(ids) for _ in range(plain.count(_MARK))) if id_ in known]
            signs = {fact.direction for fact in told if fact.comparison is not None and fact.sure()}
            for side, named in (("above", of.up), ("below", of.down)):
                if any(_has(plain, word, language) for word in named) and signs != {side}:
                    found.append(
                        f"{plain.strip()!r} says {side}, its facts say {', '.join(sorted(signs)) or 'nothing'}"
                    )
    return found


def _has(text: str, word: str, language: str) -> bool:
    """Whether a text has a word; in Chinese, the characters."""
    if language == CHINESE:
        return word in text
    return re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text.casefold()) is not None
