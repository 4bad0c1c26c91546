"""What users did with which product. Legend: U users, I products, N cells."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy import sparse

from ml.data.events import day_number
from ml.data.sequences import DAY_SECONDS, Sequences
from ml.data.vocabulary import FIRST

SLOW = 5


@dataclass(frozen=True)
class Cells:
    """One cell a user and product that he had to do with before a moment (seconds since 1970), by user, then product.

    user_N, item_N: indices. bought_N: purchases. fresh_N: the same, each worth half after every half-life. last_N: time
    of the last of them, -1 without one. between_N: mean days between them, nan below two. slow_N: as fresh_N, by a
    half-life SLOW times as long. seen_N: other events (views, carts), worth less with time as fresh_N. visits_U: days
    with a purchase of any known product; lately_U: the same, worth less with time as fresh_N.
    """

    users: int
    moment: int
    user_N: np.ndarray
    item_N: np.ndarray
    bought_N: np.ndarray
    fresh_N: np.ndarray
    last_N: np.ndarray
    between_N: np.ndarray
    slow_N: np.ndarray
    seen_N: np.ndarray
    visits_U: np.ndarray
    lately_U: np.ndarray

    @classmethod
    def of(
        cls, sequences: Sequences, lengths_U: np.ndarray, moment: int, purchase: int, products: int, half_life: float
    ) -> Cells:
        """Of the first lengths_U events of each user; moment: seconds since 1970; purchase: see purchase_id."""
        owner_E = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))
        place_E = np.arange(len(owner_E)) - sequences.offsets[owner_E]
        kept = (place_E < lengths_U[owner_E]) & (sequences.items >= FIRST)
        code_E = owner_E[kept] * products + (sequences.items[kept] - FIRST)
        time_E = sequences.times[kept]
        is_purchase = sequences.context_EC[kept, 0] == purchase
        code_N, cell_E = np.unique(code_E, return_inverse=True)
        cells, worth_E = len(code_N), 0.5 ** (np.maximum(moment - time_E, 0) / DAY_SECONDS / half_life)
        slow_E = worth_E ** (1 / SLOW)
        bought = np.bincount(cell_E[is_purchase], minlength=cells)
        fresh = np.bincount(cell_E[is_purchase], worth_E[is_purchase], minlength=cells)
        seen = np.bincount(cell_E[~is_purchase], worth_E[~is_purchase], minlength=cells)
        first, last = np.full(cells, -1), np.full(cells, -1)
        first[cell_E[is_purchase][::-1]] = time_E[is_purchase][::-1]  # times ascend: the one written last stays
        last[cell_E[is_purchase]] = time_E[is_purchase]
        between = np.where(bought > 1, (last - first) / DAY_SECONDS / np.maximum(bought - 1, 1), np.nan)
        slow = np.bincount(cell_E[is_purchase], slow_E[is_purchase], minlength=cells)
        day = np.stack([owner_E[kept], sequences.days[kept]])[:, is_purchase]
        visitor, first_E = np.unique(day, axis=1, return_index=True)
        visits = np.bincount(visitor[0], minlength=len(sequences))
        lately = np.bincount(visitor[0], worth_E[is_purchase][first_E], minlength=len(sequences))
        return cls(
            len(sequences), moment, code_N // products, code_N % products, bought, fresh, last, between, slow, seen,
            visits, lately,
        )  # fmt: skip

    def since(self) -> np.ndarray:
        """Days since the last purchase; nan without one."""
        return np.where(self.last_N >= 0, np.maximum(self.moment - self.last_N, 0) / DAY_SECONDS, np.nan)

    def part(self, kept_N: np.ndarray | slice) -> Cells:
        """Some of the cells, of the same users."""
        return replace(self, **{f.name: getattr(self, f.name)[kept_N] for f in fields(self) if f.name.endswith("_N")})

    def of_users(self, first: int, last: int) -> Cells:
        """Those of the users first .. last - 1, who are 0 .. then."""
        start, stop = np.searchsorted(self.user_N, (first, last))
        part = self.part(slice(start, stop))
        theirs = {name: getattr(self, name)[first:last] for name in ("visits_U", "lately_U")}
        return replace(part, users=last - first, user_N=part.user_N - first, **theirs)

    def offsets(self) -> np.ndarray:
        """User u owns cells offsets[u] .. offsets[u + 1]."""
        return np.searchsorted(self.user_N, np.arange(self.users + 1))

    def matrix(self, weight_N: np.ndarray, products: int) -> sparse.csr_array:
        """Sparse (U, I) of a weight a cell."""
        return sparse.csr_array((weight_N, self.item_N, self.offsets()), (self.users, products))


def bought_between(
    sequences: Sequences, after: datetime.date, until: datetime.date, purchase: int, looked_I: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """User and product, once each, by user, of purchases on the days after `after`, up to `until`; of the products of
    looked_I (I) of any event.
    """
    products = len(looked_I)
    owner_E = np.repeat(np.arange(len(sequences)), np.diff(sequences.offsets))
    kept = (sequences.days > day_number(after)) & (sequences.days <= day_number(until)) & (sequences.items >= FIRST)
    looked_E = np.append(looked_I, False)[np.maximum(sequences.items - FIRST, -1)]
    kept &= looked_E | (sequences.context_EC[:, 0] == purchase)
    code = np.unique(owner_E[kept] * products + (sequences.items[kept] - FIRST))
    return code // products, code % products
