"""What stands inside a record's lists and objects: a record for each entry of a list, a value by its path."""

from __future__ import annotations

import re

import msgspec

Record = dict[str, msgspec.Raw]

_OBJECT = msgspec.json.Decoder(Record)
_OBJECTS = msgspec.json.Decoder(list[Record])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_ENCODER = msgspec.json.Encoder()
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_WRONG = (msgspec.DecodeError, RecursionError)


def exploded(record: Record, column: str) -> list[Record]:
    """A record for each entry of the list in `column`, which may stand in an object or in the entries of a list: `a`,
    `a.b`. The fields of an entry are `column.field`, an entry that is no object is `column`, its place in the list
    `column.position`; all else stands beside it. A record without such a list, or with an empty one, stays as it is.
    An object in place of a list is its one entry, or has the entries by their numbers; either may be a text of JSON.
    """
    steps = column.split(".")
    name = next((name for k in range(len(steps)) if (name := ".".join(steps[: k + 1])) in record), None)
    if name is None:
        return [record]
    rest = column[len(name) + 1 :]
    beside = {other: value for other, value in record.items() if other != name}
    value = _untold(record[name])
    if rest and (inner := _read(_OBJECT, value)) is not None:
        return _from_object(record, name, inner, rest)
    rows = []
    for position, fields in enumerate(_entries(value, name)):
        row = beside | fields | {f"{name}.position": msgspec.Raw(str(position).encode())}
        rows += exploded(row, column) if rest else [row]
    return rows or [record]


def _from_object(record: Record, name: str, inner: Record, column: str) -> list[Record]:
    """The record for each entry of the list in `column` of the object in `name`, which keeps its other fields."""
    rows = exploded(inner, column)
    if rows[0] is inner:
        return [record]
    made = []
    for row in rows:
        own = {key: value for key, value in row.items() if key in inner and key != column}
        fields = {f"{name}.{key}": value for key, value in row.items() if key not in own}
        made.append(record | {name: msgspec.Raw(_ENCODER.encode(own))} | fields)
    return made


def _entries(value: msgspec.Raw, name: str) -> list[Record]:
    """The fields of each entry of a list."""
    objects = _read(_OBJECTS, value)
    if objects is not None:
        return [_named(entry, name) for entry in objects]
    if one := _read(_OBJECT, value):
        by_number = all(map(str.isdecimal, one)) and [_read(_OBJECT, entry) for entry in one.values()]
        return [_named(entry, name) for entry in by_number] if by_number and all(by_number) else [_named(one, name)]
    entries = _read(_LIST, value) or []
    return [{name: entry} if (inner := _read(_OBJECT, entry)) is None else _named(inner, name) for entry in entries]


def _named(entry: Record, name: str) -> Record:
    return {f"{name}.{key}": value for key, value in entry.items()}


def _untold(value: msgspec.Raw) -> msgspec.Raw:
    """What a text says that is itself JSON, as some databases hold it; any other value as it is."""
    text = _read(_TEXT, value) if bytes(value).startswith((b'"[', b'"{')) else None
    return value if text is None else msgspec.Raw(text.encode())


def _read(decoder: msgspec.json.Decoder, value: msgspec.Raw):
    try:
        return decoder.decode(value)
    except _WRONG:
        return None


def is_path(column: str) -> bool:
    return "." in column or "[" in column


def head(path: str) -> str:
    """The column that a path begins with."""
    return _STEP.match(path).group()


def at_path(record: Record, column: str) -> msgspec.Raw | None:
    """What a record has at a path that leads through a list: `a[0].b` is the field b of the first entry of a; `a.b` the
    value of the key b where a is a list of {key, value} or {name, value}. None for another path: the engine reads it.
    """
    name, *steps = _STEP.findall(column)
    value = record.get(name)
    if value is None or not ("[" in column or _has_keys(bytes(value))):
        return None
    value = _untold(value)
    through_list = False
    for step in steps:
        if value is None:
            return None
        if step.startswith("["):
            entries = _read(_LIST, value) or []
            value = entries[int(step[1:-1])] if int(step[1:-1]) < len(entries) else None
            through_list = True
        elif (inner := _read(_OBJECT, value)) is not None:
            value = inner.get(step)
        else:
            value = _of_key(value, step)
            through_list = True
    return _plain(value) if through_list and value is not None else None


def _has_keys(value: bytes) -> bool:
    return b'"value"' in value and (b'"key"' in value or b'"name"' in value)


def _of_key(value: msgspec.Raw, key: str) -> msgspec.Raw | None:
    sought = _ENCODER.encode(key)
    for entry in _read(_OBJECTS, value) or []:
        if sought in (bytes(entry.get("key", b"")), bytes(entry.get("name", b""))):
            return entry.get("value")
    return None


def _plain(value: msgspec.Raw) -> msgspec.Raw:
    """A value that stands under the name of its type, {"int_value": 7, "string_value": null}, without it."""
    typed = _read(_OBJECT, value)
    if typed and all(name.endswith("_value") for name in typed):
        return next((inner for inner in typed.values() if bytes(inner) != b"null"), msgspec.Raw(b"null"))
    return value
