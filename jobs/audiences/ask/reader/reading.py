"""Which rules may a sentence ask for, and what of it has no place in them?"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jobs.audiences.ask import text
from jobs.audiences.ask.answer import Answer, Part, Reading
from jobs.audiences.ask.clauses import Clauses
from jobs.audiences.ask.frames import Frame, NotSaidError
from jobs.audiences.ask.impossible import holds_for_nobody, types_of, without_implied
from jobs.audiences.ask.kept import lost, repeated
from jobs.audiences.ask.names import Names
from jobs.audiences.ask.phrases import reduced
from jobs.audiences.ask.reader.asides import without_asides
from jobs.audiences.ask.reader.built import rule_by
from jobs.audiences.ask.reader.choices import Choices
from jobs.audiences.ask.reader.sentence import Sentence, in_words, span
from jobs.audiences.ask.reader.spoken import turned, without_talk
from jobs.audiences.ask.reader.tidied import apart, by_device, defined, explained, of_stages, with_ends
from jobs.audiences.ask.reasons import told
from jobs.audiences.ask.token import Token
from jobs.audiences.ask.tokens import covered, tokens
from jobs.audiences.ask.vocabulary import Vocabulary

_MOST_READINGS = 6
_WHO = (
    "PEOPLE",
    "IS",
    "AUDIENCE",
    "SEGMENT",
    "KIDS",
    "AGE",
    "INCOME",
    "CONSENT",
    "RISK",
    "CHURN",
    "TOP",
    "RECENTLY",
    "CAL",
)
# What is understood, and no rule says.
_NO_RULE = {
    "BOTTOM": "ranks count from the top; say: less than so much",
    "SINGLEORDER": "nothing counts by the order; say: the average order",
    "SOMEOF": "expected each choice of them by itself, with or between",
    "UNRECORDED": "nothing records it",
    "LABEL": "expected what is meant by it, such as: at least 3 orders in the last 90 days",
    "HABIT": "expected how often, or a share, such as: at least 80% of orders on weekends",
}


def read(sentence: str, vocabulary: Vocabulary, lang: str | None = None) -> Answer:
    """What a sentence asks for. lang: zh or en; None: told by its letters."""
    if len(sentence) > text.LONGEST:
        return Answer(None, left_out=(Part(sentence[:40] + "...", f"expected at most {text.LONGEST} characters"),))
    answer = reader_of(vocabulary).read(sentence, lang)
    return told(answer, chinese=(lang or text.language(text.folded(sentence))) == "zh")


@lru_cache(maxsize=4)
def reader_of(vocabulary: Vocabulary) -> Reader:
    """The reader over a vocabulary, prepared once."""
    return Reader(Names(vocabulary))


class Reader:
    """Reads sentences over the names of a warehouse, which are prepared once."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def read(self, sentence: str, lang: str | None = None) -> Answer:
        plain, talk = without_talk(text.folded(sentence))
        plain, passed = without_asides(with_ends(turned(plain)), self._says_who, self._says_nothing)
        every, idle = covered(plain, self.names)
        passed = [*talk, *passed, *idle]
        said = [one for place, one in enumerate(every) if "OPEN" not in one or (place and "NEG" in every[place - 1])]
        said = [self._strolled(by_device(token, plain)) for token in of_stages(defined(said, plain))]
        said, unread = self._bracketed([part for token in said for part in apart(token, plain)], plain, lang)
        row = explained(reduced(said, self.names.vocabulary.ds), plain)
        clauses = Clauses(row, (lang or text.language(plain)) == "zh")
        left = [*unread, *(Part(token.said, self._unknown(token)) for token in clauses.stray)]
        left += [Part(token.said, f"a part of a name; did you mean {token['UNSURE']}?") for token in clauses.unsure]
        frames = clauses.frames
        readings: list[Reading] = []
        unlike: dict[str, Reading] = {}
        parts: tuple[Part, ...] = ()
        impossible = False
        script: list[int] | None = []
        while script is not None and len(readings) <= _MOST_READINGS:
            choices = Choices(script)
            try:
                sentence_ = Sentence(self.names.vocabulary, plain, choices)
                rule, found = rule_by(sentence_, frames)
            except NotSaidError as error:
                left.append(Part(span(plain, [t for f in frames for t in f.tokens]) or sentence.strip(), str(error)))
                break
            if rule is not None and holds_for_nobody(rule, self.names.vocabulary.ds):
                impossible = True
            elif rule is not None:
                readings.append(Reading(rule, in_words(sentence_, rule)))
                unlike.setdefault(in_words(sentence_, without_implied(rule, self.names.vocabulary.ds)), readings[-1])
                parts = parts or tuple(found)
            script = choices.next()
        anyway = {one.said for one in clauses.stray if readings and all(repeated(one, r.rule) for r in readings)}
        left = [part for part in left if part.text not in anyway]
        left += list(self._unlogged(frames, plain, [one.rule for one in readings]))
        left = list(dict.fromkeys(left))
        if len(unlike) == 1 and not left:
            left += list(lost(said, readings[0].rule))
        if impossible and len(unlike) <= 1:  # the one that is left may be a name that nobody meant
            which = "another reading of it" if unlike else "read so, it"
            left.append(Part(sentence.strip(), f"{which} asks for what it leaves out"))
        if not unlike and not left:
            left.append(Part(sentence.strip()[:80], "expected something that people did or are; found nothing of it"))
        if len(unlike) == 1 and not left:
            return Answer(
                readings[0].rule, (*(Part(one, "passed over: not about who is meant") for one in passed), *parts)
            )
        return Answer(None, parts, tuple(left), tuple(unlike.values())[:_MOST_READINGS])

    def _says_who(self, aside: str) -> bool:
        return any(token.may(*_WHO) for token in tokens(aside, self.names))

    def _strolled(self, token: Token) -> Token:
        """Where nothing but purchases is logged, who strolled through the shop bought."""
        if self.names.vocabulary.types != {"purchase"} or not token.said.startswith("逛") or "EVENT" not in token:
            return token
        return replace(
            token, kinds={"EVENT": "purchase"}, notes=(*token.notes, f"没有浏览记录，“{token.said}”按购买理解")
        )

    def _says_nothing(self, aside: str) -> bool:
        harmless = {"UNKNOWN", "COMMA", "AND", "BUT"}
        return all("NOISE" in one or one.kinds.keys() <= harmless for one in tokens(aside, self.names))

    def _bracketed(self, said: list[Token], plain: str, lang: str | None) -> tuple[list[Token], list[Part]]:
        """Whole clauses in brackets as what they say by themselves, and those that say nothing."""
        unread: list[Part] = []
        for found in re.finditer(r"\(([^()]*)\)", plain):
            within = [token for token in said if found.start() < token.start and token.end < found.end()]
            linked = any(token.may("AND", "OR") for token in within)
            acts = sum("EVENT" in token for token in within)
            if not linked or acts == 1 or all(token.may("OBJ", "AND", "OR", "COMMA", "OPEN") for token in within):
                continue
            rule = self.read(found[1], lang).rule
            if rule is None and not acts:
                continue
            dated = any(token.may("LAST", "THEPAST", "CAL", "WITHIN") for token in said if token not in within)
            if rule is None or (acts and dated and "'in'" not in str(rule)):
                unread.append(Part(found[1], "expected what people did or are in brackets"))
                continue
            whole = Token({"USER": rule}, found.start(), found.end(), found.group())
            place = said.index(within[0])
            said = [
                token
                for token in said
                if token not in within and not ("OPEN" in token and token.start == found.start())
            ]
            said.insert(place - (place > len(said)), whole)
            said.sort(key=lambda token: token.start)
        return said, unread

    def _unknown(self, token: Token) -> str:
        if reason := next((_NO_RULE[kind] for kind in token.kinds if kind in _NO_RULE), None):
            return reason
        near = self.names.nearest(token.said) if "UNKNOWN" in token or "QUOTED" in token else []
        hint = f"; nearest: {', '.join(near)}" if near else ""
        return (
            f"nothing that the tables hold is called so{hint}"
            if "UNKNOWN" in token
            else f"has no place in the rule{hint}"
        )

    def _unlogged(self, frames: list[Frame], plain: str, rules: list[dict[str, Any]]) -> list[Part]:
        """Events that this shop does not log."""
        known = self.names.vocabulary.types
        said = [
            Part(span(plain, frame.tokens), f"no {kind} is logged here")
            for frame in frames for kind in frame.events if known and kind != "any" and kind not in known
        ]  # fmt: skip
        meant = {kind for rule in rules for kind in types_of(rule)} if known else set()  # of words for people
        return said or [Part(plain, f"no {kind} is logged here") for kind in sorted(meant - known)]
