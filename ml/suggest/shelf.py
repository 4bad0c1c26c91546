"""Which products may be suggested as of a day, and how well they sell.

Legend: I products, E of them eligible, D days.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from jobs.tables import SILVER_PRODUCTS
from ml.common import lake
from ml.common.arrays import find
from ml.common.warehouse import ONE_SPACE, Spaces
from ml.data import events
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.suggest.settings import Eligible

FACTS = [*PRODUCT_COLUMNS, "category", "attributes"]


@dataclass(frozen=True)
class Products:
    """Rows of silver.products in the order of a catalogue. barred_I: may not be suggested. category_I: codes, -1: none.
    title: as a person reads it. space_I: the namespace of each, see `spaces`.
    """

    product_ids: pa.Array
    barred_I: np.ndarray
    category_I: np.ndarray
    title: pa.Array
    price: pa.Array
    space_I: np.ndarray
    spaces: Spaces

    def __len__(self) -> int:
        return len(self.product_ids)

    @classmethod
    def read(cls, warehouse: str, product_ids: pa.Array, rules: Eligible) -> Products:
        rows = lake.read(lake.open_table(SILVER_PRODUCTS, warehouse), FACTS)
        order = find(product_ids, rows["product_id"].combine_chunks())
        return cls.of(rows.take(pa.array(order)).combine_chunks(), rules, Spaces.read(warehouse))

    @classmethod
    def of(cls, rows: pa.Table, rules: Eligible, spaces: Spaces = ONE_SPACE) -> Products:
        """Barred: without a price (where the shop has prices at all), excluded, or flagged as unavailable."""
        priced = pc.fill_null(pc.greater(rows["usual_price"], 0), False).to_numpy()
        barred = ~priced if priced.any() else np.zeros(len(priced), bool)
        ids = rows["product_id"].combine_chunks()
        space = spaces.of(ids)
        barred |= _within(rows, rules.exclude)
        for name, categories in sorted(rules.exclude_in.items()):
            barred |= _within(rows, categories) & (space == spaces.code(name))
        for name, values in sorted(rules.unavailable.items()):
            flags = pc.map_lookup(rows["attributes"].combine_chunks(), name, "last")
            barred |= find(flags, pa.array(values, pa.string())) >= 0
        category = rows["category"].combine_chunks().dictionary_encode().indices
        titles = pc.coalesce(_named(rows["title"]), _named(rows["category"]), rows["product_id"]).combine_chunks()
        price = rows["usual_price"].combine_chunks()
        return cls(ids, barred, pc.fill_null(category, -1).to_numpy(), titles, price, space, spaces)


def _within(rows: pa.Table, categories: list[str]) -> np.ndarray:
    """Whether each product is of one of the categories, of any level of its path."""
    names, paths = pa.array(sorted(set(categories)), pa.string()), rows["category_path"].combine_chunks()
    owner = np.repeat(np.arange(len(paths)), pc.fill_null(pc.list_value_length(paths), 0).to_numpy())
    within = find(rows["category"].combine_chunks(), names) >= 0
    within[owner[find(pc.list_flatten(paths), names) >= 0]] = True
    return within


def _named(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """null in place of an empty text; a text in capitals reads as one word of shouting, so it is written small."""
    shouted = pc.and_(pc.equal(texts, pc.utf8_upper(texts)), pc.not_equal(texts, pc.utf8_lower(texts)))
    plain = pc.if_else(shouted, pc.utf8_capitalize(pc.utf8_lower(texts)), texts)
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)


@dataclass(frozen=True)
class Sales:
    """Purchase lines by day and product (D, I); row d is `first` + d."""

    first: datetime.date
    lines_DI: sparse.csr_array

    @classmethod
    def read(cls, warehouse: str, first: datetime.date, last: datetime.date, product_ids: pa.Array) -> Sales:
        shape = ((last - first).days + 1, len(product_ids))
        total = sparse.csr_array(shape, dtype=np.int64)
        for batch in events.purchases(warehouse, first, last, ["product_id", "ds"]):
            item = find(batch["product_id"], product_ids)
            day = events.days_after(batch["ds"], first)
            known = item >= 0
            total = total + sparse.csr_array((np.ones(int(known.sum()), np.int64), (day[known], item[known])), shape)
        return cls(first, total)

    def popular(self, ds: datetime.date, half_life: float) -> np.ndarray:
        """Lines of each product (I) up to ds, each worth half after every `half_life` days."""
        days = (ds - self.first).days + 1
        weight = 0.5 ** ((days - 1 - np.arange(days)) / half_life)
        return weight @ self.lines_DI[:days]

    def last_sold(self, ds: datetime.date) -> np.ndarray:
        """Last day up to ds (I, days since 1970) on which anybody bought a product; -1 where nobody did."""
        last_I = np.full(self.lines_DI.shape[1], -1)
        day, item = self.lines_DI[: (ds - self.first).days + 1].tocoo().coords
        np.maximum.at(last_I, item, events.day_number(self.first) + day)
        return last_I


@dataclass(frozen=True)
class Shelf:
    """What may be suggested as of a day. items_E: rows of the products, ascending. popular_E: decayed purchase lines.
    last_sold_E: days since 1970.
    """

    items_E: np.ndarray
    popular_E: np.ndarray
    last_sold_E: np.ndarray

    @classmethod
    def of(cls, products: Products, sales: Sales, ds: datetime.date, within: int, half_life: float) -> Shelf:
        last_sold = sales.last_sold(ds)
        items = np.flatnonzero((last_sold > events.day_number(ds) - within) & ~products.barred_I)
        return cls(items, sales.popular(ds, half_life)[items], last_sold[items])

    def __len__(self) -> int:
        return len(self.items_E)

    def places(self, products: int) -> np.ndarray:
        """Place among the eligible of each product (I); -1 for who may not be suggested."""
        place_I = np.full(products, -1)
        place_I[self.items_E] = np.arange(len(self))
        return place_I

    def first(self, most: int) -> np.ndarray:
        """Places of the most popular, most first; ties by the order of the products."""
        return np.argsort(-self.popular_E, kind="stable")[:most]
