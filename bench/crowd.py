"""Tables of a made-up crowd as of two nights in a row, as `segment` finds them: drawn, not computed from a log.

Habits are spread as those of a shop's visitors are (activity log-normal, a few kinds of taste, most users without an
order for weeks), windows are nested, and a user has the same row again on the second night unless he was active.
Written in chunks, so that memory stays bounded. Legend: U users of a chunk, E events, N numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

from jobs.tables import (
    NUMERIC_FEATURES,
    PREDICTIONS,
    RECOMMENDATIONS,
    SEQUENCE_LENGTH,
    SILVER_PRODUCTS,
    SILVER_USERS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_SEQUENCES,
    WINDOWS,
    Table,
)
from ml.common import lake

CHUNK = 50_000
KINDS, FACTORS, WIDTH = 12, 12, 64  # of taste; numbers of the expected categories; of a vector
DEPARTMENTS, CATEGORIES, BRANDS, PRODUCTS = 12, 120, 300, 50_000
VERSION = "1"
EVENTS_A_YEAR, ORDERS_AN_EVENT = 55, 0.06
ACTIVE = 0.15  # of the users, on the second night
RUN = "bench"

_WINDOW = re.compile(r"(.+)_(\d+)d$")
_PERIODS = np.diff((0, *WINDOWS))  # days between two edges
# Of a user's events: what each count is the mean of. Orders are drawn apart.
_PER_EVENT = {
    "active_days": 0.2, "sessions": 0.22, "views": 0.7, "searches": 0.1, "favourites": 0.05, "carts": 0.12,
    "refunds": 0.002, "products_viewed": 0.5, "products_carted": 0.1,
}  # fmt: skip
_PER_ORDER = {"purchases": 1.8, "quantity": 2.4, "products": 1.6, "categories": 1.3, "brands": 1.4}
_ALWAYS = ("morning", "afternoon", "evening", "night", "weekend")  # shares that need no order
SUGGESTED = 10
_TYPE_SHARES = {"view": 0.68, "click": 0.04, "search": 0.08, "favourite": 0.05, "cart": 0.08, "uncart": 0.01,
                "purchase": 0.055, "refund": 0.005}  # fmt: skip


def _names(prefix: str, count: int) -> pa.Array:
    return pa.array([f"{prefix}{n:0{len(str(count))}d}" for n in range(count)])


def decimals(units: np.ndarray) -> pa.Array:
    """Whole ten-thousandths as DECIMAL(18, 4)."""
    words = np.stack([units.astype(np.int64), np.where(units < 0, -1, 0)], axis=1).astype("<i8")
    return pa.Array.from_buffers(pa.decimal128(18, 4), len(units), [None, pa.py_buffer(words.tobytes())])


def _lists(values: pa.Array, lengths: np.ndarray, null: np.ndarray | None = None) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=None if null is None else pa.array(null))


@dataclass
class Chunk:
    """The users first .. first + count of a crowd. Everything is drawn from its own seed, in any order of chunks."""

    seed: int
    first: int
    count: int

    def random(self, what: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.first, *what.encode()])

    @cached_property
    def user_ids(self) -> pa.Array:
        return pa.array([f"u{n:09d}" for n in range(self.first, self.first + self.count)])

    @cached_property
    def kind(self) -> np.ndarray:
        share = 1 / np.arange(2, KINDS + 2)
        return self.random("kind").choice(KINDS, self.count, p=share / share.sum())

    @cached_property
    def events_a_year(self) -> np.ndarray:
        return EVENTS_A_YEAR * np.exp(1.1 * self.random("activity").standard_normal(self.count) - 0.6)

    @cached_property
    def active(self) -> np.ndarray:
        """Who did something on the second night."""
        keen = self.events_a_year / EVENTS_A_YEAR
        return self.random("active").random(self.count) < np.minimum(ACTIVE * keen, 0.9)

    def windows(self, what: str, a_year: np.ndarray) -> np.ndarray:
        """Counts (U, windows) of what happens a_year times: those of a window hold those of the shorter ones."""
        drawn = self.random(what).poisson(a_year[:, None] * _PERIODS / _PERIODS.sum())
        return np.cumsum(drawn, axis=1)

    @cached_property
    def orders(self) -> np.ndarray:
        return self.windows("orders", self.events_a_year * ORDERS_AN_EVENT)

    def days_since(self, what: str, counts: np.ndarray) -> np.ndarray:
        """Days (U, nan: never) since the newest of `counts`: within the first window that has one."""
        edges = np.concatenate([[0], WINDOWS])
        place = (counts > 0).argmax(axis=1)
        days = edges[place] + np.floor(self.random(what).random(self.count) * _PERIODS[place])
        return np.where(counts[:, -1] > 0, days, np.nan)

    @cached_property
    def factors(self) -> np.ndarray:
        middle = np.random.default_rng(self.seed).standard_normal((KINDS, FACTORS)) * np.linspace(1, 0.3, FACTORS)
        return middle[self.kind] + 0.5 * self.random("factors").standard_normal((self.count, FACTORS))

    def expected(self, second: bool) -> np.ndarray:
        """gold.predictions.expected (U, 2 + FACTORS)."""
        rate, random = np.log1p(self.orders[:, 3] + 0.02 * self.events_a_year), self.random("expected")
        spend = 1.5 * rate + 0.3 * random.standard_normal(self.count)
        silence = np.arcsin(np.sqrt(np.clip(1 - rate / 4 + 0.05 * random.standard_normal(self.count), 0.001, 0.999)))
        found = np.column_stack([spend, silence, self.factors])
        if second:
            change = self.random("second").standard_normal(found.shape)
            found = found + change * np.where(self.active, 0.15, 0.004)[:, None]
        return np.round(found, 6)

    def features(self, ds: date, second: bool) -> pa.RecordBatch:
        """Rows of gold.user_features."""
        columns: dict[str, pa.Array] = {"user_id": self.user_ids, "ds": pa.repeat(pa.scalar(ds), self.count)}
        columns |= {column.name: self._number(column.name, column.type, second) for column in NUMERIC_FEATURES}
        return _batch(USER_FEATURES, columns | self._profiles(), self.count)

    @cached_property
    def _counts(self) -> dict[str, np.ndarray]:
        found = {stem: self.windows(stem, self.events_a_year * share) for stem, share in _PER_EVENT.items()}
        bought = self.orders[:, -1:]
        for stem, share in _PER_ORDER.items():
            more = self.random(stem).poisson(np.maximum(share - 1, 0) * self.orders)
            found[stem] = np.maximum.accumulate(self.orders + more, axis=1) * (bought > 0)
        return found | {"frequency": self.orders}

    def _number(self, name: str, kind: str, second: bool) -> pa.Array:
        past = 1 - self.active if second else np.zeros(self.count)  # a day later, unless something was done
        if name == "recency_days":
            return _integers(self.days_since(name, self.orders) + past, "int")
        if name in ("inactive_days", "cart_recency_days"):
            counts = self._counts["active_days" if name == "inactive_days" else "carts"]
            days = self.days_since(name, counts) + past
            return _integers(np.where(self.active & second & (name == "inactive_days"), 0, days), "int")
        if name == "tenure_days":
            return _integers(np.maximum(366, self.random(name).integers(1, 1500, self.count)) + past, "int")
        stem, window = (match[1], int(match[2])) if (match := _WINDOW.match(name)) else (name, 365)
        if stem == "monetary":
            a_piece = np.exp(3.5 + 0.7 * self.random(stem).standard_normal(self.count))
            return decimals(100 * np.round(100 * a_piece * self._counts["quantity"][:, WINDOWS.index(window)]))
        if stem in self._counts:
            return _integers(self._counts[stem][:, WINDOWS.index(window)], kind)
        random, own = self.random(name), self.factors[:, hash_of(stem) % FACTORS]
        if kind != "double":
            return _integers(random.integers(0, 24 if "hour" in name else 7, self.count), kind)
        known = self.orders if stem.split("_")[0] not in _ALWAYS else self._counts["active_days"]
        value = 1 / (1 + np.exp(-(own + random.standard_normal(self.count))))
        value = 2 * value - 1 if "trend" in stem else value
        scale = 100 if "days" in stem or "value" in stem or stem.endswith("price") else 1
        return pa.array(scale * value, mask=known[:, WINDOWS.index(window)] == 0)

    def _profiles(self) -> dict[str, pa.Array]:
        null = self.orders[:, -1] == 0
        lengths = np.where(null, 0, np.minimum(1 + self.random("breadth").poisson(2, self.count), 10))
        rank = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        harmonic = np.concatenate([[1], np.cumsum(1 / np.arange(1, 11))])  # of shares 1, 1/2, 1/3, ...
        share = 1 / (1 + rank) / np.repeat(harmonic[lengths], lengths)
        found: dict[str, pa.Array] = {}
        for what, count in (("department", DEPARTMENTS), ("category", CATEGORIES), ("brand", BRANDS)):
            start = np.repeat(self.kind * count // KINDS + self.random(what).integers(0, 3, self.count), lengths)
            name = _names(what[:3].upper(), count).take(pa.array((start + rank) % count))
            found[f"{what}_shares_365d"] = self._map(name, share, lengths, null)
            if what != "department":
                plural, most = ("categories", 5) if what == "category" else ("brands", 3)
                found[f"top_{plural}"] = _lists(name.filter(pa.array(rank < most)), np.minimum(lengths, most), null)
        for name, size in (("hour_shares_365d", 24), ("weekday_shares_365d", 7)):
            drawn = self.random(name).random((self.count, size))
            flat = (drawn / drawn.sum(axis=1, keepdims=True)).ravel()
            found[name] = _lists(pa.array(flat), np.full(self.count, size))
        return found

    def _map(self, keys: pa.Array, items: np.ndarray, lengths: np.ndarray, null: np.ndarray) -> pa.Array:
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        starts = pa.array(offsets, mask=np.append(null, False))
        return pa.MapArray.from_arrays(starts, keys, pa.array(items))

    def embeddings(self, ds: date, second: bool) -> pa.RecordBatch:
        """Rows of gold.user_embeddings: the factors, turned into WIDTH numbers."""
        turn = np.random.default_rng(self.seed + 1).standard_normal((2 + FACTORS, WIDTH)) / FACTORS
        noise = 0.1 * self.random("vector").standard_normal((self.count, WIDTH))
        flat = (self.expected(second) @ turn + noise).astype(np.float32).ravel()
        columns = {"user_id": self.user_ids, "ds": pa.repeat(pa.scalar(ds), self.count),
                   "embedding": _lists(pa.array(flat), np.full(self.count, WIDTH))}  # fmt: skip
        return _batch(USER_EMBEDDINGS, columns, self.count)

    def predictions(self, ds: date, second: bool) -> pa.RecordBatch:
        """Rows of gold.predictions."""
        expected = self.expected(second)
        churn = np.round(np.sin(expected[:, 1]) ** 2, 6)
        category = pa.array(((self.kind[:, None] * 10 + np.arange(5)) % CATEGORIES).ravel())
        five, one = np.full(self.count, 5), np.ones(self.count, int)
        columns = {
            "user_id": self.user_ids, "ds": pa.repeat(pa.scalar(ds), self.count), "churn_28d": pa.array(churn),
            **{f"purchase_{days}d": pa.array(np.round((1 - churn) * days / 28, 6)) for days in (7, 14, 28)},
            "spend_28d": pa.array(np.round(np.expm1(np.maximum(expected[:, 0], 0)), 2)),
            "days_to_next_order": pa.array(np.round(28 * churn, 1), mask=churn > 0.5),
            "next_categories": _lists(_names("CAT", CATEGORIES).take(category), five),
            "next_category_scores": _lists(pa.array(np.tile([0.2, 0.1, 0.08, 0.05, 0.04], self.count)), five),
            "expected": _lists(pa.array(expected.ravel()), np.full(self.count, 2 + FACTORS)),
            "slice": pa.repeat("active", self.count),
            "refused": _lists(pa.array([], pa.string()), np.zeros(self.count, int)),
            "reasons": _lists(pa.repeat("recency_days 12: less likely to be silent (-0.31)", self.count), one),
            "reasons_zh": _lists(pa.repeat("最近购买距今天数12：流失可能更低（-0.31）", self.count), one),
        }  # fmt: skip
        return _batch(PREDICTIONS, columns, self.count)

    def sequences(self, ds: date, second: bool) -> pa.RecordBatch:
        """Rows of gold.user_sequences."""
        random = self.random("sequences")
        lengths = np.clip(random.poisson(self.events_a_year), 1, SEQUENCE_LENGTH)
        events, owner = int(lengths.sum()), np.repeat(np.arange(self.count), lengths)
        end = int(datetime(ds.year, ds.month, ds.day).timestamp()) + 86_399
        age = (random.random(events) ** 1.5 * 365 * 86_400).astype(np.int64)
        times = end - age[np.lexsort((-age, owner))]
        types, shares = list(_TYPE_SHARES), np.array(list(_TYPE_SHARES.values()))
        product = np.minimum(random.zipf(1.3, events), PRODUCTS) * 7 + np.repeat(self.kind, lengths) * 4_001
        product = product % PRODUCTS
        kind = pa.array(random.choice(len(types), events, p=shares / shares.sum()))
        ids = pa.array(self.first * SEQUENCE_LENGTH + np.arange(events)).cast(pa.string())
        newest = times[np.cumsum(lengths) - 1] // 86_400
        flat = {
            "event_ids": ids, "event_days": pa.array((times // 86_400).astype(np.int32)),
            "event_times": pa.array(times), "event_hours": pa.array((times // 3600 % 24).astype(np.int32)),
            "event_types": pa.array(types).take(kind),
            "product_ids": _names("S", PRODUCTS).take(pa.array(product)),
            "categories": _names("CAT", CATEGORIES).take(pa.array(product % CATEGORIES)),
            "price_buckets": pa.array((5 + product % 12).astype(np.int32)),
        }  # fmt: skip
        columns = {"user_id": self.user_ids, "ds": pa.repeat(pa.scalar(ds), self.count),
                   "length": pa.array(lengths.astype(np.int32)),
                   "last_event_ds": pa.array(newest.astype(np.int32)).cast(pa.date32())}  # fmt: skip
        return _batch(USER_SEQUENCES, columns | {k: _lists(v, lengths) for k, v in flat.items()}, self.count)

    def recommendations(self, ds: date, second: bool) -> pa.RecordBatch:
        """Rows of staged.recommendations: ten a user."""
        rank = np.tile(np.arange(1, SUGGESTED + 1), self.count)
        product = (np.repeat(self.kind, SUGGESTED) * 4_001 + rank * (7 + second)) % PRODUCTS
        rows = self.count * SUGGESTED
        columns = {
            "user_id": self.user_ids.take(pa.array(np.repeat(np.arange(self.count), SUGGESTED))),
            "ds": pa.repeat(pa.scalar(ds), rows), "rank": pa.array(rank.astype(np.int32)),
            "product_id": _names("S", PRODUCTS).take(pa.array(product)), "score": pa.array(np.round(0.2 / rank, 6)),
            "price": decimals(10_000 * (5 + product % 200)), "last_sold_ds": pa.repeat(pa.scalar(ds), rows),
            "reason_kind": pa.repeat("model", rows), "reason": pa.repeat("fits what you did lately", rows),
            "reason_zh": pa.repeat("符合您近期的行为", rows),
        }  # fmt: skip
        return _batch(RECOMMENDATIONS, columns, rows)

    def people(self, ds: date) -> pa.RecordBatch:
        """Rows of silver.users."""
        random, nothing = self.random("people"), pa.array([], pa.string())

        def one_of(names: list[str]) -> pa.Array:
            return pa.array(names).take(pa.array(random.integers(0, len(names), self.count)))

        columns = {
            "user_id": self.user_ids, "age_band": one_of(["18-24", "25-34", "35-44", "45-54", "55-64", "65+"]),
            "gender": one_of(["female", "male"]), "region": one_of(["Guangdong", "Zhejiang", "Shanghai", "Sichuan"]),
            "marketing_consent": pa.array(random.random(self.count) < 0.72),
            "attributes": pa.MapArray.from_arrays(pa.array(np.zeros(self.count + 1, np.int32)), nothing, nothing),
            "first_seen_ds": pa.repeat(pa.scalar(ds - timedelta(days=400)), self.count),
            "has_record": pa.repeat(True, self.count),
        }  # fmt: skip
        return _batch(SILVER_USERS, columns, self.count)


def hash_of(name: str) -> int:
    """The same number for a name on every machine."""
    return sum(name.encode())


def _integers(values: np.ndarray, kind: str) -> pa.Array:
    whole = {"int": np.int32, "bigint": np.int64}[kind]
    null = np.isnan(values)
    return pa.array(np.where(null, 0, values).astype(whole), mask=null if null.any() else None)


def _batch(table: Table, columns: dict[str, pa.Array], count: int) -> pa.RecordBatch:
    """Exactly the table's columns; what was not drawn is null."""
    schema = lake.arrow_schema(table)
    columns = {"model_version": pa.repeat(VERSION, count), "run_id": pa.repeat(RUN, count)} | columns
    arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def chunks(users: int, seed: int) -> Iterator[Chunk]:
    for first in range(0, users, CHUNK):
        yield Chunk(seed, first, min(CHUNK, users - first))


