"""Sequences as packed arrays: no Python object per event.

Legend: E events, U users, B users of a batch, P places of their events, C context features.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.common.arrays import find
from ml.common.hashing import mixed
from ml.data.catalogue import Catalogue
from ml.data.events import day_number
from ml.data.vocabulary import PADDING, PRICE_BUCKETS, UNKNOWN, Vocabularies

# What a model reads; what is cut by the shop's days reads the same.
SEQUENCE_COLUMNS = [
    "user_id",
    "event_times",
    "event_types",
    "product_ids",
    "price_buckets",
    "event_days",
    "event_hours",
]
DATED_COLUMNS = SEQUENCE_COLUMNS
TYPES = 16  # the contract names 8 event types; two ids are padding and unknown
GAPS, HOURS, WEEKDAYS = 32, 24, 7
VISIT_ENDS = 2  # the event is, or is not, the last of a visit
VISIT_SECONDS, DAY_SECONDS = 1800, 86_400
CONTEXT = 6
OF_EVENT = 2  # the first columns of the context: type and price; the others are of the time and of the place
CONTEXT_SIZE = 1 + TYPES + PRICE_BUCKETS + GAPS + HOURS + WEEKDAYS + VISIT_ENDS  # ids of all together; 0 = padding


def midnight(ds: datetime.date) -> int:
    """The end of ds at UTC, in seconds since 1970. Ages are counted from there, hours off for all users of a shop; what
    belongs to ds and what does not is told by the shop's days.
    """
    return int(datetime.datetime.combine(ds + datetime.timedelta(days=1), datetime.time(), datetime.UTC).timestamp())


BLOCK_USERS = 65_536
_OF_EVENTS = ("times", "items", "context_EC", "days")


@dataclass(frozen=True)
class Sequences:
    """Events of users, one user after the other. User u owns events offsets[u] .. offsets[u + 1].

    user_ids: U. offsets: int64, U + 1. times: int64, seconds since 1970, UTC. items: int32, rows of the catalogue.
    days: int32, days since 1970 at the shop, ascending. context_EC: uint8, event type, price bucket, log2 time gap,
    hour and weekday (at the shop, see Vocabularies), end of a visit, as ids of one shared table. A visit's end says
    that the next event comes after 30 minutes or more, or not yet: a user's newest state is asked for the next visit,
    and most events inside a long visit would teach it something else.
    """

    user_ids: pa.Array
    offsets: np.ndarray
    times: np.ndarray
    items: np.ndarray
    context_EC: np.ndarray
    days: np.ndarray

    def __len__(self) -> int:
        return len(self.user_ids)

    def lengths_until(self, ds: datetime.date) -> np.ndarray:
        """Events of each user up to the end of ds at his shop; they come first, as days ascend."""
        return self.lengths_before(day_number(ds) + 1)

    def lengths_before(self, day: int) -> np.ndarray:
        """Events of each user before a day (since 1970)."""
        return _sums(self.days < day, self.offsets)

    def owners(self, events: np.ndarray) -> np.ndarray:
        """User (index) of each of the events (indices)."""
        return np.searchsorted(self.offsets, events, side="right") - 1

    def sums(self, values_E: np.ndarray) -> np.ndarray:
        """Sum (U) of values of each user's events."""
        return _sums(values_E, self.offsets)

    def worth(self, events: np.ndarray) -> np.ndarray:
        """Price of events (indices) by the middle of its level, in a unit of the shop's own; 0 where it is unknown."""
        level = self.context_EC[events, 1].astype(np.int64) - (1 + TYPES)
        return np.where(level > 0, 2.0 ** ((level - 0.5) / 2) - 1, 0.0)

    def part(self, users: np.ndarray) -> Sequences:
        """Those of the users (indices), in their order."""
        lengths = self.offsets[users + 1] - self.offsets[users]  # not of all users, for each batch
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        event = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], lengths)
        user_ids = self.user_ids.take(pa.array(users))
        arrays = (getattr(self, name)[event] for name in _OF_EVENTS)
        return Sequences(user_ids, offsets, *arrays)

    def shuffled(self, users: np.ndarray, key_U: np.ndarray) -> Sequences:
        """Those of the users (indices), with all that was done at one time, such as the lines of a basket, in an order
        that the users' keys (uint64) draw: it is stored by the ids of products, which nothing should be learned from.

        Products, types and prices change places; gaps and ends of visits belong to the place.
        """
        part = self.part(users)
        lengths = np.diff(part.offsets)
        opens_E = np.diff(part.times, prepend=part.times[:1]) != 0
        opens_E[part.offsets[:-1][lengths > 0]] = True
        place_E = np.arange(len(part.items)) - np.repeat(part.offsets[:-1], lengths)
        key_E = mixed(np.repeat(key_U, lengths) + place_E.astype(np.uint64))
        order = np.lexsort((key_E, np.cumsum(opens_E)))
        context_EC = part.context_EC.copy()
        context_EC[:, :OF_EVENT] = context_EC[order, :OF_EVENT]
        return replace(part, items=part.items[order], context_EC=context_EC)

    def fingerprints(self, item_I: np.ndarray, max_len: int) -> np.ndarray:
        """int64 (U): equal where the newest max_len events are equal in product, context and order. item_I: uint64, a
        hash of each row of the catalogue.
        """
        event_E = item_I[self.items]
        for column in self.context_EC.T:
            event_E = mixed(event_E + column.astype(np.uint64))
        lengths = np.diff(self.offsets)
        place_E = np.repeat(self.offsets[1:], lengths) - np.arange(len(self.items))  # from the newest one, 1
        event_E = mixed(event_E + mixed(place_E.astype(np.uint64)))
        sums = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum(np.where(place_E <= max_len, event_E, 0), dtype=np.uint64)]
        )
        return (sums[self.offsets[1:]] - sums[self.offsets[:-1]]).view(np.int64)

    def run(
        self, users: np.ndarray, starts: np.ndarray, lengths: np.ndarray, placeholder: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Events starts .. starts + lengths of users, one user after the other, as ml/transformer/layout.py reads them.

        Items int64 (P), context int64 (P, C), and places of each user int64 (B). placeholder: one more place after
        each user's events, of padding: the model's state there is the user's vector.
        """
        places = lengths + placeholder
        ends = np.cumsum(places)
        event_P = np.arange(ends[-1] if len(ends) else 0) + np.repeat(
            self.offsets[users] + starts - (ends - places), places
        )
        empty_P = np.zeros(len(event_P), bool)
        if placeholder:
            empty_P[ends - 1] = True
        event_P[empty_P] = 0
        if not len(self.items):
            return (
                np.zeros(len(event_P), np.int64),
                np.zeros((len(event_P), self.context_EC.shape[1]), np.int64),
                places,
            )
        items_P = np.where(empty_P, PADDING, self.items[event_P]).astype(np.int64)
        context_PC = np.where(empty_P[:, None], PADDING, self.context_EC[event_P]).astype(np.int64)
        return items_P, context_PC, places

    def latest(self, users: np.ndarray, lengths: np.ndarray, max_len: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The newest max_len of the first `lengths` events of users and a placeholder, as `run` gives them."""
        kept = np.minimum(lengths, max_len)
        return self.run(users, lengths - kept, kept, placeholder=True)


def purchase_id(vocabularies: Vocabularies) -> int:
    """What context_EC[:, 0] of a purchase is; -1, which nothing is, where the model never saw one."""
    (number,) = vocabularies.event_type.encode(pa.array(["purchase"]))
    return 1 + int(number) if number > UNKNOWN else -1


def pack(
    batches: Iterable[pa.RecordBatch],
    catalogue: Catalogue,
    vocabularies: Vocabularies,
    keep: pa.Array | None = None,
) -> Sequences:
    """Batches of SEQUENCE_COLUMNS, or of DATED_COLUMNS, as packed arrays; `keep`: only these users, in this order."""
    parts = []
    for batch in batches:
        wanted = batch if keep is None else batch.filter(pa.array(find(batch["user_id"], keep) >= 0))
        if wanted.num_rows:
            parts.append(_pack_batch(wanted, catalogue, vocabularies))
    if not parts:
        return Sequences(pa.array([], pa.string()), np.zeros(1, np.int64), *_empty_events())
    user_ids = pa.concat_arrays([part.user_ids for part in parts])
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    joined = Sequences(
        user_ids,
        offsets,
        *(np.concatenate([getattr(p, name) for p in parts]) for name in _OF_EVENTS),
    )
    return joined if keep is None else joined.part(find(keep, user_ids))


def pack_into(
    lengths_U: np.ndarray,
    batches: Iterable[tuple[np.ndarray, pa.RecordBatch]],
    catalogue: Catalogue,
    vocabularies: Vocabularies,
) -> Sequences:
    """Packed sequences of users whose events are counted already. batches: as of `pack`, with the place of each row's
    user.

    Events go where they stay: beside the result one batch is held.
    """
    offsets = np.concatenate([[0], np.cumsum(lengths_U, dtype=np.int64)])
    arrays = dict(zip(_OF_EVENTS, (np.empty((offsets[-1], *part.shape[1:]), part.dtype) for part in _empty_events()),
                      strict=True))  # fmt: skip
    ids, places = [pa.array([], pa.string())], [np.zeros(0, np.int64)]
    for place, batch in batches:
        part = _pack_batch(batch, catalogue, vocabularies)
        event = np.arange(len(part.items)) + np.repeat(offsets[place] - part.offsets[:-1], np.diff(part.offsets))
        for name, values in arrays.items():
            values[event] = getattr(part, name)
        ids.append(part.user_ids)
        places.append(place)
    order = np.argsort(np.concatenate(places), kind="stable")
    return Sequences(pa.concat_arrays(ids).take(pa.array(order)), offsets, **arrays)


def _empty_events() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, CONTEXT), np.uint8), np.zeros(0, np.int32)


