"""Why a product is suggested, in words. Legend: K suggestions, N cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.common.arrays import find_sorted
from ml.data.sequences import DAY_SECONDS
from ml.suggest.candidates import INPUTS, SOURCES, Pairs, World
from ml.suggest.history import Cells

AGAIN, SEEN, TOGETHER, MODEL, POPULAR, UNTRIED = KINDS = (
    "buy again", "looked at", "bought together", "model", "popular", "untried",
)  # fmt: skip
_FRESHEST = 30  # of a user's products are asked what they speak for
KIND_OF_SOURCE = {"together": TOGETHER, "model": MODEL, "popular": POPULAR}  # the places of `new` are UNTRIED
_SPEAKING = [place for place, name in enumerate(SOURCES) if name in KIND_OF_SOURCE]
_KINDS_S = np.array([KIND_OF_SOURCE[[*SOURCES][place]] for place in _SPEAKING], object)


@dataclass(frozen=True)
class Reasons:
    """kind_K: of KINDS. because_K: the product (row of the catalogue) of the user that speaks most for it, -1: none."""

    kind_K: np.ndarray
    because_K: np.ndarray
    english: pa.Array
    chinese: pa.Array


def kinds(pairs: Pairs, rows: np.ndarray) -> np.ndarray:
    """What the user did with the product himself; else the source that ranks it highest."""
    of_source = _KINDS_S[pairs.rank_PS[rows][:, _SPEAKING].argmin(axis=1)]
    seen = pairs.values_PJ[rows, INPUTS.index("seen")] > 0
    return np.where(pairs.bought()[rows], AGAIN, np.where(seen, SEEN, of_source))


def because(world: World, cells: Cells, user_K: np.ndarray, place_K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The user's product that speaks most for each suggestion, and whether he bought it; -1 where none does."""
    fresh = cells.fresh_N + 0.1 * cells.seen_N
    order = np.lexsort((cells.item_N, -fresh, cells.user_N))
    start = cells.offsets()
    count_K = np.minimum(np.diff(start)[user_K], _FRESHEST)
    owner = np.repeat(np.arange(len(user_K)), count_K)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count_K) - count_K, count_K)
    cell = order[np.repeat(start[user_K], count_K) + nth]
    near = world.neighbours.near_IE
    worth = np.log1p(fresh[cell]) * _lookup(near, cells.item_N[cell], place_K[owner])
    worth[world.products.barred_I[cells.item_N[cell]]] = 0  # what is not offered is not spoken of either
    best = np.lexsort((nth, -worth, owner))
    best = best[np.unique(owner[best], return_index=True)[1]] if len(owner) else best
    best = best[worth[best] > 0]
    item, bought = np.full(len(user_K), -1), np.zeros(len(user_K), bool)
    item[owner[best]], bought[owner[best]] = cells.item_N[cell[best]], cells.bought_N[cell[best]] > 0
    return item, bought


def _lookup(matrix, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cells of a CSR array with sorted indices, 0 where there is none."""
    if not matrix.nnz:
        return np.zeros(len(rows))
    low, high = matrix.indptr[rows].astype(np.int64), matrix.indptr[rows + 1].astype(np.int64)
    end = high.copy()
    while (open_ := low < high).any():  # all bisections at once
        middle = (low + high) // 2
        less = matrix.indices[np.minimum(middle, matrix.nnz - 1)] < columns
        low, high = np.where(open_ & less, middle + 1, low), np.where(open_ & ~less, middle, high)
    at = np.minimum(low, matrix.nnz - 1)
    return np.where((low < end) & (matrix.indices[at] == columns), matrix.data[at], 0.0)


def reasons(world: World, cells: Cells, pairs: Pairs, rows: np.ndarray, tried: np.ndarray) -> Reasons:
    """Of the suggested pairs `rows`. tried: those in a place that is kept for what is new, whatever else speaks for it,
    so that what comes of these places can be counted.
    """
    kind, user, place = np.where(tried, UNTRIED, kinds(pairs, rows)), pairs.user_P[rows], pairs.place_P[rows]
    item, bought = because(world, cells, user, place)
    item = np.where(np.isin(kind, (TOGETHER, MODEL)), item, -1)
    titles = world.products.title.take(pa.array(item, mask=item < 0))
    products = len(world.products)
    own = find_sorted(user * products + world.shelf.items_E[place], cells.user_N * products + cells.item_N)
    regular = np.where(cells.bought_N > 2, cells.between_N, np.nan)  # two purchases are no habit
    last, every = np.append(cells.last_N, -1)[own], np.append(regular, np.nan)[own]
    return Reasons(kind, item, *texts(kind, titles, bought, last, every))


def texts(
    kind: np.ndarray, title: pa.Array, bought: np.ndarray, last: np.ndarray, every: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """English and Chinese sentences. title, bought: of the user's product that speaks for it; last: time of the last
    purchase of the product itself; every: days between its purchases, nan: not known.
    """
    titled = title.is_valid().to_numpy(zero_copy_only=False)
    often = pc.cast(pa.array(np.rint(np.nan_to_num(every)).astype(np.int64)), pa.string())
    day = pc.cast(pa.array(last // DAY_SECONDS, pa.int32()).cast(pa.date32()), pa.string())
    cases = [
        ((kind == AGAIN) & (every >= 1.5), ["You buy it about every ", often, " days, last on ", day],
         ["您大约每", often, "天购买一次，上次是", day]),
        (kind == AGAIN, ["You bought it on ", day], ["您曾于", day, "购买"]),
        (kind == SEEN, ["You looked at it lately"], ["您最近看过"]),
        ((kind == TOGETHER) & titled & bought, ["Because you bought ", title], ["因为您买过", title]),
        ((kind == TOGETHER) & titled, ["Because you looked at ", title], ["因为您看过", title]),
        ((kind == MODEL) & titled & bought, ["Fits what you buy lately, such as ", title],
         ["符合您近期的购买，如", title]),
        ((kind == MODEL) & titled, ["Fits what you look at lately, such as ", title], ["符合您近期的浏览，如", title]),
        (np.isin(kind, (TOGETHER, MODEL)), ["Fits what you did lately"], ["符合您近期的行为"]),
        (kind == POPULAR, ["Popular now"], ["近期热门"]),
        (kind == UNTRIED, ["New here, and like what you do lately"], ["新品，与您近期的行为相符"]),
    ]  # fmt: skip
    holds = pa.StructArray.from_arrays([pa.array(case[0]) for case in cases], [str(n) for n in range(len(cases))])
    return tuple(pc.case_when(holds, *[_line(case[n], len(kind)) for case in cases]) for n in (1, 2))


def _line(parts: list, rows: int) -> pa.Array:
    line = pc.binary_join_element_wise(*parts, "")
    return line if isinstance(line, pa.Array) else pa.repeat(line, rows)