def products() -> pa.RecordBatch:
    """Rows of silver.products."""
    number = np.arange(PRODUCTS)
    category = _names("CAT", CATEGORIES).take(pa.array(number % CATEGORIES))
    columns = {
        "product_id": _names("S", PRODUCTS), "title": _names("Thing ", PRODUCTS), "category": category,
        "category_path": _lists(category, np.ones(PRODUCTS, int)),
        "brand": _names("BRA", BRANDS).take(pa.array(number % BRANDS)),
        "usual_price": decimals(10_000 * (5 + number % 200)),
    }  # fmt: skip
    return _batch(SILVER_PRODUCTS, columns, PRODUCTS)


def write_sequences(warehouse: str, users: int, seed: int, ds: date) -> None:
    """All that a training reads as of ds; gold.user_features, of which it counts the rows, has one. A row group has as
    many users as the verb `sequences` puts in a file.
    """
    sequences = (chunk.sequences(ds, second=True) for chunk in chunks(users, seed))
    reader = pa.RecordBatchReader.from_batches(lake.arrow_schema(USER_SEQUENCES), sequences)
    groups = WriterProperties(max_row_group_size=CHUNK)
    write_deltalake(USER_SEQUENCES.path(warehouse), reader, partition_by=["ds"], writer_properties=groups)
    lake.write_partition(USER_FEATURES, warehouse, str(ds), [Chunk(seed, 0, 1).features(ds, second=True)])
    write_deltalake(SILVER_PRODUCTS.path(warehouse), pa.Table.from_batches([products()]))


def write(warehouse: str, users: int, seed: int, ds: date, say: Callable[[str], None]) -> None:
    """All that `segment` reads as of ds and the night before; sequences as of ds alone, as journeys are told of it."""
    nights = ((ds - timedelta(days=1), False), (ds, True))
    for table, make in (
        (USER_FEATURES, Chunk.features), (USER_EMBEDDINGS, Chunk.embeddings), (PREDICTIONS, Chunk.predictions),
        (RECOMMENDATIONS.staged(), Chunk.recommendations), (USER_SEQUENCES, Chunk.sequences),
    ):  # fmt: skip
        for day, second in nights if table is not USER_SEQUENCES else nights[1:]:
            batches = (make(chunk, day, second) for chunk in chunks(users, seed))
            lake.write_partition(table, warehouse, str(day), batches)
        say(f"{table.full_name} is there")
    people = (chunk.people(ds) for chunk in chunks(users, seed))
    reader = pa.RecordBatchReader.from_batches(lake.arrow_schema(SILVER_USERS), people)
    write_deltalake(SILVER_USERS.path(warehouse), reader, mode="overwrite")
