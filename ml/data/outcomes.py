"""What users did in the days after a day: the truth that predictions and segments are held against.

Legend: U users, C categories.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, vstack

from jobs.tables import MONEY_UNITS
from ml.common.arrays import of_users
from ml.data import events

HORIZON, YEAR = 28, 365  # days
# user: index of a user. One row a user and category.
_CELLS = pa.schema([("user", pa.int64()), ("category", pa.string()), ("count_all", pa.int64())])


@dataclass(frozen=True)
class Outcomes:
    """Of the given users, from ds + 1 to the end of the horizon (HORIZON, if not said otherwise), both included.

    spend: money for purchases. lines: purchase lines, those of unknown categories too. first_day: days from ds to the
    first purchase, 1..HORIZON; nan without one. lines_UC: lines by category, `categories` in order of name.
    """

    spend: np.ndarray
    lines: np.ndarray
    first_day: np.ndarray
    lines_UC: csr_matrix
    categories: list[str]

    @property
    def silent(self) -> np.ndarray:
        """True for who bought nothing."""
        return self.lines == 0

    def largest(self, most: int) -> Outcomes:
        """The same with the `most` categories of most lines (ties by name)."""
        total = np.asarray(self.lines_UC.sum(axis=0)).ravel()
        kept = np.sort(np.lexsort((self.categories, -total))[:most])
        names = [self.categories[k] for k in kept]
        return Outcomes(self.spend, self.lines, self.first_day, self.lines_UC[:, kept], names)

    def of_categories(self, names: list[str]) -> Outcomes:
        """The same with exactly these categories; one that nobody bought is 0."""
        place = {name: index for index, name in enumerate(self.categories)}
        picked = csr_matrix(
            (np.ones(sum(name in place for name in names)),
             ([place[name] for name in names if name in place], [k for k, name in enumerate(names) if name in place])),
            (len(self.categories), len(names)),
        )  # fmt: skip
        return replace(self, lines_UC=(self.lines_UC @ picked).tocsr(), categories=names)


def joined(parts: list[Outcomes], most: int) -> Outcomes:
    """Outcomes of several days, one after the other, in the `most` categories of most lines over all of them."""
    names = sorted({name for part in parts for name in part.categories})
    alike = [part.of_categories(names) for part in parts]
    arrays = (np.concatenate([getattr(part, name) for part in alike]) for name in ("spend", "lines", "first_day"))
    return Outcomes(*arrays, vstack([part.lines_UC for part in alike], format="csr"), names).largest(most)


def read(
    warehouse: str, ds: datetime.date, user_ids: pa.Array, loaded_until: datetime.date | None = None,
    days: int = HORIZON,
) -> Outcomes:  # fmt: skip
    """Outcomes of user_ids in the `days` after ds. Raises DataError where silver.events does not reach their end.

    loaded_until: the caller knows that all days up to it are there, even where nobody did anything on the last ones.
    """
    end = ds + datetime.timedelta(days=days)
    if loaded_until is None or loaded_until < end:
        events.require_until(warehouse, end)
    lines = events.purchases(warehouse, ds + datetime.timedelta(days=1), end, ["user_id", "ds", "category", "amount"])
    return _counted(lines, ds, user_ids)


def _counted(batches: Iterable[pa.RecordBatch], ds: datetime.date, user_ids: pa.Array) -> Outcomes:
    users = len(user_ids)
    units, lines = np.zeros(users, np.int64), np.zeros(users, np.int64)
    first = np.full(users, HORIZON + 1, np.int64)
    cells = [_CELLS.empty_table()]
    for batch in batches:
        batch, place = of_users(batch, user_ids)
        user = place.astype(np.int64)
        money = pc.cast(batch["amount"], pa.float64()).fill_null(0).to_numpy()
        np.add.at(units, user, np.rint(money * MONEY_UNITS).astype(np.int64))  # whole, so that no order of rows shows
        np.add.at(lines, user, 1)
        np.minimum.at(first, user, events.days_after(batch["ds"], ds))
        cell = pa.table({"user": user, "category": batch["category"]}).filter(pc.field("category").is_valid())
        counted = cell.group_by(["user", "category"]).aggregate([([], "count_all")])
        cells.append(counted.select(_CELLS.names).cast(_CELLS))
    first_day = np.where(first > HORIZON, np.nan, first.astype(np.float64))
    return Outcomes(units / MONEY_UNITS, lines, first_day, *_crossed(pa.concat_tables(cells), users))


def lines_of_year(warehouse: str, ds: datetime.date, user_ids: pa.Array) -> tuple[csr_matrix, list[str]]:
    """Purchase lines (U, C) of the year up to ds by category, and the categories by name."""
    first = ds - datetime.timedelta(days=YEAR - 1)
    lines = pa.schema([("user_id", pa.string()), ("category", pa.string()), ("count_all", pa.int64())]).empty_table()
    for batch in events.purchases(warehouse, first, ds, ["user_id", "category"]):
        batch = batch.filter(batch["category"].is_valid())
        counted = pa.table(batch).group_by(["user_id", "category"]).aggregate([([], "count_all")])
        lines = pa.concat_tables([lines, counted.select(lines.column_names)])
    lines = lines.group_by(["user_id", "category"]).aggregate([("count_all", "sum")])
    place = pc.index_in(lines["user_id"], value_set=user_ids)
    cells = pa.table({"user": place, "category": lines["category"], "count_all": lines["count_all_sum"]})
    return _crossed(cells.filter(place.is_valid()).combine_chunks(), len(user_ids))


def _crossed(cells: pa.Table, users: int) -> tuple[csr_matrix, list[str]]:
    """Counts (U, C) of rows of _CELLS, and their categories by name."""
    names = sorted(pc.unique(cells["category"]).to_pylist())
    column = pc.index_in(cells["category"], value_set=pa.array(names, pa.string())).to_numpy()
    counts = cells["count_all"].to_numpy().astype(np.float64)
    return csr_matrix((counts, (cells["user"].to_numpy(), column)), (users, len(names))), names
