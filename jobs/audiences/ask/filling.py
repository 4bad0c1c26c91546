"""What does a token say of its clause?"""

from __future__ import annotations

from collections.abc import Sequence

from jobs.audiences.ask.frames import Things
from jobs.audiences.ask.joining import ACTS, Joining
from jobs.audiences.ask.token import Token

_WITH_EVENT = (
    "Q", "SAME", "MEASURE", "AGAIN", "WITHINSPAN", "EXCLUSIVE", "DISCOUNTED", "FULLPRICE", "HOURLIST", "WEEKDAYLIST",
    "HEAVY", "QUANTITY",
)  # fmt: skip


class Filling(Joining):
    """Puts tokens into their clause; those that find no place are in `stray`."""

    def __init__(self, tokens: Sequence[Token], chinese: bool) -> None:
        super().__init__(tokens, chinese)
        self.stray: list[Token] = []

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
            or self.frame.slots.keys() == {"BAND"}
            or (self.frame.things.names and (self.frame.events or (after and "OBJ" in after[0])))
        ):
            if self.frame.neg is not None and not (self.frame.acts or self.frame.users or "BAND" in self.frame.slots):
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
            self.frame.events, self.frame.anything = (token["NEG+"],), not token.may("ELIDED", "OBJ+")
        if "OBJ+" in token:
            self._add(token["OBJ+"])

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
            if "top" not in rule:  # the biggest, of whom the rank is told before
                frame.slots["among"] = rule
            frame.tokens.append(token)
            return
        beside = frame.tokens and "OBJ" in frame.tokens[-1] and frame.tokens[-1].end == token.start
        if self.chinese and beside and not frame.acts and "count" in rule:
            self.stray.append(token)  # 酸奶老客: of it, or of anything
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
        if frame.slots.keys() == {"BAND"} and not frame.events and not frame.things.names:
            self._close("TIGHT")  # aged 25-44, who bought
            frame = self.frame
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
        comes = any(one.may(*ACTS, "NEG") or (one.may("Q", "TOPN") and frame.things.names) for one in after)
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
        if (frame.users or (self.chinese and frame.slots.keys() == {"BAND"})) and not frame.acts:
            self._close("TIGHT")  # 有孩子的家庭里近30天买过
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
            and any(one.may("NEG", *ACTS) for one in self._ahead(place + 1))
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
            if after[0].kinds.get("EVENT") == "spend" and not after[0].opens:
                return  # with at least 500 spent
            self._close("TIGHT")  # renters under 35 who bought
