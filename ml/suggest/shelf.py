"""Which products may be suggested as of a day, and how well they sell.

Legend: I products, E of them eligible, D days.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from jobs.tables import SILVER_PRODUCTS
from ml.common import lake
from ml.common.arrays import find
from ml.common.hashing import mixed, stable_hash
from ml.common.warehouse import ONE_SPACE, Spaces
from ml.data import events
from ml.data.catalogue import PRODUCT_COLUMNS
from ml.suggest.settings import Eligible

RECORDED = "first_record_ds"
FACTS = [*PRODUCT_COLUMNS, "category", "attributes", "has_record", RECORDED]
NEW = 2_000  # products that are new in the shop, on a day's shelf


@dataclass(frozen=True)
class Products:
    """Rows of silver.products in the order of a catalogue. barred_I: may not be suggested. category_I: codes, -1: none.
    title: as a person reads it. space_I: the namespace of each, see `spaces`. offered_I: has a record, and nothing bars
    it but that nobody saw a price yet. recorded_I: day of the first record, since 1970; -1: none.
    """

    product_ids: pa.Array
    barred_I: np.ndarray
    category_I: np.ndarray
    title: pa.Array
    price: pa.Array
    space_I: np.ndarray
    spaces: Spaces
    offered_I: np.ndarray
    recorded_I: np.ndarray

    def __len__(self) -> int:
        return len(self.product_ids)

    @classmethod
    def read(cls, warehouse: str, product_ids: pa.Array, rules: Eligible) -> Products:
        opened = lake.open_table(SILVER_PRODUCTS, warehouse)
        written = {field.name for field in opened.schema().fields}
        rows = lake.read(opened, [name for name in FACTS if name in written])
        if RECORDED not in written:  # by a release before there was the column: nothing is new
            rows = rows.append_column(RECORDED, pa.nulls(len(rows), pa.date32()))
        order = find(product_ids, rows["product_id"].combine_chunks())
        return cls.of(rows.take(pa.array(order)).combine_chunks(), rules, Spaces.read(warehouse))

    @classmethod
    def of(cls, rows: pa.Table, rules: Eligible, spaces: Spaces = ONE_SPACE) -> Products:
        """Barred: without a price (where the shop has prices at all), excluded, or flagged as unavailable."""
        priced = pc.fill_null(pc.greater(rows["usual_price"], 0), False).to_numpy()
        barred = np.zeros(len(priced), bool)
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
        offered = pc.fill_null(rows["has_record"], False).to_numpy() & ~barred
        barred |= ~priced & priced.any()
        recorded = pc.fill_null(pc.cast(rows[RECORDED], pa.int32()), -1)
        price = rows["usual_price"].combine_chunks()
        price = pc.if_else(pc.greater(price, 0), price, pa.scalar(None, price.type))  # of 0: none was told
        return cls(
            ids, barred, pc.fill_null(category, -1).to_numpy(), titles, price, space,
            spaces, offered, recorded.to_numpy(),
        )  # fmt: skip


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
    """Purchase lines by day and product (D, I); row d is `first` + d. looked_I: of a namespace in which nobody bought
    anything, where looks stand for purchases.
    """

    first: datetime.date
    lines_DI: sparse.csr_array
    looked_I: np.ndarray

    @classmethod
    def read(cls, warehouse: str, first: datetime.date, last: datetime.date, products: Products) -> Sales:
        columns, shape = ["product_id", "ds"], ((last - first).days + 1, len(products))

        def counted(batches: Iterable[pa.RecordBatch], among_I: np.ndarray) -> sparse.csr_array:
            total = sparse.csr_array(shape, dtype=np.int64)
            for batch in batches:
                item = find(batch["product_id"], products.product_ids)
                known = np.append(among_I, False)[item]
                cells = events.days_after(batch["ds"], first)[known], item[known]
                total = total + sparse.csr_array((np.ones(len(cells[0]), np.int64), cells), shape)
            return total

        lines = counted(events.purchases(warehouse, first, last, columns), np.ones(len(products), bool))
        sold = np.asarray(lines.sum(axis=0)).ravel() > 0
        looked = ~np.isin(products.space_I, products.space_I[sold])
        if looked.any():
            lines = lines + counted(events.looks(warehouse, first, last, columns), looked)
        return cls(first, lines, looked)

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
    last_sold_E: days since 1970, -1: never. sold_E: sold lately, in the places of all; new_E: new in the shop, in the
    places kept for these. A product may be both.
    """

    items_E: np.ndarray
    popular_E: np.ndarray
    last_sold_E: np.ndarray
    sold_E: np.ndarray
    new_E: np.ndarray

    @classmethod
    def of(
        cls, products: Products, sales: Sales, ds: datetime.date, within: int, half_life: float,
        new_I: np.ndarray | None = None,
    ) -> Shelf:  # fmt: skip
        """new_I: see `new_products`; None: none."""
        last_sold = sales.last_sold(ds)
        sold = (last_sold > events.day_number(ds) - within) & ~products.barred_I
        new_I = np.zeros(len(products), bool) if new_I is None else new_I
        items = np.flatnonzero(sold | new_I)
        return cls(items, sales.popular(ds, half_life)[items], last_sold[items], sold[items], new_I[items])

    def __len__(self) -> int:
        return len(self.items_E)

    def places(self, products: int) -> np.ndarray:
        """Place among the eligible of each product (I); -1 for who may not be suggested."""
        place_I = np.full(products, -1)
        place_I[self.items_E] = np.arange(len(self))
        return place_I

    def first(self, most: int) -> np.ndarray:
        """Places of the most popular, most first; ties by the order of the products."""
        order = np.argsort(-self.popular_E, kind="stable")
        return order[self.sold_E[order]][:most]


def new_products(products: Products, sales: Sales, ds: datetime.date, within: int, most: int) -> np.ndarray:
    """Products (I) whose first record is of the `within` days up to ds and that sold at most `most` times. What came
    with the first records of a shop may be of any age and is not new. At most NEW of them, every day others.
    """
    first_S = np.full(1 + len(products.spaces.names), np.iinfo(np.int32).max)
    known = products.recorded_I >= 0
    np.minimum.at(first_S, products.space_I[known], products.recorded_I[known])
    day, lines_I = events.day_number(ds), sales.lines_DI[: (ds - sales.first).days + 1].sum(axis=0)
    young = (products.recorded_I > np.maximum(first_S[products.space_I], day - within)) & (products.recorded_I <= day)
    items = np.flatnonzero(products.offered_I & young & (np.asarray(lines_I).ravel() <= most))
    names = products.product_ids.take(pa.array(items))
    turn = mixed(stable_hash(names).astype(np.uint64) + np.uint64(day))
    new_I = np.zeros(len(products), bool)
    new_I[items[np.argsort(turn, kind="stable")[:NEW]]] = True
    return new_I
