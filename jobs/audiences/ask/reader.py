"""A sentence and the names of a warehouse, to an answer: pure, without the engine."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from jobs.audiences.ask import text
from jobs.audiences.ask.answer import Answer, Part, Reading
from jobs.audiences.ask.clauses import Clauses
from jobs.audiences.ask.frames import (
    BROWSED,
    Frame,
    NotSaidError,
    Rule,
    Things,
    condition,
    where,
    window_of,
    within_of,
)
from jobs.audiences.ask.kept import holds_for_nobody, lost
from jobs.audiences.ask.names import Names
from jobs.audiences.ask.phrases import days_of, reduced
from jobs.audiences.ask.tokens import Token, tokens
from jobs.audiences.ask.vague import vague
from jobs.audiences.ask.vocabulary import Vocabulary
from jobs.audiences.rule import words
from jobs.audiences.rule.conditions import Condition
from jobs.audiences.rule.measures import USER_FIELDS

_MOST_READINGS = 6
_CHECKED: TypeAdapter = TypeAdapter(Condition)
Pick = Callable[[object, list], Any]


def read(sentence: str, vocabulary: Vocabulary, lang: str | None = None) -> Answer:
    """What a sentence asks for. lang: zh or en; None: told by its letters."""
    if len(sentence) > text.LONGEST:
        return Answer(None, left_out=(Part(sentence[:40] + "...", f"expected at most {text.LONGEST} characters"),))
    return reader_of(vocabulary).read(sentence, lang)


@lru_cache(maxsize=4)
def reader_of(vocabulary: Vocabulary) -> Reader:
    """The reader over a vocabulary, prepared once."""
    return Reader(Names(vocabulary))


class _Choices:
    """What was chosen where the sentence leaves a choice: by a script, and the first beyond it."""

    def __init__(self, script: list[int]) -> None:
        self.script, self.made, self.options = script, {}, []

    def __call__(self, key: object, options: list) -> Any:
        if len(options) == 1:
            return options[0]
        if key not in self.made:
            place = len(self.options)
            self.made[key] = self.script[place] if place < len(self.script) else 0
            self.options.append(len(options))
        return options[self.made[key]]

    def next(self) -> list[int] | None:
        chosen = [*self.script, *[0] * (len(self.options) - len(self.script))]
        while chosen:
            if chosen[-1] + 1 < self.options[len(chosen) - 1]:
                return [*chosen[:-1], chosen[-1] + 1]
            chosen.pop()
        return None


class Reader:
    """Reads sentences over the names of a warehouse, which are prepared once."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def read(self, sentence: str, lang: str | None = None) -> Answer:
        plain = _with_ends(text.folded(sentence))
        every = tokens(plain, self.names)
        said = [one for place, one in enumerate(every) if "OPEN" not in one or (place and "NEG" in every[place - 1])]
        said = [_by_device(token, plain) for token in _of_stages(said)]
        said, unread = self._bracketed([part for token in said for part in _apart(token, plain)], plain, lang)
        row = reduced(said, self.names.vocabulary.ds)
        clauses = Clauses(row, (lang or text.language(plain)) == "zh")
        left = [*unread, *(Part(token.said, self._unknown(token)) for token in clauses.stray)]
        left += [Part(token.said, f"a part of a name; did you mean {token['UNSURE']}?") for token in clauses.unsure]
        frames = clauses.frames
        readings: list[Reading] = []
        parts: tuple[Part, ...] = ()
        script: list[int] | None = []
        while script is not None and len(readings) <= _MOST_READINGS:
            choices = _Choices(script)
            try:
                rule, found = _Built(self.names.vocabulary, plain, choices).of(frames)
            except NotSaidError as error:
                left.append(Part(_span(plain, [t for f in frames for t in f.tokens]) or sentence.strip(), str(error)))
                break
            if rule is not None:
                readings.append(Reading(rule, words.rule(_CHECKED.validate_python(rule))))
                parts = parts or tuple(found)
            script = choices.next()
        unlike = {one.says: one for one in readings}
        left += list(self._unlogged(frames, plain))
        left = list(dict.fromkeys(left))
        if len(unlike) == 1 and not left:
            left += list(lost(said, readings[0].rule))
            if holds_for_nobody(readings[0].rule):
                left.append(Part(sentence.strip(), "read so, it asks for what it leaves out"))
        if not unlike and not left:
            left.append(Part(sentence.strip()[:80], "expected something that people did or are; found nothing of it"))
        if len(unlike) == 1 and not left:
            return Answer(readings[0].rule, parts)
        return Answer(None, parts, tuple(left), tuple(unlike.values())[:_MOST_READINGS])

    def _bracketed(self, said: list[Token], plain: str, lang: str | None) -> tuple[list[Token], list[Part]]:
        """Whole clauses in brackets as what they say by themselves, and those that say nothing."""
        unread: list[Part] = []
        for found in re.finditer(r"\(([^()]*)\)", plain):
            within = [token for token in said if found.start() < token.start and token.end < found.end()]
            linked = any(token.may("AND", "OR") for token in within)
            if not linked or sum("EVENT" in token for token in within) < 2:
                continue
            rule = self.read(found[1], lang).rule
            dated = any(token.may("LAST", "THEPAST", "CAL", "WITHIN") for token in said if token not in within)
            if rule is None or (dated and "'in'" not in str(rule)):
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
        near = self.names.nearest(token.said) if "UNKNOWN" in token or "QUOTED" in token else []
        hint = f"; nearest: {', '.join(near)}" if near else ""
        return (
            f"nothing that the tables hold is called so{hint}"
            if "UNKNOWN" in token
            else f"has no place in the rule{hint}"
        )

    def _unlogged(self, frames: list[Frame], plain: str) -> list[Part]:
        """Events that this shop does not log."""
        known = self.names.vocabulary.types
        return [
            Part(_span(plain, frame.tokens), f"no {kind} is logged here")
            for frame in frames for kind in frame.events if known and kind != "any" and kind not in known
        ]  # fmt: skip


