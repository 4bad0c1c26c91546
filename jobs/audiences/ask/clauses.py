"""Tokens become clauses: which of them belong together, and how each clause is joined to the one before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from jobs.audiences.ask.frames import Frame, Things
from jobs.audiences.ask.tokens import Token

LINKS = ("BUT", "AND", "OR", "COMMA", "EXCEPT", "AMONG", "THEN", "AFTER")
# What is kept of a clause as it is said.
_SLOTS = (
    "Q", "QPCT", "QSPAN", "TOPN", "HEAVY", "MOST", "MEASURE", "AGGREGATE", "NETOF", "EACHCAL", "REGULAR", "OFTEN",
    "STOPPED", "FORMERLY", "NOWADAYS", "FIRSTBUY", "FIRST", "LASTBUY", "LASTONE", "BACK", "BREAKSPAN", "BREAK",
    "OVERDUE", "EVERY", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "PRICE", "SHARE", "COMPARED", "THAN",
    "PRIORSPAN", "SAME", "NARROW", "WITHINSPAN", "SPAN", "BAND", "ELSE", "PCT", "COLUMN", "NUM", "CMP", "AGAIN",
    "PERMONTH",
)  # fmt: skip
_GLUE = {
    "RANK", "BELONG", "WAS", "INBETWEEN", "EITHER", "AMONGEND", "REST", "BEFOREHAND", "SOMETHING", "ONWARDS", "AGO",
    "AGE", "TO", "FIELD", "ABOUT", "ANY", "BYAMOUNT", "BOTH", "HABIT", "ANYOF",
}  # fmt: skip
_WITH_EVENT = (
    "Q", "SAME", "MEASURE", "AGAIN", "WITHINSPAN", "EXCLUSIVE", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST",
)  # fmt: skip
_NARROWING = ("HOURLIST", "WEEKDAYLIST", "DISCOUNTED", "FULLPRICE", "NARROW")
_IDLE_UNITS = ("product", "products", "item", "items", "种", "款", "件")
_ACTS = ("EVENT", "ORDERS", "BUYERS", "FIRSTBUY", "LASTBUY", "BACK")


class Clauses:
    """The clauses of the tokens of a sentence; tokens that found no place are in `stray`."""

    def __init__(self, tokens: Sequence[Token], chinese: bool) -> None:
        then = max((place for place, token in enumerate(tokens) if "THEN" in token), default=-1)
        steps = [place < then and "FIRST" in token and "EVENT" not in token for place, token in enumerate(tokens)]
        self.tokens = [token for token, step in zip(tokens, steps, strict=True) if not step]
        for place, token in enumerate(tokens[: then + 1]):
            if "FIRSTBUY" in token and token.said in ("first bought", "first purchased", "first ordered"):
                bought = replace(token, kinds={"EVENT": "purchase"})
                self.tokens = [bought if one is token else one for one in self.tokens]
                steps[place] = True
        self.chinese = chinese
        self.frames: list[Frame] = []
        self.stray: list[Token] = []
        self.unsure: list[Token] = []  # names in part, which may be of something else
        self.frame = Frame(link="START")
        self._join: str | None = None  # how the next object is joined to the one before
        self._ordered = any(steps)  # "first A, ..." was said: what comes next comes later
        self._grouped = False  # a "not" before brackets
        for place, token in enumerate(self.tokens):
            self._take(place, token)
        self._close("END")
        if self._grouped:
            self.stray += [token for token in self.tokens if "NEG" in token][:1]

    def _close(self, link: str, comma: bool = False) -> None:
        if self.frame.empty and self.frame.neg is None:
            if link == "AMONG" and self.frame.link == "START":
                self.frame.link = link
            if self.frame.link == "AMONGST":
                return
            if link != "END" and self.frame.link not in ("START", "EXCEPT"):
                self.frame.comma |= comma or self.frame.link == "COMMA"
                if link not in ("TIGHT", "COMMA"):
                    self.frame.link = link
            elif link == "EXCEPT" or (link in ("THEN",) and self.frame.link == "EXCEPT"):
                self.frame.link = link
            return
        self.frames.append(self.frame)
        self.frame = Frame(link=link, comma=comma)
        self._join = None

    def _ahead(self, place: int) -> list[Token]:
        """The tokens from a place to the next link."""
        found = []
        for token in self.tokens[place:]:
            if self._links(token):
                break
            found.append(token)
        return found

    def _links(self, token: Token) -> bool:
        return token.may(*LINKS) and not token.may("EVENT", "OBJ", "COMPARED", "WINDOW")

    def _take(self, place: int, token: Token) -> None:
        frame = self.frame
        if "UNSURE" in token and len(token["OBJ"]) == 1 and frame.events != ("search",):
            self.unsure.append(token)
        if self._links(token):
            self._link(place, token)
        elif "NEG" in token:
            self._negate(place, token)
        elif "NOT BOTH" in token and frame.empty and self.frames and len(self.frames[-1].things.names) == 2:
            self.frames[-1].slots["one"] = True
        elif "OPEN" in token:
            within = self.tokens[place:]
            self._grouped |= place > 0 and "NEG" in self.tokens[place - 1] and any("AND" in one for one in within)
        elif (
            "LABEL" in token
            and not self.frames
            and frame.empty
            and frame.link == "START"
            and "COMMA" in (*self.tokens, token)[place + 1]
        ):
            pass  # what the list is called
        elif "SAMEPERIOD" in token and any(one.windows for one in self.frames) and not frame.windows:
            frame.windows = list(next(one.windows for one in reversed(self.frames) if one.windows))
        elif (
            "BACK" in token
            and token.said[0] in "又再"
            and (
                self._ordered
                or frame.link == "THEN"
                or "WITHINSPAN" in frame.slots
                or (token.said[0] == "又" and "BREAKSPAN" not in frame.slots and "回" not in token.said)
            )
        ):
            self._event(token)
        elif "MEASURE" in token and "MEASURE" not in frame.slots and ("TOPN" in frame.slots or self._ranks(place)):
            self._slot(place, "MEASURE", token)
        elif token.may("USER", "PEOPLE") or (
            "IS" in token and not ("OBJ" in token and frame.events and not frame.things.names)
        ):
            self._user(place, token)
        elif "EVENT" in token:
            self._event(token)
        elif token.may("WINDOW", "RECENTLY"):
            self._window(place, token)
        elif "BUYERS" in token:
            nearby = (
                frame.things.names or frame.slots or (self._ahead(place + 1) and "OBJ" in self._ahead(place + 1)[0])
            )
            if not frame.events and nearby:
                if "TOPN" in frame.slots and frame.things.names and token["BUYERS"] != "spend":
                    frame.slots["of_buyers"] = True
                self._event(token)
        elif "OBJ" in token or "QUOTED" in token:
            self._object(token)
        elif "ORDERS" in token:
            if "THAN" in frame.slots:
                self.stray.append(token)  # more of something than of these
            elif frame.slots.keys() & {"SHARE", "QPCT", "TOPN", "COMPARED"}:
                frame.slots.setdefault("unit", "orders")
            elif not frame.events and not frame.slots.keys() & {"FIRSTBUY", "LASTBUY"}:
                self._event(token)
        elif "UNIT" in token and token.said in _IDLE_UNITS:
            frame.idle = True
        elif "NUM" in token and token.said == "one" and frame.bare:
            frame.slots["SAME"] = "any"  # bought one
        elif "ANY" in token and frame.bare and not any("OBJ" in one for one in self._ahead(place + 1)):
            frame.slots["SAME"] = "any"
        elif (
            "ONLY" in token
            and place
            and self.tokens[place - 1].may("FULLPRICE", "DISCOUNTED", "HOURLIST", "WEEKDAYLIST")
        ):
            frame.slots["EXCLUSIVE"] = True
        elif "ONLY" in token and next(
            (
                "WINDOW" in one and one["WINDOW"] != {"ever": True}
                for one in self.tokens[place + 1 :]
                if "NOISE" not in one
            ),
            False,
        ):
            self.stray.append(token)  # only in those days
        elif "ONLY" in token:
            frame.slots["EXCLUSIVE"] = True
            frame.tokens.append(token)
        elif "EACH" in token and token.said in ("each", "apiece") and frame.slots.keys() & {"Q", "NUM"}:
            frame.slots["each"] = True
        elif "ELSE" in token and self._everyone_else(place):
            pass
        elif (
            "FUTURESPAN" in token
            and any(one.events for one in self.frames[-1:])
            and (frame.neg is not None or frame.events or frame.empty)
        ):
            span = (token["FUTURESPAN"], "day")
            self._slot(place, "WITHINSPAN", replace(token, kinds={"WITHINSPAN": span, "APART": ""}))
        elif kind := next((kind for kind in _SLOTS if kind in token), None):
            self._slot(place, kind, token)
        elif "UNKNOWN" in token and frame.events == ("search",):
            self._query(token)
        elif "SINCE" in token and frame.neg is not None and self.frames and not self._ahead(place + 1):
            frame.link = "THEN"  # but not since
            frame.events, frame.things = frame.events or self.frames[-1].events, self.frames[-1].things
        elif token.said in ("before", "prior to") and self._comes_first(place):
            self._close("THEN")  # bought A before buying B
        elif token.said in ("之前", "以前") and frame.things.names and self._comes_first(place):
            self._close("AFTER")  # 买A之前买过B
        elif (
            token.said in ("之前", "以前") and frame.things.names and any("NEG" in t for t in self._ahead(place + 1))
        ) or (token.said == "before" and any("WINDOW" in one for one in self.tokens[place + 1 : place + 2])):
            self.stray.append(token)
        elif "PRIOR" in token:
            frame.slots["PRIOR"] = True
            frame.tokens.append(token)
        elif token.said == "开始":
            self.stray.append(token)  # began to: the first time, not any
        elif "WAS" in token or token.kinds.keys() & _GLUE:
            self._glue(token)
        elif "NOISE" not in token:
            self.stray.append(token)

    def _ranks(self, place: int) -> bool:
        """Whether a word for a measure stands behind "ranked by"."""
        return place > 0 and "RANK" in self.tokens[place - 1] and any("TOPN" in token for token in self.tokens[place:])

    def _comes_first(self, place: int) -> bool:
        """Whether "before" stands between two things that were done."""
        after = self._ahead(place + 1)
        return bool(self.frame.events and self.frame.neg is None and after and after[0].may("EVENT", "OBJ", "ADD"))

    def _everyone_else(self, place: int) -> bool:
        links = (self.frame.link, *(one.link for one in self.frames[-1:]))
        return "EXCEPT" in links and not self._ahead(place + 1)

    def _glue(self, token: Token) -> None:
        if "WAS" in token and self.frame.slots.keys() & {"FIRSTBUY", "FIRST", "LASTBUY", "LASTONE"}:
            self.frame.slots["WAS"] = True
        if "AMONGEND" in token and len(self.frame.things.names) > 1:
            self.frame.slots["listed"] = True  # so many of these
        if "ANYOF" in token:
            self.frame.any_of = True
        if "EITHER" in token:
            self.frame.either = True
        if "BEFOREHAND" in token:
            self._ordered = True
        if "AMONGEND" in token and re.search("买家|购买|消费者", token.said) and not self.frame.events:
            self.frame.events = ("purchase",)
            self.frame.tokens.append(token)
        if "AMONGEND" in token and any("TOPN" in later for later in self.tokens):
            if self.frame.empty and self.frames:
                self.frame.link = "AMONGST"
            self._close("AMONGST")
        if "REST" in token and self.frame.link == "EXCEPT":
            self._close("TIGHT")

    def _link(self, place: int, token: Token) -> None:
        frame = self.frame
        link = next(link for link in LINKS if link in token)
        after = self._ahead(place + 1)
        if link == "COMMA" and after and self._goes_on(after):
            return
        if link in ("AND", "OR", "COMMA") and after:
            first = after[0]
            plain = "OBJ" in first and not any(one.may("USER", "PEOPLE") for one in after)
            listed = frame.things.names and frame.tokens and "OBJ" in frame.tokens[-1]
            counted = "Q" in frame.slots and any(one.may("Q", "NUM") for one in after)  # milk twice, beer once
            if plain and listed and not counted and not (frame.events and any(one.may(*_ACTS) for one in after)):
                self._join = link
                return
            if "QUERY" in frame.slots and link == "OR" and "QUOTED" in first:
                self._join = link
                return
            if link == "COMMA" and (
                "NETOF" in first or ("COMPARED" in frame.slots and any("THAN" in one for one in after))
            ):
                return
            united = first.may("EVENT") and frame.bare and not frame.spend and not any(one.may("NEG") for one in after)
            mixed = len(after) == 1 and place + 2 < len(self.tokens) and "AND" in self.tokens[place + 2]
            alone = not any(one.may("Q", "WINDOW", "SPAN") for one in after)
            if united and link == "AND" and frame.neg is not None and alone:
                self._join = "EVENT"
                frame.slots["both"] = True
                return
            if united and mixed:
                united = False
            if united and link == "OR" and "spend" not in (first["EVENT"],):
                self._join = "EVENT"
                return
            if united and link == "COMMA" and len(after) == 1:
                self._join = "EVENT"
                return
        if link == "BUT" and frame.windows and not (frame.acts or frame.users or frame.things.names):
            return
        topic = (
            not frame.events
            and frame.neg is None
            and frame.things.names
            and after
            and not any("OBJ" in one for one in after)
        )
        if link == "COMMA" and topic:
            return
        if "BREAKSPAN" in frame.slots and not frame.windows and any(one.may("BACK") for one in after):
            return
        bought = frame.events and frame.things.names and after and "OBJ" in after[0]  # coffee after milk
        if link == "AFTER" and (not after or not (bought or any(one.may("EVENT", "BUYERS") for one in after))):
            return
        if link == "THEN":
            if any("BACK" in one for one in after) and "BREAKSPAN" in frame.slots:
                return
            if not frame.events and not frame.empty and not (frame.link == "THEN" and frame.things.names):
                return
            if frame.empty and frame.link == "START":
                return
        if self._ordered and link in ("AND", "COMMA", "BUT"):
            link, self._ordered = "THEN", False
        self._close(link, comma=link == "COMMA")

    def _goes_on(self, after: list[Token]) -> bool:
        """Whether what follows a comma belongs to what stands before it: a window, a count, a measure alone."""
        frame = self.frame
        if frame.link == "AFTER" and all("APART" in one for one in after):
            return True
        if (
            "WITHINSPAN" in frame.slots
            and frame.slots.keys() <= {"WITHINSPAN", "APART"}
            and not (frame.acts or frame.things.names)
        ):
            return True
        if not (frame.acts or "COLUMN" in frame.slots):
            return False
        if all(one.may("WINDOW", "RECENTLY") for one in after) and not frame.windows and not self.frames:
            frame.terse = True
            return True
        if all("WHOLE" in one for one in after):
            return True
        if all(one.may(*_NARROWING) for one in after):
            return not frame.users and not any(one.kinds.keys() & frame.slots.keys() for one in after)
        if all(one.may("TOPN") for one in after):
            return "MEASURE" in frame.slots and "TOPN" not in frame.slots
        if all(one.may("MEASURE", "RANK", "BYAMOUNT") for one in after):
            return bool(frame.slots.keys() & {"COMPARED", "TOPN"}) and "MEASURE" not in frame.slots
        counted = "Q" in after[0] and (len(after) == 1 or (len(after) == 2 and "ORDERS" in after[1]))
        return frame.terse and counted and "Q" not in frame.slots

    def _negate(self, place: int, token: Token) -> None:
        after = self._ahead(place + 1)
        if self.frame.bare and self.frame.neg is None and token.said.split()[0] in ("no", "nothing", "none", "neither"):
            self.frame.neg = token["NEG"]
            if token.said.startswith(("neither", "none")) and not any("OBJ" in one for one in self._ahead(place + 1)):
                self.frame.slots["SAME"] = "any"
            return
        without = token.said in ("without", "w/o") and after and after[0].may("DISCOUNTED")
        if without and self.frame.events and self.frame.neg is None:
            self.frame.slots["FULLPRICE"] = True
            return
        if (
            self.frame.acts
            or self.frame.neg is not None
            or self.frame.users
            or (self.frame.things.names and self.frame.events)
        ):
            if self.frame.neg is not None and not self.frame.acts and not self.frame.users:
                self.stray.append(token)  # not not
                return
            self._close("THEN" if self._ordered else "TIGHT")
        if after and after[0].may("DISCOUNTED") and self.frame.events:
            self.frame.slots["FULLPRICE"] = True
            return
        self.frame.neg = token["NEG"]
        self.frame.anything = token.said.split()[0] == "nothing" or token.said[0] in "什啥"
        self.frame.tokens.append(token)
        if "NEG+" in token:
            self.frame.events, self.frame.anything = (token["NEG+"],), "ELIDED" not in token

    def _user(self, place: int, token: Token) -> None:
        frame = self.frame
        if "USER" in token:
            rule = token["USER"]
        elif "PEOPLE" in token:
            rule = token["PEOPLE"]
        else:
            found = token["IS"]
            if "AUDIENCE" in token:
                found = (*found, None)
            rule = (
                {"is": found[0]}
                if len(found) == 1
                else {"PICK": [{"is": one} if one else {"audience": token["AUDIENCE"]} for one in found]}
            )
        if "TOPN" in frame.slots and frame.tokens and "TOPN" in frame.tokens[-1]:
            frame.slots["among"] = rule
            frame.tokens.append(token)
            return
        if frame.acts or frame.windows or frame.things.names or frame.slots:
            self._close("TIGHT")
            frame = self.frame
        if frame.users:
            self._close("TIGHT")
            frame = self.frame
        frame.users.append(rule)
        frame.tokens.append(token)
        after = self._ahead(place + 1)
        if after and not after[0].may("USER", "PEOPLE", "IS"):
            self._close("TIGHT")

    def _event(self, token: Token) -> None:
        frame = self.frame
        said = token.kinds.get("EVENT") or token.kinds.get("BUYERS", "purchase")
        kind = "purchase" if said == "spend" else said
        if frame.slots.pop("implied", None) and kind == "purchase":
            frame.spend = said == "spend"
            frame.tokens.append(token)
            return
        if self._join == "EVENT":
            self._join = None
            frame.events = tuple(dict.fromkeys((*frame.events, kind)))
            frame.tokens.append(token)
            return
        if frame.events and not self.chinese and frame.tokens and "WITHINSPAN" in frame.tokens[-1]:
            self._close("AFTER")  # within a week of the other
            frame = self.frame
        if frame.events == (kind,) == ("favourite",):
            return
        if (
            frame.events == ("purchase",)
            and frame.things.names
            and token.said[0] == "花"
            and not frame.slots.keys() & {"Q"}
        ):
            frame.spend = True  # bought it and paid so much for it
            frame.tokens.append(token)
            return
        if frame.events and not (frame.events == (kind,) and "EVENT" not in token):
            if (
                frame.events == ("purchase",)
                and kind == "purchase"
                and (said == "spend" or (frame.tokens and frame.tokens[-1].may("EVENT", "FIRST", "LASTONE")))
                and not frame.spend
                and frame.bare
            ):
                frame.spend = said == "spend"
                return
            self._close("THEN" if self._ordered else "TIGHT")
            self._ordered = False
            frame = self.frame
        frame.events = (kind,)
        frame.spend = said == "spend"
        frame.tokens.append(token)
        if "OBJ+" in token:
            self._add(token["OBJ+"])
        if "WINDOW+" in token:
            frame.windows.append(token["WINDOW+"])
        for slot in _WITH_EVENT:
            if f"{slot}+" in token:
                frame.slots[slot] = token[f"{slot}+"]

    def _add(self, names: tuple) -> None:
        frame = self.frame
        if "THAN" in frame.slots and frame.things.names and len(names) == 1:
            before = frame.slots.get("TO", {})
            frame.slots["TO"] = {key: [*before.get(key, []), *value] for key, value in names[0].items()}
            return
        how = {"OR": "any", "AND": "all"}.get(self._join or "", frame.things.how)
        if frame.things.names and self._join is None:
            before = frame.things.names[-1]
            if before == names:
                return
            if len(before) == len(names) == 1 and not before[0].keys() & names[0].keys():
                both = ({**before[0], **names[0]},)
                frame.things = Things((*frame.things.names[:-1], both), how, frame.things.joins)
                return
            beside = [token for token in frame.tokens if "OBJ" in token][-2:]
            if not (self.chinese and len(beside) == 2 and beside[0].end == beside[1].start):
                self.stray.append(frame.tokens[-1])
                return
            self._join = "COMMA"  # 牛奶鸡蛋
        joins = (*frame.things.joins, self._join) if frame.things.names else ()
        self._join = None
        frame.things = Things((*frame.things.names, names), how, joins)

    def _object(self, token: Token) -> None:
        frame = self.frame
        if frame.events == ("search",):
            self._query(token)
            return
        if "OBJ" not in token:
            self.stray.append(token)
            return
        frame.tokens.append(token)
        if frame.borrowed:
            frame.things, frame.borrowed = Things(), False
        self._add(token["OBJ"])

    def _query(self, token: Token) -> None:
        text = token.kinds.get("QUOTED", token.said)
        known = self.frame.slots.get("QUERY")
        if self._join:
            text, self._join = [*([known] if isinstance(known, str) else known), text], None
        elif known:
            text = f"{known} {text}"
        self.frame.slots["QUERY"] = text
        self.frame.tokens.append(token)

    def _window(self, place: int, token: Token) -> None:
        frame = self.frame
        if "EVERSUM" in token and frame.link != "BUT" and any(one.first for one in self.frames):
            return  # of the days at the head
        after = self._ahead(place + 1)
        comes = any(one.may(*_ACTS, "NEG") or (one.may("Q", "TOPN") and frame.things.names) for one in after)
        if (
            self.chinese
            and frame.acts
            and comes
            and "BACK" not in frame.slots
            and "THAN" not in frame.slots
            and not any(one.may("COMPARED") for one in after)
        ):
            self._close("THEN" if self._ordered else "TIGHT")
            frame = self.frame
        if frame.users and not frame.acts:
            self._close("TIGHT")
            frame = self.frame
        frame.first |= not self.frames and not frame.tokens
        frame.windows.append(token["WINDOW"] if "WINDOW" in token else token["RECENTLY"])
        if "Q+" in token:
            frame.slots["Q"] = token["Q+"]
        frame.tokens.append(token)

    def _slot(self, place: int, kind: str, token: Token) -> None:
        frame = self.frame
        if frame.users and not frame.acts:
            self._close("TIGHT")
            frame = self.frame
        if (
            kind in ("SPAN", "WITHINSPAN")
            and self.chinese
            and frame.acts
            and any(one.may("NEG", *_ACTS) for one in self._ahead(place + 1))
            and "BACK" not in frame.slots
        ):
            self._close("THEN" if self._ordered or kind == "WITHINSPAN" else "TIGHT")
            frame = self.frame
        if kind == "STOPPED" and frame.events and any("EVENT" in one for one in self._ahead(place + 1)):
            self._close("TIGHT")
            frame = self.frame
        if kind == "Q" and frame.slots.get("Q", ("",))[0] == "bare" and frame.tokens and "Q" in frame.tokens[0]:
            self.stray.append(frame.tokens[0])  # households of 4 that spent 500
        if (kind == "Q" and "Q" in frame.slots) or (kind in ("FIRSTBUY", "LASTBUY") and frame.acts):
            before = frame
            self._close("TIGHT")
            frame = self.frame
            if kind == "Q":
                frame.events, frame.things, frame.windows = before.events, before.things, list(before.windows)
                frame.spend, frame.borrowed = before.spend, True
        if kind == "BACK" and kind in frame.slots:
            return
        if kind == "BAND" and kind in frame.slots:
            self._close("TIGHT")
            frame = self.frame
        if kind in frame.slots and kind not in ("PCT", "QPCT"):
            self.stray.append(token)
            return
        frame.slots[kind] = token[kind]
        if "WINDOW+" in token:
            frame.windows.append(token["WINDOW+"])
        for also in (
            "COLUMN",
            "EACHCAL",
            "NUM",
            "PCT",
            "QPCT",
            "MEASURE",
            "COMPARED",
            "THAN",
            "CMP",
            "PRIORSPAN",
            "PRIOR",
            "unit",
            "APART",
            "WHOLE",
            "TO",
        ):
            if also in token and also not in frame.slots:
                frame.slots[also] = token[also]
        if kind == "BREAKSPAN":
            frame.slots["BACK"] = True
        if kind in ("FIRSTBUY", "LASTBUY", "BACK", "OVERDUE", "BREAKSPAN", "EVERY") and not frame.events:
            frame.events = ("purchase",)
            frame.slots["implied"] = True
        aged = kind == "Q" and token["Q"][0] == "bare" and self.frames and self.frames[-1].users and not self.chinese
        frame.tokens.append(token)
        after = self._ahead(place + 1)
        if aged and frame.slots.keys() == {"Q"} and not frame.events and after and after[0].may("EVENT", "NEG"):
            self._close("TIGHT")  # renters under 35 who bought
