"""The keys of users, products and sessions in our tables, made of a source's ids: the one place where they are made.

Two sources never meet by accident: the ids of a warehouse's first source stay as they are, those of any other carry its
namespace and a colon, so that user 12 of two shops is two users. Sources of one declared `namespace` share their ids.
What puts several ids of one person together is to stand here, between a source's id and the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.lake import identity
from jobs.sources.spec import Source


@dataclass(frozen=True, slots=True)
class Keys:
    """Of the sources of a namespace; `others`: the other ones of the warehouse that stand before ids."""

    namespace: str = ""
    others: tuple[str, ...] = ()

    def user(self, own: Column) -> Column:
        return self._key(own)

    def product(self, own: Column) -> Column:
        return self._key(own)

    def session(self, own: Column) -> Column:
        return self._key(own)

    def foreign(self, own: Column) -> Column | None:
        """True where an id, which stays as it is, would be taken for a key of others; None where none can be."""
        if self.namespace or not self.others:
            return None
        return F.coalesce(reduce(or_, (own.startswith(f"{name}:") for name in self.others)), F.lit(False))

    def holds(self, key: str) -> bool:
        """Whether a key is of this namespace."""
        if self.namespace:
            return key.startswith(f"{self.namespace}:")
        return not key.startswith(tuple(f"{name}:" for name in self.others))

    def among(self, keys: pa.Array) -> pa.Array:
        """The same of an array; a null is of no namespace."""
        names = [self.namespace] if self.namespace else self.others
        begins = [pc.starts_with(keys, f"{name}:") for name in names]
        found = reduce(pc.or_, begins, pa.array([False] * len(keys)))
        return pc.fill_null(pc.and_(found if self.namespace else pc.invert(found), pc.is_valid(keys)), False)

    def holding(self, column: str) -> str:
        """The same of a column, as a predicate."""
        begins = [f"startswith({column}, '{name}:')" for name in ([self.namespace] if self.namespace else self.others)]
        return begins[0] if self.namespace else f"NOT ({' OR '.join(begins or ['false'])})"

    def own(self, key: str) -> str:
        """The source's id behind a key of this namespace."""
        return key.removeprefix(f"{self.namespace}:") if self.namespace else key

    def _key(self, own: Column) -> Column:
        return F.concat(F.lit(f"{self.namespace}:"), own) if self.namespace else own


def joined(warehouse: str, source: Source) -> Keys:
    """The keys of a source that is loaded now; UsageError, see `identity.join`."""
    identity.join(warehouse, source.name, source.namespace)
    return known(warehouse)[source.name]


def known(warehouse: str) -> dict[str, Keys]:
    """The keys of each source that was ever loaded."""
    namespaces = identity.namespaces(warehouse)
    every = set(namespaces.values())
    return {name: Keys(own, tuple(sorted(every - {own, ""}))) for name, own in namespaces.items()}