def _of_stages(said: list[Token]) -> list[Token]:
    """Beside the word "stage", names of stages are these, whatever else they say of people."""
    if not any("STAGEWORD" in token and token.said != "期" for token in said):
        return said
    found = []
    for token in said:
        stages = tuple(one for one in token.kinds.get("IS", ()) if "lifecycle_stage" in one)
        found.append(replace(token, kinds={"IS": stages}) if stages else token)
    return found


def _with_ends(plain: str) -> str:
    """A note on the end of a range as the word that says it: `10个以上(不含10个)` is 超过10个."""
    plain = re.sub(r"\((?:含|包含|包括)[^()]{1,6}\)", "", plain)
    number = r"(?:\d[\d.,]*|[一二两三四五六七八九十百千万半成]+)[^\W\d]{0,2}?"
    strict = re.compile(rf"({number})(?:及|或)?以([上下])([^()]{{0,12}})\((?:不含|不包含|不包括)[^()]{{1,6}}\)")
    return strict.sub(lambda m: f"{'超过' if m[2] == '上' else '少于'}{m[1]}{m[3]}", plain)


def _apart(token: Token, plain: str) -> list[Token]:
    """ "100 on milk and over 50 on beer": what follows a number elsewhere begins another one here."""
    words_ = token.said.split(" ", 1)
    if "CMPPOST" not in token or words_[0] != "and" or not re.match(r"\s*[$€£¥]?\s*\d", plain[token.end :]):
        return [token]
    middle = token.start + 4
    how = {"over": "more_than", "above": "more_than", "under": "less_than", "below": "less_than"}.get(words_[1])
    if how is None:
        return [token]
    return [Token({"AND": ""}, token.start, middle - 1, "and"), Token({"CMP": how}, middle, token.end, words_[1])]


def _by_device(token: Token, plain: str) -> Token:
    """What is bought on a phone is not a phone."""
    on = re.match("上|端", plain[token.end :]) or re.search(
        r"(?:\bon (?:the|their|a)|\b(?:using|via|through|by)(?: the| their| a)?) $|(?:用|通过)$", plain[: token.start]
    )
    if "NARROW" in token and "OBJ" in token and on:
        return replace(token, kinds={kind: value for kind, value in token.kinds.items() if kind != "OBJ"})
    return token


def _span(plain: str, found: list[Token]) -> str:
    return plain[min(t.start for t in found) : max(t.end for t in found)] if found else ""


