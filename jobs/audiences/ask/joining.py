"""Where does a clause end, and how is the next one joined to it?"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.audiences.ask.frames import Frame
from jobs.audiences.ask.token import Token

LINKS = ("BUT", "AND", "OR", "COMMA", "EXCEPT", "AMONG", "THEN", "AFTER")
# What says that something was done.
ACTS = ("EVENT", "ORDERS", "BUYERS", "FIRSTBUY", "LASTBUY", "BACK")
_NARROWING = ("HOURLIST", "WEEKDAYLIST", "DISCOUNTED", "FULLPRICE", "NARROW")


class Joining:
    """The clauses that are complete, and the one that is being filled."""

    def __init__(self, tokens: Sequence[Token], chinese: bool) -> None:
        self.tokens, self.chinese = list(tokens), chinese
        self.frames: list[Frame] = []
        self.frame = Frame(link="START")
        self._join: str | None = None  # how the next object is joined to the one before
        self._ordered = False  # "first A, ..." was said: what comes next comes later

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
            if plain and listed and not counted and not (frame.events and any(one.may(*ACTS) for one in after)):
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
        bought = frame.things.names and after and "OBJ" in after[0]  # coffee after milk
        if link == "AFTER" and (not after or not (bought or any(one.may("EVENT", "BUYERS") for one in after))):
            return
        if link == "THEN":
            if any("BACK" in one for one in after) and "BREAKSPAN" in frame.slots:
                return
            if not frame.events and not frame.empty and not (frame.things.names and (frame.link == "THEN" or bought)):
                return
            if frame.empty and frame.link == "START":
                return
        if self._ordered and link in ("AND", "COMMA", "BUT"):
            link, self._ordered = "THEN", False
        self._close(link, comma=link == "COMMA")
        self.frame.added = token.kinds.get("AND") == "added"

    def _goes_on(self, after: list[Token]) -> bool:
        """Whether what follows a comma belongs to what stands before it: a window, a count, a measure alone."""
        frame = self.frame
        if frame.link in ("AFTER", "THEN") and frame.acts and all("APART" in one for one in after):
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
