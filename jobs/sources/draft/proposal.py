"""Which column fills which of our fields, how sure that is, and what the feed must say besides."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from jobs.errors import DataError
from jobs.sources import called, marks, patterns
from jobs.sources.draft import hunches, words
from jobs.sources.draft.looks import Look, Number, Time, look
from jobs.sources.draft.sample import Columns, Sample
from jobs.sources.mapping import EVENT_FIELDS


@dataclass
class Proposal:
    """`fields`, `products`, `users`: our field to what the mapping says of it; `notes`: what was seen, by our field or
    the feed's key; `doubts`: what is not sure, by the same. `unread`: what stands in a column that is called as a field
    of ours is and cannot be read as one. `codes`: codes of event_type that we do not know, and how
    many records have them. `pii`: personal columns and what is done with them.
    """

    looks: dict[str, Look]
    fields: dict[str, dict] = field(default_factory=dict)
    products: dict[str, dict] = field(default_factory=dict)
    users: dict[str, dict] = field(default_factory=dict)
    id: list[str] = field(default_factory=list)
    may_be_empty: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    lower: list[str] = field(default_factory=list)
    where: dict[str, list[str]] = field(default_factory=dict)
    ignore: dict[str, list[str]] = field(default_factory=dict)
    null: dict[str, list[str]] = field(default_factory=dict)
    pii: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    opened: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> set[str]:
        return {column for spec in self.fields.values() for column in _columns(spec)}

    @property
    def left(self) -> list[str]:
        """Columns that no feed names."""
        others = {c for spec in (*self.products.values(), *self.users.values()) for c in _columns(spec)}
        return [name for name in self.looks if name not in self.taken | others | set(self.id) | set(self.pii)]

    @property
    def user(self) -> str:
        return self.fields["user_id"]["column"]


def _columns(spec: dict) -> list[str]:
    column = spec.get("column")
    return column if isinstance(column, list) else [column] if column else []


def propose(sample: Sample) -> Proposal:
    """The proposal for a file of events; DataError where none of its columns may be a time or a user."""
    made = Proposal({name: _no_id(look(name, values)) for name, values in sample.columns.items()})
    made.zone = _zone(sample.columns)
    _time(made)
    _user(made)
    _product(made)
    _type(made)
    _void(made)
    _quantity(made)
    _text(made, "session_id")
    for name in ("price", "amount", "discount"):
        _money(made, name, sample)
    for name in ("query", "user_agent"):
        _text(made, name)
    _personal(made)
    _dimensions(made)
    _identity(made, sample)
    _nothing(made, sample)
    made.fields = {name: made.fields[name] for name in EVENT_FIELDS if name in made.fields}
    made.lower = [made.user] if made.looks[made.user].kind == "mail" else []
    made.whole = sorted(
        name for name in made.taken | set(made.id) if made.looks[name].has_fraction_zero and _is_id(made, name)
    )
    return made


_IDS = (*words.FIELDS["user_id"], *words.FIELDS["product_id"], *words.FIELDS["session_id"], *words.EVENT_IDS)


def _no_id(seen: Look) -> Look:
    """What is called an id is no time, though its digits may be those of one."""
    if seen.time and seen.time.format in patterns.EPOCHS and words.is_one(seen.name, _IDS):
        return replace(seen, time=None, number=Number(is_whole=True))
    return seen


def _is_id(made: Proposal, column: str) -> bool:
    return any(column in _columns(made.fields.get(name, {})) for name in ("user_id", "product_id", "session_id"))


# By the letters of a text, the first that some have.
_ZONES = {"[\u3040-\u30ff円]": "Asia/Tokyo", "[\uac00-\ud7a3]": "Asia/Seoul", "[\u4e00-\u9fff]": "Asia/Shanghai"}


def _zone(columns: Columns) -> str:
    texts = " ".join([*columns, *(value for values in columns.values() for value in values[:500] if value)])
    return next((zone for letters, zone in _ZONES.items() if re.search(letters, texts)), "UTC")


def _named(made: Proposal, known: tuple[str, ...], fits: Iterable[str]) -> list[str]:
    """The columns among `fits` that are called as one of the known words, the likeliest first; one that is called
    exactly as something else is none of them: `discount` has `count` in it.
    """
    ranks = {name: words.rank(name, known) for name in fits if name not in made.taken}
    ranks = {name: found for name, found in ranks.items() if found is not None}
    meant = {name for name in ranks if words.is_one(name, known) or not words.is_one(name, words.ALL)}
    return sorted(meant, key=lambda name: ranks[name])


def _time(made: Proposal) -> None:
    times = [name for name, seen in made.looks.items() if seen.time]
    named = _named(made, words.FIELDS["event_time"], times)
    exact = [name for name in named if made.looks[name].time.has_hours]
    if not times:
        times = named = _serials(made)
    if not times:
        raise DataError(
            f"expected a column of times, found {_said(made)}{_unread_times(made)}; a draft is made from a file of "
            "events, and users and products are put beside it by hand"
        )
    name = (named or sorted(times, key=lambda name: not made.looks[name].time.has_hours))[0]
    if not made.looks[name].time.has_hours and exact:
        name = exact[0]
    seen = made.looks[name].time
    spec: dict = {"column": name}
    clocks = [other for other, look_ in made.looks.items() if look_.kind == "clock"]
    pattern = seen.format
    if not seen.has_hours and clocks:
        spec["column"] = [name, clocks[0]]
        longest = max(len(code) for code, _ in made.looks[clocks[0]].counts)
        pattern = pattern if pattern == "iso" else pattern + (" H:mm:ss" if longest > 5 else " H:mm")
    if pattern != "iso":
        spec["format"] = pattern
    if not seen.has_zone and made.zone != "UTC":
        spec["zone"] = made.zone
    made.fields["event_time"], made.opened = spec, seen.first_year
    made.notes["event_time"] = f"such as {made.looks[name].counts[0][0]}"
    doubts = []
    if seen.others:
        doubts.append(f"{seen.others[0]} reads all of them too")
    if not seen.has_zone:
        doubts.append(f"no zone is written; taken as {made.zone}, else say zone: as in shop_zone")
    if seen.format == "excel":
        doubts.append("days of a sheet since 1900; where it counts from 1904: format: days, from: 1904-01-01")
    if not named:
        doubts.append("chosen by its look alone")
    if others := [other for other in times if other != name]:
        doubts.append(f"other times: {', '.join(others)}")
    _doubt(made, "event_time", doubts)


def _unread_times(made: Proposal) -> str:
    """What stands in a column that is called as a time, in a way that no draft knows."""
    named = [name for name in _named(made, words.FIELDS["event_time"], made.looks) if made.looks[name].counts]
    if not named:
        return ""
    such = made.looks[named[0]].counts[0][0]
    return f" ({named[0]} is called so, and holds {such!r}: write the mapping by hand, with its format)"


def _serials(made: Proposal) -> list[str]:
    """Columns that are called times and hold the days of a program for sheets."""
    found = _named(made, words.FIELDS["event_time"], [name for name, seen in made.looks.items() if seen.number])
    found = [name for name in found if 20_000 < made.looks[name].number.largest < 80_000]
    for name in found:
        made.looks[name] = replace(made.looks[name], time=Time("excel", has_hours=not made.looks[name].number.is_whole))
    return found


def _said(made: Proposal) -> str:
    return ", ".join(made.looks) or "none"


def _doubt(made: Proposal, field_: str, doubts: list[str]) -> None:
    if doubts:
        made.doubts[field_] = "; ".join(doubts)


def _may_be_id(seen: Look) -> bool:
    fraction = seen.number is not None and not seen.number.is_whole and not seen.has_fraction_zero
    money = seen.number is not None and (seen.number.has_negative or bool(seen.number.signs))
    return (
        bool(seen.distinct) and seen.time is None and seen.kind in ("", "phone", "mail") and not fraction and not money
    )


def _user(made: Proposal) -> None:
    called = [name for name, seen in made.looks.items() if words.is_one(name, words.FIELDS["user_id"]) and seen.number]
    ids = list(dict.fromkeys([*[name for name, seen in made.looks.items() if _may_be_id(seen)], *called]))
    named = _named(made, words.FIELDS["user_id"], ids)
    personal = [name for name in named if made.looks[name].kind or words.is_personal(name) or "name" in name.lower()]
    personal = [name for name in personal if not words.is_one(name, words.FIELDS["user_id"]) or made.looks[name].kind]
    plain = [name for name in named if name not in personal]
    products = _named(made, words.FIELDS["product_id"], ids)
    others = [name for name in ids if name not in products and _is_idlike(made.looks[name])]
    others = [name for name in others if made.looks[name].distinct > 1 and not name.endswith(".position")]
    # A session's id is a user's at the worst.
    others.sort(key=lambda name: words.is_one(name, words.ALL))
    found = [*plain, *personal, *others]
    if not found:
        raise DataError(f"expected a column of users, found {_said(made)}; a draft is made from a file of events")
    name = found[0]
    made.fields["user_id"] = {"column": name}
    made.notes["user_id"] = _shares(made.looks[name])
    doubts = []
    if not named:
        doubts.append("chosen by its look alone")
    if made.looks[name].filled < 1:
        doubts.append("records without a user are refused; where the line above says it, fill_down takes it from there")
        doubts += [f"first: [{name}, {named[1]}] takes the other one"] if len(named) > 1 else []
    if len(named) > 1:
        doubts.append(f"others are called alike: {', '.join(named[1:4])}")
    _doubt(made, "user_id", doubts)


def _is_idlike(seen: Look) -> bool:
    return _may_be_id(seen) and not seen.kind and not any(" " in code for code, _ in seen.counts)


def _shares(seen: Look) -> str:
    filled = "" if seen.filled == 1 else f"{seen.filled:.0%} filled, "
    return f"{filled}{seen.distinct:,} distinct"


def _product(made: Proposal) -> None:
    known = words.FIELDS["product_id"]
    ids = [n for n, seen in made.looks.items() if not seen.kind and (_may_be_id(seen) or words.is_one(n, known))]
    named = _named(made, known, ids)
    # A word inside a longer name says little: product_subclass is no product.
    whole = [name for name in named if words.is_one(name, words.FIELDS["product_id"])]
    titles = (*words.PRODUCTS["title"], *words.PRODUCTS["category_path"], *words.PRODUCTS["brand"])
    others = (*titles, *words.FIELDS["quantity"], *words.FIELDS["price"], *words.FIELDS["amount"])
    named = whole or [name for name in named if words.rank(name, others) is None and _is_idlike(made.looks[name])]
    unnamed = all(called.plain(name)[:1] == "c" and called.plain(name)[1:].isdigit() for name in made.looks)
    if not named and unnamed:
        named = [name for name in ids if name not in made.taken and made.looks[name].distinct > 1][:1]
        made.doubts["product_id"] = "chosen by its look alone"
    if not named:
        return
    made.fields["product_id"] = {"column": named[0]}
    seen = made.looks[named[0]]
    made.notes["product_id"] = f"{_shares(seen)}, such as {seen.counts[0][0]}"
    if len(named) > 1:
        made.doubts["product_id"] = f"others are called alike: {', '.join(named[1:4])}"


def _type(made: Proposal) -> None:
    codes = [name for name, seen in made.looks.items() if seen.is_few and seen.time is None and seen.filled > 0.5]
    named = _named(made, words.FIELDS["event_type"], codes)
    by_name = [name for name in named if not words.is_one(name, ("type", "类型", "op"))]
    known = [name for name in codes if name not in made.taken and _known_share(made.looks[name]) > 0.5]
    found = [name for name in named if name in known] or by_name or known
    if not found:
        made.fields["event_type"] = {"constant": "purchase"}
        made.doubts["event_type"] = "no column of event types was seen; every record counts as a purchase"
        _status(made, codes)
        return
    seen = made.looks[found[0]]
    told = {code: words.event_type(code) for code, _ in seen.counts}
    pairs = {code: kind for code, kind in told.items() if kind}
    made.codes = {code: number for code, number in seen.counts if told[code] is None}
    if none := [code for code in made.codes if words.is_not_bought(code)]:
        made.codes = {code: number for code, number in made.codes.items() if code not in none}
        made.ignore[found[0]] = none
        made.doubts["ignore"] = _CAME_TO_NOTHING
    spec: dict = {"column": found[0]}
    if any(code.lower() != kind for code, kind in pairs.items()):
        spec["map"] = pairs
    made.fields["event_type"] = spec
    made.notes["event_type"] = _counted(seen)
    if made.codes:
        made.doubts["event_type"] = "records with the codes that have no event type are refused until `map` names them"


def _status(made: Proposal, codes: list[str]) -> None:
    """What became of an order, where every one counts as a purchase: those that nobody paid are left out."""
    for column in _named(made, words.STATUS, codes)[:2]:
        seen = made.looks[column]
        made.doubts["event_type"] += (
            f"; {column} is {', '.join(f'{code} {number:,}' for code, number in seen.counts[:5])}"
        )
        if none := [code for code, _ in seen.counts if words.is_not_bought(code)]:
            made.ignore[column] = none
            made.doubts["ignore"] = _CAME_TO_NOTHING
        if back := [code for code, _ in seen.counts if words.is_given_back(code)]:
            made.doubts["event_type"] += (
                f"; {', '.join(back)} was given back: leave it out by ignore, or let more_events make refunds of it"
            )


_CAME_TO_NOTHING = "orders that came to nothing by their word are left out"


def _void(made: Proposal) -> None:
    """Leave out what a column calls deleted, cancelled or a test."""
    for name, seen in made.looks.items():
        if called.plain(name) not in marks.NAMES or not seen.counts or name in made.taken:
            continue
        if marks.is_time(name):
            made.where[name] = [""]
            made.doubts["where"] = "what has a time there is void"
        elif void := [code for code, _ in seen.counts if code.lower() in marks.SET]:
            made.ignore[name] = void
            made.doubts["ignore"] = made.doubts.get("ignore", "what is void is left out")


def _counted(seen: Look) -> str:
    return ", ".join(f"{code} {number:,}" for code, number in seen.counts[:8])


def _known_share(seen: Look) -> float:
    every = sum(number for _, number in seen.counts)
    return sum(number for code, number in seen.counts if words.event_type(code)) / every


def _quantity(made: Proposal) -> None:
    numbers = [column for column, seen in made.looks.items() if seen.number and not seen.number.signs]
    named = _named(made, words.FIELDS["quantity"], numbers)
    if not named:
        money = [c for name in ("price", "amount") for c in _named(made, words.FIELDS[name], numbers)]
        named = [c for c in money if words.is_one(c, words.MONEY_OR_PIECES) and _are_pieces(made.looks[c])]
        if not named or len(set(money)) < 2:
            return
        made.doubts["quantity"] = "by its name it may be money (our amount); taken as pieces, for it is often 1"
    number = made.looks[named[0]].number
    if number.in_threes and number.thousands:  # 1,000 of a kind is rather one, and weighed
        number = replace(number, decimal=number.thousands, thousands="")
        made.doubts["quantity"] = "just three digits behind the sign: taken as a fraction, else say thousands"
    made.fields["quantity"] = {"column": named[0]} | _written(number)
    made.notes["quantity"] = _examples(made.looks[named[0]])
    if made.looks[named[0]].number.has_negative:
        made.notes["quantity"] += "; negative ones count as refunds"


def _are_pieces(seen: Look) -> bool:
    return seen.number.is_whole and seen.counts[0][0] in ("1", "1.0", "2")


def _written(seen: Number) -> dict:
    said = {"decimal": seen.decimal, "thousands": seen.thousands}
    usual = {"decimal": ".", "thousands": ""}
    return {key: value for key, value in said.items() if value != usual[key]}


def _examples(seen: Look) -> str:
    return f"such as {', '.join(code for code, _ in seen.counts[:3])}"


def _money(made: Proposal, name: str, sample: Sample) -> None:
    numbers = [column for column, seen in made.looks.items() if seen.number]
    named = _named(made, words.FIELDS[name], numbers)
    shares = [c for c in named if words.is_share(c) or (name == "discount" and hunches.is_share(sample.columns[c]))]
    if shares:
        made.unread[name] = f"{shares[0]} holds {made.looks[shares[0]].counts[0][0]!r}, a share and no money"
        named = [c for c in named if c not in shares]
    if not named:
        _unread(made, name)
        return
    doubts = []
    if listed := sample.said.get("explode"):
        named.sort(key=lambda c: not c.startswith(f"{listed}."))
        if not named[0].startswith(f"{listed}."):
            if name == "amount" and "price" in made.fields:
                made.unread[name] = f"{named[0]} stands beside the list, and would count in each of its entries"
                return
            doubts.append(f"it stands beside the list {listed}, and counts in each of its entries")
    if order := _columns(made.fields.get("session_id", {})):
        of_order = [c for c in named if hunches.is_of_order(sample.columns[c], sample.columns[order[0]])]
        named = [*[c for c in named if c not in of_order], *of_order]
        if named[0] in of_order:
            doubts.append(f"the same in all lines of an order ({order[0]}): the order's money would count in each line")
    column, seen = named[0], made.looks[named[0]].number
    if seen.in_threes and not seen.thousands:
        seen = replace(seen, decimal={".": ",", ",": "."}[seen.decimal], thousands=seen.decimal)
        doubts.append("just three digits behind the sign: taken as thousands, else leave out decimal and thousands")
    spec: dict = {"column": column} | _written(seen)
    if seen.units:
        spec["units"] = seen.units
    if seen.signs:
        spec["sign"] = seen.signs[0] if len(seen.signs) == 1 else list(seen.signs)
    if seen.several:
        doubts.append("not all have the same sign: where these are several currencies, they are added up")
    if seen.is_whole and words.CENTS.search(column.casefold()):
        spec["scale"] = 0.01
    elif hunches.in_cents(sample.columns[column]):
        doubts.append("all are whole and end as prices in cents do: then say scale: 0.01")
    elif seen.is_whole and seen.largest >= 1_000:
        doubts.append("all are whole numbers; where they are cents, say scale: 0.01")
    if called.plain(column) == "salesprice":
        doubts.append("money of the line; where it is the price of one piece, call it price")
    if len(named) > 1:
        doubts.append(f"others are called alike: {', '.join(named[1:4])}")
    made.fields[name], made.notes[name] = spec, _examples(made.looks[column])
    _doubt(made, name, doubts)


def _unread(made: Proposal, name: str) -> None:
    """Say that a column is called money and holds something else."""
    texts = [
        c for c in made.looks if c not in made.taken and words.is_one(c, words.FIELDS[name]) and made.looks[c].counts
    ]
    if texts and name not in made.unread:
        made.unread[name] = f"{texts[0]} holds {made.looks[texts[0]].counts[0][0]!r}"


def _text(made: Proposal, name: str) -> None:
    if name == "user_agent":
        fits = [column for column, seen in made.looks.items() if seen.kind == "agent"]
        named = fits or _named(made, words.FIELDS[name], [c for c, seen in made.looks.items() if not seen.number])
    elif name == "query":
        fits = [c for c, seen in made.looks.items() if seen.distinct and seen.time is None and not seen.kind]
        named = [c for c in _named(made, words.FIELDS[name], fits) if words.is_one(c, words.FIELDS[name])]
    else:
        fits = [c for c, seen in made.looks.items() if _may_be_id(seen) and not seen.kind and seen.distinct > 1]
        named = _named(made, words.FIELDS[name], fits)
        exact = [c for c in named if words.is_one(c, words.FIELDS[name])]
        named = exact or [c for c in named if _is_idlike(made.looks[c]) and not made.looks[c].is_codes]
    if named:
        made.fields[name] = {"column": named[0]}
        made.notes[name] = _shares(made.looks[named[0]])


def _personal(made: Proposal) -> None:
    for column, seen in made.looks.items():
        if seen.kind not in ("mail", "phone") and not words.is_personal(column):
            continue
        if column in made.taken:
            if seen.kind in ("mail", "phone"):
                made.pii[column] = "hash"
        else:  # which reaches one level into an object
            outer = ".".join(column.split(".")[:2])
            if not any(name == outer or name.startswith(f"{outer}.") for name in made.taken):
                made.pii[outer] = "drop"
            elif column.count(".") < 2:
                made.pii[column] = "drop"
            else:
                made.doubts["pii"] = f"{column} looks personal, and stands beside columns that are mapped"


def _dimensions(made: Proposal) -> None:
    if "product_id" in made.fields:
        for name, known in words.PRODUCTS.items():
            fits = [c for c, s in made.looks.items() if s.time is None and s.kind in ("", "path") and c not in made.pii]
            if named := _named(made, known, fits):
                made.products[name] = _of_product(name, named[0], made.looks[named[0]])
    for name, known in words.USERS.items():
        fits = [c for c, s in made.looks.items() if s.is_codes and s.time is None and c not in made.pii]
        named = [c for c in _named(made, known, fits) if words.is_one(c, known) and c not in _product_columns(made)]
        if named:
            made.users[name] = {"column": named[0]}


def _product_columns(made: Proposal) -> set[str]:
    return {column for spec in made.products.values() for column in (*_columns(spec), *spec.get("path", ()))}


def _of_product(name: str, column: str, seen: Look) -> dict:
    if name != "category_path":
        return {"column": column}
    return {"column": column, "split": seen.separator} if seen.kind == "path" else {"path": [column]}


def _identity(made: Proposal, sample: Sample) -> None:
    """The columns that tell records apart: an id of the record; else who, when, what, and as much more as is needed."""
    unique = [c for c, seen in made.looks.items() if seen.distinct == sample.rows and seen.filled == 1]
    if named := [c for c in _named_ids(unique) if c not in made.taken]:
        made.id, made.notes["id"] = [named[0]], "another value in every record"
        return
    session = _columns(made.fields.get("session_id", {}))
    who = "session_id" if session and made.looks[session[0]].filled == 1 else "user_id"
    made.id = [
        c for name in (who, "event_time", "product_id", "event_type") for c in _columns(made.fields.get(name, {}))
    ]
    more = [c for name in ("session_id", "quantity", "price", "amount") for c in _columns(made.fields.get(name, {}))]
    told = _told(sample, made.id)
    for column in (*more, f"{sample.said.get('explode')}.position"):
        if column in made.looks and column not in made.id and _told(sample, [*made.id, column]) > told:
            made.id.append(column)
            told = _told(sample, made.id)
    made.may_be_empty = [c for c in made.id if made.looks[c].filled < 1 and c not in _needed(made)]
    again = sample.rows - told
    made.notes["id"] = f"all {sample.rows:,} records differ in these"
    if again:
        made.notes["id"] = f"{again:,} of {sample.rows:,} records equal an earlier one in these"
        made.doubts["id"] = "equal records count once; where each is an event of its own, say number_equal: true"


def _nothing(made: Proposal, sample: Sample) -> None:
    """Values that seem to say that nothing is known."""
    signed = {c for name in ("quantity", "amount", "discount") for c in _columns(made.fields.get(name, {}))}
    found = {}
    for column, values in sample.columns.items():
        if column not in made.pii and not made.looks[column].time:
            found[column] = hunches.filler(values, may_be_negative=column in signed)
    if "user_id" not in made.doubts and (guest := hunches.guest(sample.columns[made.user])):
        found[made.user] = guest
    made.null = {column: [value] for column, value in found.items() if value}
    if made.null:
        made.doubts["null"] = "these seem to say that nothing is known"


def _needed(made: Proposal) -> list[str]:
    return [c for name in ("user_id", "event_time", "event_type") for c in _columns(made.fields[name])]


def _told(sample: Sample, names: list[str]) -> int:
    return len(set(zip(*(sample.columns[name] for name in names), strict=True)))


def _named_ids(unique: list[str]) -> list[str]:
    ranks = {c: words.EVENT_IDS.index(called.plain(c)) for c in unique if called.plain(c) in words.EVENT_IDS}
    return sorted(ranks, key=lambda c: ranks[c])
