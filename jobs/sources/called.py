"""What a column is called, without what programs add to a name."""

from __future__ import annotations

import re

# By which exports of databases write the type of a value.
_TYPED = re.compile(
    r"\.(\$(oid|date|numberLong|numberInt|numberDecimal|numberDouble)|[SN]|(int|string|double|float)_value)\Z"
)


def plain(name: str) -> str:
    """A name without case, signs and the name of a type, by the last part of a.b: `order.User-ID` is `userid`."""
    return re.sub(r"[\W_]+", "", last(name).casefold())


def last(name: str) -> str:
    """The last part of a.b, and of `a.b.$oid`; a dot at the end, or before a blank, is of a word that was cut short."""
    return re.split(r"\.(?! )", untyped(name).rstrip(". "))[-1]


def untyped(name: str) -> str:
    """`$oid`, `.int_value` and the like are no part of a name."""
    while found := _TYPED.search(name):
        name = name[: found.start()]
    return name
