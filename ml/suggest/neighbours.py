"""Which products are bought together. Legend: U users, I products, E eligible products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

_ROWS = 128  # products whose neighbours are looked for at a time


@dataclass(frozen=True)
class Neighbours:
    """near_IE: how much a purchase of a product speaks for each eligible one, kept for the strongest of each row."""

    near_IE: sparse.csr_array

    @classmethod
    def of(cls, held_UI: sparse.csr_array, places_I: np.ndarray, eligible: int, most: int, damp: float) -> Neighbours:
        """held_UI: 1 where a user bought a product; places_I: see Shelf.places.

        Of products i and j: users of both, less 1 (one user proves nothing), over users(i) x users(j)^damp: between
        P(j | i) and its lift (Deshpande & Karypis 2004, section 4.2). Blocks of products bound the memory.
        """
        count_I = np.maximum(np.asarray(held_UI.sum(axis=0)).ravel(), 1).astype(np.float64)
        columns = np.flatnonzero(places_I >= 0)
        order = columns[np.argsort(places_I[columns], kind="stable")]
        theirs_UE, by_product = held_UI[:, order].tocsr(), held_UI.T.tocsr()
        parts = []
        for start in range(0, by_product.shape[0], _ROWS):
            stop = min(start + _ROWS, by_product.shape[0])
            both = (by_product[start:stop] @ theirs_UE).tocoo()
            row, column = both.coords
            kept = (both.data > 1) & (order[column] != start + row)
            row, column = row[kept], column[kept]
            value = (both.data[kept] - 1) / (count_I[start + row] * count_I[order[column]] ** damp)
            place = np.lexsort((column, -value, row))
            row, column, value = row[place], column[place], value[place]
            rank = np.arange(len(row)) - np.searchsorted(row, row)
            near = rank < most
            parts.append(sparse.csr_array((value[near], (row[near], column[near])), (stop - start, eligible)))
        near = sparse.vstack(parts, format="csr")
        near.sort_indices()
        return cls(near)
