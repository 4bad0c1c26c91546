"""Item-to-item neighbours by co-occurrence, to suggest by, and to hold models against: no learning, seconds.

A user's score of j is the sum over his items i, each worth what the caller says, of

    together[i, j] / (count[i]^damp_from x count[j]^damp_to)

between the conditional probability P(j | i) (1, 0), the cosine (1/2, 1/2) and the lift (1, 1) (Deshpande & Karypis
2004, section 4.2). There are three ways to count what is together: baskets of users (`ItemNeighbours`), a window of
lists in their order (`ahead`), and whatever a user had to do with (`conditional`).
Legend: U users, B users of a chunk, I items, E eligible ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

WINDOW, DECAY = 12, 0.8  # of `ahead`
_MEETINGS = 1 << 20  # of products with others, counted at a time


def damped(
    together_IJ: sparse.csr_array, count_I: np.ndarray, count_J: np.ndarray, damp_from: float, damp_to: float
) -> sparse.csr_array:
    """Counts of i and j together over the damped counts of each."""
    value = together_IJ.data * (count_I**-damp_from)[_rows(together_IJ)] * (count_J**-damp_to)[together_IJ.indices]
    return sparse.csr_array((value, together_IJ.indices, together_IJ.indptr), together_IJ.shape)


def _rows(cells: sparse.csr_array) -> np.ndarray:
    """The row of each cell."""
    return np.repeat(np.arange(cells.shape[0]), np.diff(cells.indptr))


def _only(cells: sparse.csr_array, kept: np.ndarray) -> sparse.csr_array:
    """The cells that are `kept`."""
    starts = np.concatenate([[0], kept.cumsum()])[cells.indptr]
    return sparse.csr_array((cells.data[kept], cells.indices[kept], starts), cells.shape)


@dataclass(frozen=True)
class ItemNeighbours:
    """near_IE: how much a purchase of a product speaks for each eligible one, kept for the strongest of each row."""

    near_IE: sparse.csr_array

    @classmethod
    def of(
        cls, held_UI: sparse.csr_array, places_I: np.ndarray, eligible: int, most: int, damp: float
    ) -> ItemNeighbours:
        """held_UI: 1 where a user bought a product; places_I: see Shelf.places. most: kept of each product.

        Together: users of both, less 1 (one user proves nothing); damped by 1 and `damp`. Blocks of products bound the
        memory.
        """
        buyers_I = np.asarray(held_UI.sum(axis=0)).ravel()
        count_I = np.maximum(buyers_I, 1).astype(np.float64)
        columns = np.flatnonzero(places_I >= 0)
        order = columns[np.argsort(places_I[columns], kind="stable")]
        theirs_UE, by_product = held_UI[:, order].tocsr(), held_UI.T.tocsr()
        met = np.flatnonzero(buyers_I > 1)  # what one user alone bought meets nothing twice
        parts = [sparse.csr_array((0, eligible))]
        for rows in _blocks(met, by_product, theirs_UE):
            both = by_product[rows] @ theirs_UE
            both = _only(both, both.data > 1)
            both = _only(both, order[both.indices] != rows[_rows(both)])
            both.data -= 1
            parts.append(strongest(damped(both, count_I[rows], count_I[order], 1.0, damp), most))
        near = sparse.vstack(parts, format="csr")
        starts = np.zeros(len(buyers_I) + 1, np.int64)
        starts[met + 1] = np.diff(near.indptr)
        return cls(sparse.csr_array((near.data, near.indices, starts.cumsum()), (len(buyers_I), eligible)))


def _blocks(products: np.ndarray, by_product: sparse.csr_array, theirs_UE: sparse.csr_array) -> list[np.ndarray]:
    """`products` in order, as many at a time as meet _MEETINGS others in the baskets of their buyers."""
    meetings = np.cumsum(by_product[products] @ np.diff(theirs_UE.indptr).astype(np.float64))
    ends = np.arange(_MEETINGS, meetings[-1], _MEETINGS) if len(products) else []
    return np.split(products, np.unique(np.searchsorted(meetings, ends)))


def strongest(near: sparse.csr_array, most: int) -> sparse.csr_array:
    """The `most` largest of each row, by column; of equal ones the first."""
    near.sort_indices()
    kept = np.ones(near.nnz, bool)
    for row in np.flatnonzero(np.diff(near.indptr) > most):
        cells = slice(near.indptr[row], near.indptr[row + 1])
        value = near.data[cells]
        least = np.partition(value, -most)[-most]
        larger = value > least
        larger[np.flatnonzero(value == least)[: most - larger.sum()]] = True
        kept[cells] = larger
    return _only(near, kept)


def ahead(items_E: np.ndarray, owner_E: np.ndarray, counted_E: np.ndarray, size: int) -> sparse.csr_array:
    """(I, I): how often j comes at most WINDOW places after i in a list; DECAY^(distance - 1) each time.

    items_E: one list after the other. owner_E: whose. counted_E: whether an event may be j.
    """
    total_II = sparse.csr_array((size, size), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        here = np.flatnonzero(counted_E[distance:] & (owner_E[distance:] == owner_E[:-distance]))
        weight = np.full(len(here), DECAY ** (distance - 1), np.float32)
        total_II = total_II + sparse.csr_array((weight, (items_E[here], items_E[here + distance])), (size, size))
    return total_II


def conditional(query_UI: sparse.csr_array, seen_UI: sparse.csr_array) -> Callable[[np.ndarray], np.ndarray]:
    """Of users (B, indices of query_UI): the sum over their items i of P(j | i) (B, I), an item's own one included.

    query_UI: what an item of a user is worth. seen_UI: 1 where a user had to do with an item. Computed as (Q X^T) X,
    which never holds a product x product matrix.
    """
    count_I = np.maximum(seen_UI.sum(axis=0), 1)
    query_UI = (query_UI @ sparse.diags_array(count_I**-1.0)).tocsr()
    return lambda users: ((query_UI[users] @ seen_UI.T) @ seen_UI).toarray()