class _Built:
    """The rule of the clauses, by one choice of what is open."""

    def __init__(self, vocabulary: Vocabulary, plain: str, pick: Pick) -> None:
        self.vocabulary, self.plain, self.pick = vocabulary, plain, pick
        self.chinese = text.language(plain) == "zh"
        self.parts: list[Part] = []

    def of(self, said: list[Frame]) -> tuple[Rule | None, list[Part]]:
        frames = [self._resolved(frame, said, place) for place, frame in enumerate(said)]
        frames = self._completed(frames)
        rule = _plain(self._logic(self._steps(frames)))
        if rule is None:
            return None, self.parts
        try:
            _CHECKED.validate_python(rule)
        except ValidationError as error:
            raise NotSaidError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return rule, self.parts

    # What a clause leaves to be told by what it stands beside.

    def _resolved(self, said: Frame, frames: list[Frame], place: int) -> Frame:
        frame = replace(
            said, tokens=list(said.tokens), slots=dict(said.slots), users=list(said.users), windows=list(said.windows)
        )
        slots, before = frame.slots, frames[place - 1] if place else None
        if "AGAIN" in slots and (frame.neg is not None or "BACK" in slots):
            slots.pop("AGAIN")
        if "MOST" in slots and "TOPN" not in slots and slots.get("NUM", 0) >= 5:
            slots["TOPN"] = {"users": int(slots.pop("NUM"))}
        if "MOST" in slots and "TOPN" not in slots and "PCT" in slots:
            slots["TOPN"] = {"percent": slots.pop("PCT")}
            slots.pop("QPCT", None)
        if "MOST" in slots and "TOPN" not in slots:
            raise NotSaidError("expected how many are the most: top 10 %, top 100")
        if ("FIRST" in slots and frame.events) or "FIRSTBUY" in slots:
            slots["FIRST"] = True
        elif "FIRST" in slots:
            raise NotSaidError("expected what was done first")
        if "LASTONE" in slots and not frame.events and "WAS" in slots:
            frame.events = ("purchase",)
        if "LASTONE" in slots and frame.events:
            slots["LASTBUY"] = True
        if "TOPN" in slots and frame.things.names and any("BUYERS" in token for token in frame.tokens):
            slots["of_buyers"] = True
        noun = len(frame.tokens) == 1 and "ORDERS" in frame.tokens[0] and not frame.windows
        if noun and frame.neg is None and before is not None and "TOPN" in before.slots:
            raise NotSaidError("expected in full by what else they rank")
        waited = before is not None and before.events in (("cart",), ("favourite",)) and not before.windows
        if (
            "SPAN" in slots
            and frame.neg is not None
            and (frame.link == "THEN" or (frame.link == "TIGHT" and waited and self.chinese))
        ):  # put into the cart and not bought for so many days
            slots["WITHINSPAN"], frame.link = slots.pop("SPAN"), "THEN"
        if "SPAN" in slots:
            self._placed_span(frame)
        if "QSPAN" in slots:
            held, unit = slots.pop("QSPAN")
            how, number = next(iter(held.items()))
            long, days = how in ("at_least", "more_than"), None if how == "between" else days_of((number, unit))
            if "LASTBUY" in slots and days:
                ago = {"before_days": days + (how == "more_than")} if long else {"last_days": days}
                frame.windows.append(ago)
            elif frame.neg is not None and long and days:
                frame.windows.append({"last_days": days})
            elif unit == "day" and "Q" not in slots and frame.neg is None and (frame.events or "MEASURE" in slots):
                slots["Q"] = ("days", held)
            elif "BREAK" in slots or "BACK" in slots:
                slots["break"] = days_of((number, unit))
            else:
                raise NotSaidError("expected a window, such as the last 30 days, found a length of time alone")
        if "REGULAR" in slots and not slots.keys() & {"EVERY", "OVERDUE"}:
            slots.setdefault("EACHCAL", "month")
        if "WITHINSPAN" in slots and "BACK" in slots:
            days = days_of(slots.pop("WITHINSPAN"))
            frame.windows.append({"last_days": days})
        if isinstance(slots.get("COMPARED"), str) and slots["COMPARED"] == "doubled" and "CMP" in slots:
            slots["COMPARED"] = {slots.pop("CMP"): 2}
        if "PERMONTH" in slots:
            self._monthly(frame)
        if "BREAK" in slots and not slots.keys() & {"BACK", "EVERY"}:
            raise NotSaidError("expected who came back after it")
        if "BAND" in slots:
            frame.users.append(self._band(*slots.pop("BAND")))
        if "PRIORSPAN" in slots and not slots.keys() & {"COMPARED", "THAN", "PCT", "QPCT"}:
            skip = next((w["last_days"] for w in (before.windows if before else ()) if set(w) == {"last_days"}), None)
            if skip is None:
                after = frames[place + 1] if place + 1 < len(frames) else None
                skip = next((w["last_days"] for w in (after.windows if after else ()) if set(w) == {"last_days"}), None)
            days = slots.pop("PRIORSPAN")
            frame.windows.append({"last_days": days, "skip": skip} if skip else {"last_days": days})
        if "PRIOR" in slots and "EACHCAL" in slots:
            near = [
                w
                for other in (before, frames[place + 1] if place + 1 < len(frames) else None)
                if other
                for w in other.windows
            ]
            slots["before"] = next((w["last_days"] for w in near if "last_days" in w), 0)
        alone = not (frame.events or frame.windows or frame.things.names or len(slots) > 1)
        person = alone and not self.chinese and (place == 0 or bool(before and before.users))
        if slots.get("Q", ("",))[0] == "bare" and person:
            held = slots["Q"][1]
            if "age_band" in self.vocabulary.values and all(
                15 < n < 100 for n in held.values() if not isinstance(n, list)
            ):
                frame.users.append(self._band("age_band", held))
                slots.pop("Q")
        if frame.idle and slots.keys() & {"TOPN", "COMPARED", "THAN"} and not slots.keys() & {"MEASURE", "unit"}:
            raise NotSaidError("expected the measure: number of products, orders, money")
        self._comparison(frame)
        self._narrowed(frame)
        if (
            "PCT" in slots and "SHARE" not in slots and "TOPN" not in slots and "compared" not in slots and frame.acts
        ) or "SHARE" in slots:
            slots["SHARE"] = True
            if "QPCT" not in slots:
                raise NotSaidError("expected a share, such as at least 40 %")
            frame.events = frame.events or ("purchase",)
        elif "QPCT" in slots and "TOPN" not in slots and "compared" not in slots:
            slots["SHARE"] = True
            frame.events = frame.events or ("purchase",)
        if "SHARE" in slots and "MEASURE" not in slots and any("ORDERS" in token for token in frame.tokens):
            slots.setdefault("unit", "orders")
        if "ELSE" in slots:
            raise NotSaidError("expected what else; say: only bought X")
        if len(frame.windows) > 1 and "compared" not in slots:
            if {"ever": True} in frame.windows:
                frame.windows = [w for w in frame.windows if w != {"ever": True}]
            if len(frame.windows) > 1:
                raise NotSaidError("expected one window in a clause, found two")
        return frame

    @staticmethod
    def _monthly(frame: Frame) -> None:
        """An average a month or week: so many times it in the whole window."""
        kind, held = frame.slots.get("Q", ("", {}))
        days = frame.windows[0].get("last_days", 0) if len(frame.windows) == 1 else 0
        said = next(token.said for token in frame.tokens if "PERMONTH" in token)
        each = frame.slots.pop("EACHCAL", "month" if re.search("month|月", said) else "week" if "周" in said else "")
        size = {"month": 30, "week": 7}.get(each, 0)
        if not (size and days) or days % size or any(isinstance(n, list) for n in held.values()) or not held:
            raise NotSaidError("expected an average of months or weeks, such as the last 6 months")
        frame.slots.pop("PERMONTH")
        frame.slots["Q"] = (kind, {how: n * (days // size) for how, n in held.items()})

    def _placed_span(self, frame: Frame) -> None:
        slots, days = frame.slots, days_of(frame.slots["SPAN"])
        span = slots.pop("SPAN")
        if frame.neg is None and not frame.windows and slots.get("Q") == ("times", {"at_least": 1}) and frame.events:
            raise NotSaidError("expected a window, such as the last 14 days, or how often: about every month")
        if slots.keys() & {"BACK", "BREAK"}:
            slots["break"] = days
        elif days and (frame.neg is not None or (not frame.windows and (span[1] != "day" or span[0] >= 7))):
            frame.windows.append({"last_days": days})
        elif "Q" not in slots and span[1] == "day" and (slots.keys() & {"MEASURE"} or frame.events):
            slots["Q"] = ("days", {"at_least": span[0]})
        else:
            raise NotSaidError("expected a window, such as the last 30 days, found a length of time alone")

    def _comparison(self, frame: Frame) -> None:
        """How many times another window."""
        slots = frame.slots
        said = slots.get("COMPARED")
        part = slots.get("PCT")
        two = len(frame.windows) == 2 and "QPCT" in slots and not slots.keys() & {"TOPN", "SHARE"}
        if (
            said is None
            and "THAN" not in slots
            and not two
            and not (slots.keys() & {"PRIORSPAN", "PRIOR"} and "QPCT" in slots)
        ):
            return
        beside = slots.keys() & {"THAN", "PRIORSPAN", "PRIOR"} or len(frame.windows) == 2
        if said in ("more", "less") and not beside:
            raise NotSaidError("expected than what: more than in the 30 days before")
        frame.events = frame.events or ("purchase",)
        by = None if part is None else part / 100
        if isinstance(said, dict):
            how = said
        elif said == "halved":
            how = {"less_than": 0.5}
        elif said == "doubled":
            how = {"at_least": 2}
        elif said in ("up", "more"):
            how = {"more_than": 1} if by is None else {"at_least": 1 + by}
        elif said in ("down", "less"):
            how = {"less_than": 1} if by is None else {"at_most": 1 - by}
        elif "QPCT" in slots:
            held = slots["QPCT"]
            if "CMP" in slots:
                held = {slots.pop("CMP"): next(iter(held.values()))}
            how = {key: value / 100 for key, value in held.items() if not isinstance(value, list)}
        else:
            raise NotSaidError("expected how the two compare: more, less, half of it")
        if said is not None and by is None and "QPCT" in slots:
            key, value = next(iter(slots["QPCT"].items()))
            if isinstance(value, list) or said not in ("up", "more", "down", "less"):
                raise NotSaidError("expected how the two compare: more, less, half of it")
            grew = said in ("up", "more")
            turned = {"at_least": "at_most", "more_than": "less_than", "at_most": "at_least", "less_than": "more_than"}
            how = {key if grew else turned.get(key, key): 1 + value / 100 if grew else 1 - value / 100}
        slots["compared"] = how
        if "MEASURE" not in slots and any("ORDERS" in token for token in frame.tokens):
            slots.setdefault("unit", "orders")
        slots.pop("Q", None)
        slots.pop("SHARE", None)

    def _narrowed(self, frame: Frame) -> None:
        """A comparison that stands apart from its number, and columns of a profile."""
        slots = frame.slots
        if "NUM" in slots:
            if "Q" in slots or not (frame.spend or slots.get("MEASURE") or "COLUMN" in slots or "AGGREGATE" in slots):
                raise NotSaidError("expected of what so many: orders, times, money, days")
            slots["Q"] = ("bare", {"at_least": slots.pop("NUM")})
        if "CMP" in slots:
            key = next((key for key in ("Q", "QPCT") if key in slots), None)
            held = slots[key][1] if key == "Q" else slots.get("QPCT")
            if held is None or set(held) != {"at_least"}:
                raise NotSaidError("expected a number to compare with")
            turned = {slots.pop("CMP"): held["at_least"]}
            slots[key] = (slots["Q"][0], turned) if key == "Q" else turned
        if slots.get("MEASURE") == "orders" and frame.events and "purchase" not in frame.events:
            if not any(re.search("次数|频次", token.said) for token in frame.tokens if "MEASURE" in token):
                raise NotSaidError("expected one thing that is counted: orders, or events of another kind")
            slots.pop("MEASURE")  # how often, of whatever was done
            slots["Q"] = ("times", slots["Q"][1]) if slots.get("Q", ("",))[0] == "bare" else slots.get("Q")
            slots = {key: value for key, value in slots.items() if value is not None}
            frame.slots = slots
        ordered = any(re.match("下|成交|order", token.said) for token in frame.tokens if "EVENT" in token)
        if ordered and slots.get("Q", ("",))[0] == "bare" and not frame.spend and "MEASURE" not in slots:
            slots["Q"] = ("times", slots["Q"][1])
        if "EXCLUSIVE" in slots and "Q" in slots and set(slots["Q"][1]) == {"at_least"}:
            slots.pop("EXCLUSIVE")
            slots["Q"] = (slots["Q"][0], {"exactly": slots["Q"][1]["at_least"]})
        if "COLUMN" in slots:
            frame.users.append(self._column(frame))
            slots.clear()
            frame.events, frame.windows = (), []

    def _column(self, frame: Frame) -> Rule:
        """A test of a column of gold.user_features: of its window, where the sentence names one."""
        stem, slots = frame.slots["COLUMN"], frame.slots
        held = (
            {how: _hundredth(n) for how, n in slots["QPCT"].items()}
            if "QPCT" in slots
            else slots.get("Q", ("", None))[1]
        )
        if held is None:
            raise NotSaidError("expected a number that it is held against")
        if frame.things.names:
            raise NotSaidError("expected it of all that a user does, not of a thing")
        windows = sorted(
            int(name.removeprefix(f"{stem}_")[:-1]) for name in USER_FIELDS if re.fullmatch(rf"{stem}_\d+d", name)
        )
        if not windows:
            return {"is": {stem: held}}
        said = window_of(frame)
        days = windows[-1] if said is None else said.get("last_days")
        if days not in windows or (said is not None and set(said) != {"last_days"}):
            raise NotSaidError(f"expected it of the last {', '.join(map(str, windows))} days")
        return {"is": {f"{stem}_{days}d": held}}

    def _band(self, column: str, held: Rule) -> Rule:
        """The groups of a column that lie within; where a border cuts one: with it, or without."""
        if column == "kids":
            return self._kids(held)
        scale = 1000 if column == "income_band" else 1
        values = self.vocabulary.values.get(column, ())
        bands = [(value, *_ends(value, scale)) for value in values if _ends(value, scale)]
        if not bands:
            raise NotSaidError(f"nothing records {column.removesuffix('_band')} in groups of numbers")
        low, high = 0.0, float("inf")
        for how, number in held.items():
            ends = [float(n) for n in number] if isinstance(number, list) else [float(number)]
            if how in ("between", "exactly"):
                low, high = ends[0], ends[-1]
            elif how in ("at_least", "more_than"):
                low = ends[0]
                low = next((b for _, b, _ in bands if how == "more_than" and b == low + 1), low)
            else:
                high = ends[0] - (1 if how == "less_than" or any(b == ends[0] for _, b, _ in bands) else 0)
        if scale > 1 and high != float("inf"):
            high = next((top for _, _, top in bands if abs(top - high) <= scale), high)
        inside = [v for v, b, t in bands if b >= low and t <= high]
        cut = [v for v, b, t in bands if v not in inside and b <= high and t >= low]
        options = [inside] if not cut else [sorted([*inside, *cut])] + ([inside] if inside else [])
        if cut and not inside and held.keys() & {"exactly"}:
            options = [cut]
        chosen = self.pick(("band", column, str(held)), options)
        if not chosen:
            raise NotSaidError(f"no group of {column} is so")
        if len(options) == 1 and cut and not held.keys() & {"exactly"} and not inside:
            raise NotSaidError(f"the groups of {column} are wider: {', '.join(cut)}")
        return {"is": {column: chosen[0] if len(chosen) == 1 else chosen}}

    def _kids(self, held: Rule) -> Rule:
        """Of how many children there are, where an attribute counts them."""
        for column, values in self.vocabulary.values.items():
            counts = {value: int(found.group()) for value in values if (found := re.match(r"\d+", value))}
            if re.search(r"kid|child", column) and len(counts) == len(values):
                how, number = next(iter(held.items()))
                number = int(number)
                chosen = [value for value, n in counts.items() if _holds(n, how, number)]
                if not chosen:
                    raise NotSaidError(f"{column} tells {', '.join(values)}")
                return {"is": {column: chosen[0] if len(chosen) == 1 else chosen}}
        raise NotSaidError("nothing records how many children there are")

    def _completed(self, frames: list[Frame]) -> list[Frame]:
        """What a clause takes from others: the window at the head, the event and the object of the one before."""
        if frames:
            self._opened(frames)
            self._in_each(frames)
        head = next((f.windows[0] for f in frames if f.first and f.windows and f.link != "EXCEPT"), None)
        done: list[Frame] = []
        for place, frame in enumerate(frames):
            before = next((f for f in reversed(done) if f.events), None)
            own = bool(frame.events)
            after = frames[place + 1] if place + 1 < len(frames) else None
            if "STOPPED" in frame.slots and before and not frame.things.names and (not own or before.things.names):
                if not before.slots.keys() & {"FORMERLY", "STOPPED"}:
                    before.slots["STOPPED"] = True
                continue
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
            bare_number = not own and frame.slots.get("Q", ("",))[0] == "bare" and "MEASURE" not in frame.slots
            late = not own and frame.neg is None and frame.link == "COMMA" and not frame.things.names and not frame.acts
            if (
                not own
                and not late
                and before is not None
                and (frame.things.names or frame.windows or frame.neg is not None)
                and not frame.slots.keys() & {"Q", "TOPN", "HEAVY", "SHARE", "MEASURE", "compared"}
            ):
                frame.events, frame.spend = before.events, False
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
                elif not before.windows and self._one_verb(frame, before):
                    for one in reversed(done):  # one verb, and a window behind all that it is said of
                        if one.windows or one.events != frame.events:
                            break
                        one.windows = list(frame.windows)
                if frame.events == ("search",) and frame.things.names:
                    said = [token.said for token in frame.tokens if "OBJ" in token]
                    frame.things, frame.slots["QUERY"] = Things(), " ".join(said)
            elif not own and frame.windows and not frame.acts and not frame.things.names and not frame.users:
                if done and done[-1].events and not done[-1].windows and after is None:
                    for one in done if frame.comma else done[-1:]:
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
                if self._measured_of(frame, before) and self.pick(("measured", place), [True, False]):
                    frame.things = before.things if before is not None else frame.things
                frame.events = (
                    ("purchase",)
                    if (frame.slots.get("Q") or ("",))[0] != "products" or before is None
                    else before.events
                )
                if (
                    before is not None
                    and frame.slots.get("Q")
                    and not frame.windows
                    and frame.link in ("AND", "COMMA", "TIGHT", "BUT")
                    and not frame.things.names
                ):
                    frame.windows = [] if before.first else list(before.windows) if frame.link == "TIGHT" else []
            implied = frame.slots.pop("implied", None)
            rhythm = implied and frame.slots.keys() & {"EVERY", "OVERDUE"} and not frame.things.names
            if rhythm and before is not None and before.slots.keys() <= {"REGULAR", "EACHCAL", "Q", "EVERY"}:
                kept = {key: value for key, value in before.slots.items() if key == "EVERY"}
                before.slots.clear()
                before.slots |= kept | frame.slots
                continue
            if "EVERY" in frame.slots:
                frame.slots.pop("Q", None)
            if frame.neg is not None and frame.windows and before is not None:
                before.slots.pop("FORMERLY", None)
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
            named = next((f for f in (*reversed(done), *frames[place + 1 :]) if f.things.names), None)
            same = (frame.neg is not None and _again(frame)) or frame.slots.get("SAME") in ("it", "any")
            if own and not frame.things.names and not same and not frame.anything and self._elided(frame, before):
                same = self.pick(("of what", place), [True, False])
            alone = frame.slots.get("SAME") == "any" or (frame.slots.get("SAME") == "it" and before is None)
            if own and not frame.things.names and named is None and alone:
                raise NotSaidError("expected of what: any, none")
            if own and not frame.things.names and named is not None and same:
                frame.things = named.things
            if (
                not frame.windows
                and frame.neg != "never"
                and "PRIOR" not in frame.slots
                and frame.link != "THEN"
                and "before" not in frame.slots
            ):
                opener = next((f for f in done if f.first and f.windows), None)
                undone = opener is not None and opener.neg is not None and not opener.things.names
                if head and not frame.first and not (undone and frame.neg is None and frame.events == opener.events):
                    frame.windows = [head]
                elif (
                    frame.neg is not None
                    and before is not None
                    and before.windows
                    and frame.link in ("BUT", "AND", "TIGHT", "COMMA")
                    and before.neg is None
                    and not before.slots.keys() & {"FIRST", "LASTBUY", "TOPN", "compared"}
                ):
                    frame.windows = [w for w in before.windows if not w.keys() & {"each", "at_least_in", "before_days"}]
            done.append(frame)
        self._behind([frame for frame in done if frame.acts])
        if head and not any(head in frame.windows for frame in done):
            raise NotSaidError("expected something that was done in that time")
        return done

    @staticmethod
    def _opened(frames: list[Frame]) -> None:
        """ "Within 30 days" of the first clause is a window: no step stands before it."""
        first, later = frames[0], frames[1] if len(frames) > 1 else None
        if "WITHINSPAN" not in first.slots or "AGAIN" in first.slots or (later and later.link == "AFTER"):
            return
        if days := days_of(first.slots["WITHINSPAN"]):
            first.slots.pop("WITHINSPAN")
            first.windows.append({"last_days": days})
            first.first |= bool(first.tokens) and "WITHINSPAN" in first.tokens[0]

    def _in_each(self, frames: list[Frame]) -> None:
        """Days in a list before what was done in them: 9月或10月买过牛奶."""
        for place in reversed(range(len(frames) - 1)):
            days, done = frames[place], frames[place + 1]
            only = days.windows and not (days.acts or days.things.names or days.users or days.slots or days.neg)
            listed = done.link in ("AND", "OR") or (done.link == "COMMA" and "都" in self.plain)
            if only and listed and done.acts and len(done.windows) == 1 and done.neg is None and not done.users:
                days.events, days.things, days.spend = done.events, done.things, done.spend
                days.slots, days.first = dict(done.slots), False

    def _behind(self, acts: list[Frame]) -> None:
        """The window behind several clauses: of all that were not done; of all counts of one verb; behind two verbs
        of both, or of the second alone.
        """
        last = acts[-1] if acts else Frame()
        before = [one for one in acts[:-1] if not one.windows and one.neg != "never"]
        said = any(token.may("EVENT", "ORDERS", "OBJ", "Q", "NEG") for token in last.tokens)  # more than days
        if len(acts) < 2 or not last.windows or last.first or {"ever": True} in last.windows or not said:
            return
        if last.neg is not None:
            shared = before if all(one.neg == "" for one in acts) and len(before) == len(acts) - 1 else []
        elif "Q" in last.slots and last.link in ("AND", "COMMA") and not any("EVENT" in t for t in last.tokens):
            shared = [one for one in before if "Q" in one.slots and one.neg is None]
            if before and not shared and self.pick("window behind", [True, False]):
                shared = before
        elif (
            last.link in ("AND", "BUT")
            and len(acts) == 2
            and before
            and before[0].slots.keys() <= {"Q", "QUERY", "HOURLIST", "WEEKDAYLIST", "DISCOUNTED", "FULLPRICE", "NARROW"}
            and last.slots.keys() <= {"Q", "QUERY", "DISCOUNTED", "FULLPRICE", "NARROW", "MEASURE"}
        ):
            verb = any("EVENT" in token for token in last.tokens)
            shared = before if not verb or self.pick("window behind", [True, False]) else []
        else:
            shared = []
        for one in shared:
            one.windows = list(last.windows)

    @staticmethod
    def _one_verb(frame: Frame, before: Frame) -> bool:
        """Whether the window behind a clause without a verb is that of the one before, too."""
        if (
            before.neg == "never"
            or frame.neg == "never"
            or before.slots.keys() & {"EACHCAL", "TOPN", "FIRST", "LASTBUY"}
        ):
            return False
        return frame.link in ("AND", "OR", "COMMA", "TIGHT", "BUT")

    @staticmethod
    def _measured_of(frame: Frame, before: Frame | None) -> bool:
        """Whether "and the amount is over 50" leaves open of what: of what stands before, or of all."""
        said = [token.said for token in frame.tokens if "MEASURE" in token]
        bare = said and all(
            one in ("金额", "次数", "件数", "数量", "amount", "quantity", "total amount") for one in said
        )
        return bool(bare and before and before.things.names and not frame.things.names and "TOPN" not in frame.slots)

    @staticmethod
    def _elided(frame: Frame, before: Frame | None) -> bool:
        """Whether "but did not buy" leaves open of what: of what stands before, or anything."""
        verbs = [token.said for token in frame.tokens if "EVENT" in token]
        verbs += ["买" for token in frame.tokens if "ELIDED" in token]
        count = frame.slots.get("Q", ("",))[0] in ("times", "orders") and frame.slots.keys() == {"Q"}
        return (
            before is not None
            and bool(before.things.names)
            and ((frame.neg is not None) if before.neg is None else (frame.neg is None and count))
            and frame.events == ("purchase",)
            and bool(verbs)
            and all(re.match("bought|buy|purchas|买|购买", verb) and verb not in ("买单",) for verb in verbs)
            and (count or frame.slots.keys() <= {"PRIOR"})
        )

    # Steps in order.

    def _steps(self, frames: list[Frame]) -> list[Frame]:
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

    def _then(self, steps: list[Frame]) -> Rule:
        said: list[Rule] = []
        same: set[str] = set()
        windows = [
            w
            for step in steps
            for w in step.windows
            if not (step.neg is not None and w == step.windows[0] and step is steps[-1] and w in steps[0].windows)
        ]
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
            things = self._chosen(step)
            one: Rule = {
                "not" if step.neg is not None else "did": step.events[0] if len(step.events) == 1 else list(step.events)
            }
            if narrowed := where(step, things):
                one["where"] = narrowed
            if place and (limit := within_of(step)):
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
            and last.events == ("purchase",)
            and (not last.things.names or last.things == first.things)
        ):
            same.add("product")
            if last.things == first.things and said[-1].get("where") == said[0].get("where"):
                said[-1].pop("where", None)
        rule: Rule = {"then": said}
        if same:
            rule["same"] = sorted(same)[0] if len(same) == 1 else sorted(same)
        plain = [w for w in windows if "before_days" not in w]
        if len({str(w) for w in plain}) > 1:
            raise NotSaidError("expected one window for all steps, found two")
        return rule | ({"in": plain[0]} if plain else {})

    def _chosen(self, frame: Frame) -> Rule:
        picked = [self.pick(("name", str(names)), list(names)) for names in frame.things.names]
        fields = {key for thing in picked for key in thing}
        if len(fields) > 1 and len(picked) > 1:
            raise NotSaidError("expected one kind of thing in a step")
        return {key: [v for thing in picked for v in thing[key]] for key in fields}

    # Clauses to a rule.

    def _rule(self, frame: Frame) -> Rule:
        rules = [self.pick(("user", str(one)), one["PICK"]) if "PICK" in one else one for one in frame.users]
        if "steps" in frame.slots:
            rules.append(self._then(frame.slots["steps"]))
            self._note(frame, rules[-1])
            return _all(rules)
        if frame.acts or frame.things.names:
            rules.append(self._acts(frame))
        elif not rules:
            raise NotSaidError("expected something that people did or are")
        rule = _all(rules)
        if frame.neg is not None and not (frame.acts or frame.things.names):
            rule = {"not": rule}
        self._note(frame, rule)
        return rule

    def _acts(self, frame: Frame) -> Rule:
        names, how = frame.things.names, frame.things.how
        if frame.neg is not None and "STOPPED" in frame.slots:
            frame = replace(frame, neg=None)
        if frame.slots.pop("both", None) and self.pick("both", ["any", "all"]) == "all":
            each = [self._acts(replace(frame, events=(one,), neg=None)) for one in frame.events]
            return {"not": _all(each)}
        if frame.slots.pop("of_buyers", None) and self.pick("ranked by", ["all", "those"]) == "all":
            slots = {key: value for key, value in frame.slots.items() if key not in ("TOPN", "MEASURE")}
            among = self._acts(replace(frame, slots=slots, windows=[]))
            ranked = self._acts(replace(frame, things=Things()))
            return ranked | {"among": among}
        if "search" in frame.events and names:
            raise NotSaidError("expected the words that were searched for")
        if self._of_a_price(frame) and self.pick(("price", str(frame.slots["Q"])), [False, True]):
            slots = {key: value for key, value in frame.slots.items() if key != "Q"}
            frame = replace(frame, slots=slots | {"PRICE": frame.slots["Q"][1]})
        choice = {id(one): one.index(self.pick(("name", str(one)), list(one))) for one in names}
        if "not_things" in frame.slots:
            return condition(replace(frame, things=Things(names)), choice, self.vocabulary.ds)
        if frame.slots.pop("one", None):
            some, all_ = (self._acts(replace(frame, things=Things(names, how), neg=None)) for how in ("any", "all"))
            return {"all": [some, {"not": all_}]}
        if frame.things.mixed:
            return self._mixed(frame)
        plain = not frame.slots.keys() & {"TOPN", "SHARE", "HEAVY", "compared", "EXCLUSIVE", "Q", "OFTEN"}
        if set(frame.things.joins) == {"COMMA"} and frame.neg is None and plain:
            how = self.pick(("listed", str(names)), ["all", "any"])
            frame = replace(frame, things=Things(names, how))
        if how == "all" and len(names) > 1 and frame.slots.keys() & {"TOPN", "SHARE", "HEAVY", "compared", "EXCLUSIVE"}:
            frame = replace(frame, things=Things(names))
        elif how == "all" and len(names) > 1 and frame.slots.keys() & {"Q", "OFTEN"}:
            how = self.pick(("together", str(names)), ["any", "all"])
            frame = replace(frame, things=Things(names, how))
        if frame.neg is not None and how == "all" and len(names) > 1:
            how = self.pick(("none of", str(names)), ["any", "all"])
            frame = replace(frame, things=Things(names, how))
        rule = condition(frame, choice, self.vocabulary.ds)
        if frame.neg is None:
            return rule
        if "is" in rule and "column" in frame.slots:
            return {"not": rule}
        if "BACK" in frame.slots and "BREAKSPAN" not in frame.slots:
            raise NotSaidError("expected since when not again, such as: not in the last 30 days")
        if rule.get("none"):
            return {key: value for key, value in rule.items() if key != "none"}
        return {"not": rule}

    def _of_a_price(self, frame: Frame) -> bool:
        """Whether "wine over 20 dollars" leaves open if one costs so much, or all of it did."""
        money = frame.slots.get("Q", ("",))[0] == "money" and frame.events == ("purchase",) and not frame.spend
        plain = not frame.slots.keys() & {"MEASURE", "AGGREGATE", "NETOF", "EACHCAL", "DISCOUNTED", "PRICE", "TOPN"}
        said = self.plain[min(t.start for t in frame.tokens) : max(t.end for t in frame.tokens)] if frame.tokens else ""
        told = re.search(r"\b(worth|for|total|paid|pay|in all)\b|花|总|共|累计|满|金额", said)
        sums = [token.start for token in frame.tokens if "Q" in token]
        things = [token.start for token in frame.tokens if "OBJ" in token]
        beside = not (sums and things) or (sums[0] < things[0] if self.chinese else sums[0] > things[0])
        return money and plain and not told and beside and bool(frame.things.names or frame.idle)

    def _mixed(self, frame: Frame) -> Rule:
        """A list of both "and" and "or": either may bind first."""
        strong, joined = self.pick(("list", str(frame.things.names)), [("AND", _any), ("OR", _all)])
        groups = [[frame.things.names[0]]]
        for join, names in zip(frame.things.joins, frame.things.names[1:], strict=True):
            groups[-1].append(names) if join == strong else groups.append([names])
        how = "all" if strong == "AND" else "any"
        rule = joined([self._acts(replace(frame, things=Things(tuple(one), how), neg=None)) for one in groups])
        return rule if frame.neg is None else {"not": rule}

    def _note(self, frame: Frame, rule: Rule) -> None:
        said = _span(self.plain, frame.tokens)
        notes = "; ".join(note for token in frame.tokens for note in token.notes)
        try:
            means = words.rule(_CHECKED.validate_python(rule))
        except ValidationError as error:
            raise NotSaidError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        self.parts.append(Part(said, f"{means} ({notes})" if notes else means))

    def _logic(self, frames: list[Frame]) -> Rule | None:
        if not frames:
            return None
        rules: list[tuple[str, bool, Rule, Frame]] = []
        for frame in frames:
            if frame.link == "EXCEPT" and "not_things" in frame.slots:
                rules = self._without(rules, frame, frames)
                continue
            rule = self._rule(frame)
            if frame.link == "EXCEPT":
                rule = rule.get("not", {"not": rule})
            rules.append((frame.link, frame.comma, rule, frame))
        rules = self._ranked(rules)
        if not rules:
            raise NotSaidError("expected what it is left out of")
        return self._joined(rules)

    def _without(self, rules: list, frame: Frame, frames: list[Frame]) -> list:
        """Things left out of what was done: of the clause before, else of the one after."""
        if rules and rules[-1][3].neg is not None:
            raise NotSaidError("expected what alone it was; say: only bought X")
        if rules and rules[-1][3].events and not rules[-1][3].things.names and "did" in rules[-1][2]:
            link, comma, rule, before = rules[-1]
            things = self._chosen(frame)
            narrowed = dict(rule.get("where", {})) | {k: {"not": v} for k, v in things.items()}
            changed = rule | {"where": narrowed}
            self._note(frame, changed)
            return [*rules[:-1], (link, comma, changed, before)]
        near = rules[-1][3] if rules else next((f for f in frames if f.events), None)
        if near is None:
            raise NotSaidError("expected what was done with everything else")
        gone = replace(frame, events=near.events, windows=list(near.windows), slots={}, neg=None)
        rule = {"not": self._acts(gone)}
        self._note(gone, rule)
        return [*rules, ("AND", False, rule, frame)]

    def _ranked(self, rules: list) -> list:
        """`among` into the top that it stands beside."""
        place = next((k for k, (_, _, rule, _) in enumerate(rules) if "top" in rule), None)
        if place is None:
            return rules
        link, comma, top, frame = rules[place]
        among = [k for k, (how, _, _, _) in enumerate(rules) if how == "AMONG" and k != place]
        if place and rules[place][0] == "AMONGST":
            among += list(range(place))
            link = "START"
        if not among:
            return rules
        inner = self._joined([rules[k] for k in sorted(among)])
        kept = [one for k, one in enumerate(rules) if k not in among and k != place]
        return [(link, comma, top | {"among": inner}, frame), *kept]

    def _joined(self, rules: list) -> Rule:
        """Clauses by their links. Without "or" all hold; with "or" alone any; of both, what stands closest."""
        links = [link for link, *_ in rules[1:]]
        only = [rule for _, _, rule, _ in rules]
        if "OR" not in links:
            return _all(only)
        if all(link == "OR" for link in links):
            return _any(only)
        for strong in ("BUT", "EXCEPT"):
            if strong in links:
                place = links.index(strong) + 1
                return _all([self._joined(rules[:place]), self._joined(rules[place:])])
        if "TIGHT" in links:
            return self._tight(rules, links)
        commas = [k for k, (link, comma, _, _) in enumerate(rules) if k and (comma or link == "COMMA")]
        either = next((k for k, one in enumerate(rules) if one[3].either), None)
        if either is not None and either + 1 < len(rules) and links[either] == "OR":
            pair = _any(only[either : either + 2])
            rest = [
                *rules[:either],
                ("AND" if either else "START", False, pair, rules[either][3]),
                *rules[either + 2 :],
            ]
            return self._joined(rest)
        if len(commas) == 1 and links[commas[0] - 1] != "OR":
            return _all([self._joined(rules[: commas[0]]), self._joined(rules[commas[0] :])])
        if len(commas) == 1:
            return _any([self._joined(rules[: commas[0]]), self._joined(rules[commas[0] :])])
        if self.pick("and or", ["and", "or"]) == "and":
            groups: list[list[Rule]] = [[only[0]]]
            for link, rule in zip(links, only[1:], strict=True):
                groups.append([rule]) if link == "OR" else groups[-1].append(rule)
            return _any([_all(group) for group in groups])
        groups = [[only[0]]]
        for link, rule in zip(links, only[1:], strict=True):
            groups[-1].append(rule) if link == "OR" else groups.append([rule])
        return _all([_any(group) for group in groups])

    def _tight(self, rules: list, links: list[str]) -> Rule:
        """A word for people without a link stands over the whole, where it is the only one at an end; else beside its
        own, or over what stands before it as well: two readings.
        """
        heads = [k for k, one in enumerate(rules) if one[3].users and not one[3].acts]
        edge = heads[0] if len(heads) == 1 and heads[0] in (0, len(rules) - 1) else None
        if edge == 0 and links[0] == "TIGHT":
            return _all([rules[0][2], self._joined([("START", *rules[1][1:]), *rules[2:]])])
        if edge == len(rules) - 1 and links[-1] == "TIGHT":
            return _all([self._joined(rules[:-1]), rules[-1][2]])
        place = links.index("TIGHT") + 1
        if place == len(rules) - 1 and "OR" in links[: place - 1] and self.pick("how far", ["near", "far"]) == "far":
            return _all([self._joined(rules[:place]), rules[place][2]])
        link, comma, rule, frame = rules[place - 1]
        pair = (link, comma, _all([rule, rules[place][2]]), frame)
        return self._joined([*rules[: place - 1], pair, *rules[place + 1 :]])


def _plain(said: Any) -> Any:
    """Numbers as YAML writes them."""
    if isinstance(said, dict):
        return {key: _plain(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [_plain(value) for value in said]
    if isinstance(said, Decimal):
        return int(said) if said == int(said) else float(said)
    return said


def _hundredth(number: Any) -> Any:
    return [n / 100 for n in number] if isinstance(number, list) else number / 100


def _holds(n: int, how: str, number: int) -> bool:
    return {"at_least": n >= number, "more_than": n > number, "exactly": n == number, "at_most": n <= number,
            "less_than": n < number}.get(how, False)  # fmt: skip


def _again(frame: Frame) -> bool:
    """Whether "not again" is said, of the same things."""
    return any(re.search(r"再|again", token.said) for token in frame.tokens)


def _all(rules: list[Rule]) -> Rule:
    return _many("all", rules)


def _any(rules: list[Rule]) -> Rule:
    return _many("any", rules)


def _many(key: str, rules: list[Rule]) -> Rule:
    flat: list[Rule] = []
    for rule in rules:
        for one in rule[key] if set(rule) == {key} else [rule]:
            if one not in flat:
                flat.append(one)
    return flat[0] if len(flat) == 1 else {key: flat}


def _ends(value: str, scale: int) -> tuple[float, float] | None:
    """The borders of a group: `25-34`, `65+`, `Under 15K`, `100-124K`."""
    numbers = [float(n) * scale for n in re.findall(r"\d+(?:\.\d+)?", value)]
    if len(numbers) == 2:
        return numbers[0], numbers[1] + (scale - 1 if scale > 1 else 0)
    if len(numbers) == 1:
        if "+" in value or re.search(r"over|above|以上", value, re.I):
            return numbers[0], float("inf")
        if re.search(r"under|below|<|以下", value, re.I):
            return 0.0, numbers[0] - 1
    return None
