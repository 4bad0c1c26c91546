"""Tokens become clauses: which part of its clause is each?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from jobs.audiences.ask.filling import Filling
from jobs.audiences.ask.frames import Things
from jobs.audiences.ask.joining import ACTS
from jobs.audiences.ask.token import Token

# What is kept of a clause as it is said.
# What is kept of a clause as it is said.
_SLOTS = (
    "Q", "QPCT", "QSPAN", "TOPN", "HEAVY", "MOST", "MEASURE", "AGGREGATE", "NETOF", "EACHCAL", "REGULAR", "OFTEN",
    "STOPPED", "FORMERLY", "NOWADAYS", "FIRSTBUY", "FIRST", "LASTBUY", "LASTONE", "BACK", "BREAKSPAN", "BREAK",
    "OVERDUE", "EVERY", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST", "PRICE", "QUANTITY", "SHARE", "COMPARED",
    "THAN", "PRIORSPAN", "SAME", "NARROW", "WITHINSPAN", "SPAN", "BAND", "ELSE", "PCT", "COLUMN", "NUM", "CMP", "AGAIN",
    "PERMONTH",
)  # fmt: skip
_GLUE = {
    "RANK", "BELONG", "WAS", "INBETWEEN", "EITHER", "AMONGEND", "REST", "BEFOREHAND", "SOMETHING", "ONWARDS", "AGO",
    "AGE", "TO", "FIELD", "ABOUT", "ANY", "BYAMOUNT", "BOTH", "HABIT", "ANYOF",
}  # fmt: skip
_IDLE_UNITS = ("product", "products", "item", "items", "pack", "bottle", "piece", "unit", "units", "种", "款", "件")


class Clauses(Filling):
    """The clauses of the tokens of a sentence; tokens that found no place are in `stray`."""

    def __init__(self, tokens: Sequence[Token], chinese: bool) -> None:
        super().__init__(tokens, chinese)
        self.unsure: list[Token] = []  # names in part, which may be of something else
        self._grouped = False  # a "not" before brackets
        self._first_steps()
        for place, token in enumerate(self.tokens):
            self._take(place, token)
        self._close("END")
        if self._grouped:
            self.stray += [token for token in self.tokens if "NEG" in token][:1]

    def _first_steps(self) -> None:
        """Take out "first" where it says which of two steps comes first."""
        then = max((place for place, token in enumerate(self.tokens) if "THEN" in token), default=-1)
        kept = []
        for place, token in enumerate(self.tokens):
            bought = "FIRSTBUY" in token and token.said in ("first bought", "first purchased", "first ordered")
            alone = token.said in ("first", "the first") and "FIRST" in token and "EVENT" not in token
            first = place < then and (bought or alone)
            self._ordered |= first
            if first and bought:
                kept.append(replace(token, kinds={"EVENT": "purchase"}))
            elif not first:
                kept.append(token)
        self.tokens = kept

    def _take(self, place: int, token: Token) -> None:
        frame = self.frame
        if "UNSURE" in token and len(token["OBJ"]) == 1 and frame.events != ("search",):
            self.unsure.append(token)
        if self._links(token):
            if "THEN" in token and token.said.isascii() and place == len(self.tokens) - 1:
                self.stray.append(token)  # later than what?
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
            those = next(one.windows for one in reversed(self.frames) if one.windows)
            frame.windows = [{k: v for k, v in one.items() if k not in ("each", "at_least_in")} for one in those]
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
            self._event(replace(token, kinds={"EVENT": "purchase"}) if frame.things.names else token)
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
            ahead = self._ahead(place + 1)
            nearby = frame.things.names or frame.slots or (ahead and ("OBJ" in ahead[0] or self._of_days(ahead)))
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

    def _of_days(self, ahead: list[Token]) -> bool:
        """Whether only days are told of buyers: buyers of the last 30 days."""
        return ahead[0].may("WINDOW", "RECENTLY") and not any(one.may("OBJ", *ACTS) for one in ahead)

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
            after = self._ahead(self.tokens.index(token) + 1)
            if not self.frame.things.names:
                self.frame.slots["WAS"] = True
            elif after and "OBJ" in after[0]:  # the last purchase of wine was imported wine
                self.frame.slots |= {"WAS": True, "OF": self.frame.things.names}
                self.frame.things = Things()
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
