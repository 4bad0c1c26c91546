"""Chance that repeats: each draw is a hash of the seed and of what it decides about, so no partitioning shows in it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from pyspark.sql import Column
from pyspark.sql import functions as F

_BITS = 53  # of the hash, as many as a double holds


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws of one seed. `about` names the decision, `keys` are the columns that it is made for: the same name and
    keys give the same draw wherever it is made.
    """

    seed: int

    def draw(self, about: str, *keys: Column | str) -> Column:
        """A number of [0, 1), even."""
        salt = (self.seed << 32) + zlib.crc32(about.encode())
        return F.shiftrightunsigned(F.xxhash64(F.lit(salt), *keys), 64 - _BITS) * F.lit(2.0**-_BITS)

    def whole(self, below: int | Column, about: str, *keys: Column | str) -> Column:
        """A whole number of 0..below-1, even."""
        return F.floor(self.draw(about, *keys) * below).cast("int")

    def happens(self, probability: float | Column, about: str, *keys: Column | str) -> Column:
        return self.draw(about, *keys) < probability

    def normal(self, about: str, *keys: Column | str) -> Column:
        """A standard normal number (Box and Muller, 1958)."""
        radius = F.sqrt(F.lit(-2.0) * F.log(1 - self.draw(f"{about}: radius", *keys)))
        return radius * F.cos(F.lit(6.283185307179586) * self.draw(f"{about}: angle", *keys))

    def pick(self, items: Sequence[int] | Sequence[float] | Sequence[str], about: str, *keys: Column | str) -> Column:
        return at(items, self.whole(len(items), about, *keys))

    def spin(self, wheels: Sequence[Sequence[int]], which: Column, about: str, *keys: Column | str) -> Column:
        """A place on the wheel `which`: weights that are drawn by; wheels have equally many places."""
        slots = 400
        laid = [place for wheel in wheels for place in _lay(wheel, slots)]
        return at(laid, which * slots + self.whole(slots, about, *keys))


def at(items: Sequence[int] | Sequence[float] | Sequence[str], index: Column) -> Column:
    """The item at a place, counted from 0: a look-up in a constant, no join.

    The constant is one text that the optimizer takes apart: thousands of literals would be thousands of calls to Spark.
    """
    kind = {int: "array<int>", float: "array<double>", str: "array<string>"}[type(items[0])]
    return F.get(F.split(F.lit("\x1f".join(map(str, items))), "\x1f").cast(kind), index)


def _lay(weights: Sequence[int], slots: int) -> list[int]:
    """Each place as often as its weight asks, in `slots` slots."""
    ends = [round(slots * end / sum(weights)) for end in accumulate(weights)]
    return [place for place, (start, end) in enumerate(zip([0, *ends], ends, strict=False)) for _ in range(start, end)]
