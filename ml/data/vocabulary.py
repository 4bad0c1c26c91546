"""Names as numbers: vocabularies of products, categories, brands and event types, fitted on the training part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.common.arrays import find

PRICE_BUCKETS = 32  # that a model tells apart, see Vocabularies.price_levels
USUAL_BUCKET = 20  # a shop whose usual price lies higher is read from here, so that prices of any currency have room
PADDING, UNKNOWN, FIRST = 0, 1, 2  # ids of every vocabulary; FIRST.. go by frequency, then name


@dataclass(frozen=True)
class Vocabulary:
    """One row a name: names and counts in order of count, ids alike. Ids of names rarer than a minimum are UNKNOWN."""

    names: pa.Array
    counts: np.ndarray
    ids: np.ndarray

    @classmethod
    def fit(cls, counts: dict[str, int], min_count: int = 1) -> Vocabulary:
        ordered = sorted((name for name in counts if name), key=lambda name: (-counts[name], name))
        count = np.array([counts[name] for name in ordered], np.int64)
        ids = np.where(count >= min_count, np.arange(FIRST, FIRST + len(ordered)), UNKNOWN).astype(np.int32)
        return cls(pa.array(ordered, pa.string()), count, ids)

    @property
    def size(self) -> int:
        return int(max(self.ids.max(initial=UNKNOWN), UNKNOWN)) + 1

    def encode(self, names: pa.Array) -> np.ndarray:
        """Ids of names; PADDING for null and empty text, UNKNOWN for a name that was not seen or is too rare."""
        place = find(names, self.names)
        ids = np.append(self.ids, np.int32(UNKNOWN))[place]
        empty = pc.fill_null(pc.equal(names, ""), True).to_numpy(zero_copy_only=False)
        return np.where(empty, np.int32(PADDING), ids)

    def count(self, names: pa.Array) -> np.ndarray:
        return np.append(self.counts, 0)[find(names, self.names)]


@dataclass(frozen=True)
class Vocabularies:
    """What a model knows by name. `counts` are events of the training part. clock: of whose day it reads hours and
    weekdays: "shop", or nobody's named: UTC's, in models of before sequences had the shop's. price: by how many buckets
    of price the shop's are moved down, none in models of before.
    """

    product: Vocabulary
    category: Vocabulary  # path prefixes such as "GROCERY > SOFT DRINKS"
    brand: Vocabulary
    event_type: Vocabulary
    clock: Vocabulary
    price: Vocabulary

    @property
    def reads_shop_hours(self) -> bool:
        return "shop" in self.clock.names.to_pylist()

    def price_levels(self, buckets: np.ndarray) -> np.ndarray:
        """Price buckets as the model reads them: 0 for unknown, else 1 .. PRICE_BUCKETS - 1."""
        moved = buckets - max(map(int, self.price.names.to_pylist()), default=0)
        return np.where(buckets > 0, np.clip(moved, 1, PRICE_BUCKETS - 1), 0)

    @classmethod
    def fit(
        cls, products: pa.Table, product_counts: dict[str, int], type_counts: dict[str, int], min_count: int
    ) -> Vocabularies:
        """From events of the training part, by product and by type; categories and brands count those of their
        products. min_count: of a product with an id of its own.
        """
        categories: dict[str, int] = {}
        brands: dict[str, int] = {}
        for row in products.select(["product_id", "category_path", "brand"]).to_pylist():
            if events := product_counts.get(row["product_id"], 0):
                for name in path_prefixes(row["category_path"]):
                    categories[name] = categories.get(name, 0) + events
                if row["brand"]:
                    brands[row["brand"]] = brands.get(row["brand"], 0) + events
        return cls(
            Vocabulary.fit(product_counts, min_count),
            Vocabulary.fit(categories),
            Vocabulary.fit(brands),
            Vocabulary.fit(type_counts),
            Vocabulary.fit({"shop": 1}),
            Vocabulary.fit({str(_too_high(products["usual_price"])): 1}),
        )

    def save(self, path: Path) -> None:
        parts = [
            pa.table(
                {"kind": pa.array([kind] * len(v.names), pa.string()), "name": v.names, "count": v.counts, "id": v.ids}
            )
            for kind, v in vars(self).items()
        ]
        pq.write_table(pa.concat_tables(parts), path)

    @classmethod
    def load(cls, path: Path) -> Vocabularies:
        table = pq.read_table(path)
        kinds = {kind: table.filter(pc.field("kind") == kind) for kind in cls.__annotations__}
        return cls(**{
            kind: Vocabulary(part["name"].combine_chunks(), part["count"].to_numpy(), part["id"].to_numpy())
            for kind, part in kinds.items()
        })  # fmt: skip


def price_bucket(price: Iterable[float | None]) -> np.ndarray:
    """1 + floor(2 log2(1 + price)); 0 = unknown. The same buckets as gold.user_sequences."""
    value = np.array([np.nan if p is None else float(p) for p in price], np.float64)
    bucket = 1 + np.floor(2 * np.log2(1 + np.maximum(np.nan_to_num(value), 0)))
    return np.where(np.isnan(value), 0, bucket).astype(np.int32)


def _too_high(prices: pa.ChunkedArray) -> int:
    """Buckets between the usual one of products' prices and USUAL_BUCKET; 0 where it is not higher."""
    known = price_bucket(price for price in prices.to_pylist() if price)
    return max(0, int(np.median(known)) - USUAL_BUCKET) if len(known) else 0


def path_prefixes(category_path: Sequence[str] | None) -> list[str]:
    """Root, second level and leaf of a path as prefixes, so that equal names under different parents stay apart."""
    kept = [level for level in category_path or [] if level]
    depths = [1, 2, *([len(kept)] if len(kept) > 2 else [])]
    return [" > ".join(kept[:depth]) for depth in depths if depth <= len(kept)]