def days_of(rows: pa.RecordBatch | pa.Table) -> np.ndarray:
    """int32 (E): the shop's day of each event, since 1970; UTC's in rows that were written before it was kept."""
    times = np.asarray(pc.list_flatten(rows["event_times"]))
    return _stored(rows, "event_days", (times // DAY_SECONDS).astype(np.int32))


def _stored(rows: pa.RecordBatch | pa.Table, name: str, of_utc: np.ndarray) -> np.ndarray:
    """A column of lists (E); of_utc where the rows were written before it was kept."""
    if name in rows.schema.names:
        values = np.asarray(pc.list_flatten(rows[name]))
        if len(values) == len(of_utc):
            return values
    return of_utc


def _pack_batch(batch: pa.RecordBatch, catalogue: Catalogue, vocabularies: Vocabularies) -> Sequences:
    times_list = batch["event_times"]
    offsets = np.concatenate([[0], np.cumsum(times_list.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))])
    times = times_list.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    first = offsets[:-1][np.diff(offsets) > 0]
    gap = np.diff(times, prepend=times[:1])
    gap_id = 1 + np.minimum(np.log2(1 + np.maximum(gap, 0)).astype(np.int64), GAPS - 2)
    gap_id[first] = 0  # the first event has no gap
    ends = np.append(gap[1:] >= VISIT_SECONDS, True)
    ends[offsets[1:][np.diff(offsets) > 0] - 1] = True
    price = batch["price_buckets"].flatten().fill_null(0).to_numpy(zero_copy_only=False)
    days, hours, weekdays = days_of(batch), times // 3600 % 24, times // DAY_SECONDS
    if vocabularies.reads_shop_hours:
        hours, weekdays = _stored(batch, "event_hours", hours), days
    base, columns = 1, []
    for ids, size in (
        (vocabularies.event_type.encode(batch["event_types"].flatten()), TYPES),
        (vocabularies.price_levels(price), PRICE_BUCKETS),
        (gap_id, GAPS),
        (hours, HOURS),
        ((weekdays + 3) % 7, WEEKDAYS),  # 1970-01-01 was a Thursday; 0 = Monday
        (ends[: len(times)], VISIT_ENDS),
    ):
        columns.append(base + ids)
        base += size
    context = np.stack(columns, axis=1).astype(np.uint8)
    items = catalogue.rows(batch["product_ids"].flatten())
    return Sequences(batch["user_id"], offsets, times, items, context, days)


def _sums(values_E: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sum (U) of each user's values, which are flags or float64. By blocks: numpy adds up flags in a copy."""
    totals = np.zeros(len(offsets) - 1, np.float64 if values_E.dtype.kind == "f" else np.int64)
    some = np.flatnonzero(np.diff(offsets))
    for start in range(0, len(some), BLOCK_USERS):
        users = some[start : start + BLOCK_USERS]
        first, end = offsets[users[0]], offsets[users[-1] + 1]
        totals[users] = np.add.reduceat(values_E[first:end], offsets[users] - first, dtype=totals.dtype)
    return totals
