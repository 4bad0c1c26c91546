"""What is known of a user and a product at a cut: how often, how long ago, against the pair's and the product's rhythm,
and how much alike users and the newest baskets speak for it.

The pairs of a user are the products that he had, and those that neighbours propose. Nothing of the basket that the cut
asks for, or of a newer one of anybody, is counted, so that examples of older cuts follow the rule of the test.

Legend: U users, I products, B users of a chunk, E entries, N pairs, F columns, V visits since, 0 = the newest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ml.baskets.counting import Tifu
from ml.baskets.visits import Baskets
from ml.suggest.neighbours import damped

PROPOSED = 60  # products a user by each of the three kinds of neighbours
NEWEST = 5  # visits that speak for what comes after them
WINDOW = 3  # visits between a product and what came after it
KEPT = 100  # strongest neighbours that are kept, a product on average
_CHUNK = 512
NEVER = 100  # visits since, of a product that the user never had
COLUMNS = (
    "had", "times", "share", "since", "since_first", "gap", "last_gap", "since_to_gap", "since_to_product_gap",
    "of_last_3", "of_last_5", "of_last_10", "decayed_7", "decayed_9", "tifu_own", "tifu_near", "after",
    "buyers", "sold", "sold_lately", "sold_last", "bought_again", "rate_again", "product_gap",
    "size_of_baskets", "product_size_of_baskets", "after_alike", "users_of_both", "users_of_both_lately", "visits",
    "products", "basket_size", "last_size",
)  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """The pairs of a cut, by user. user_N ascends; told_N: the product is in the basket that is asked for."""

    user_N: np.ndarray
    item_N: np.ndarray
    columns_NF: np.ndarray
    told_N: np.ndarray


def pairs_of(baskets: Baskets, cut: int, users: np.ndarray, tifu: Tifu) -> Pairs:
    """Pairs of the users (ascending) at a cut; float16 columns as in COLUMNS, counts as log(1 + count)."""
    items = len(baskets.names)
    own = _own(baskets, cut)
    product = _products(baskets, cut, own)
    vectors_UI = tifu.vectors(baskets, cut)
    near_II, newest_UI = _after(baskets, cut), baskets.counted(cut, 0.8 ** np.arange(NEWEST))
    had_UI = baskets.counted(cut, np.ones(baskets.most_visits)) > 0
    bought_UI, lately_UI = had_UI.astype(np.float32), baskets.counted(cut, 0.8 ** np.arange(baskets.most_visits))
    visits_U = baskets.visits_U - cut - 1
    user_E, _, since_E = baskets.known(cut)
    size_U, last_U = (np.bincount(user_E[kept], minlength=len(visits_U)) for kept in (since_E >= 0, since_E == 0))
    size_U = size_U / np.maximum(visits_U, 1)
    told_UI = baskets.told(cut)
    parts = []
    for chunk in np.array_split(users, -(-len(users) // _CHUNK)):
        near_BI, after_BI = tifu.near(vectors_UI, chunk), (newest_UI[chunk] @ near_II).toarray()
        both_BI = ((bought_UI[chunk] @ bought_UI.T) @ bought_UI).toarray()
        both_lately_BI = ((lately_UI[chunk] @ bought_UI.T) @ lately_UI).toarray()
        proposed_BI = had_UI[chunk].toarray()
        had_BI = proposed_BI.copy()
        for speaks_BI in (near_BI, after_BI, both_BI):
            best_BK = np.argpartition(-np.where(had_BI, 0, speaks_BI), min(PROPOSED, items - 1), axis=1)[:, :PROPOSED]
            np.put_along_axis(proposed_BI, best_BK, True, axis=1)
        row_N, item_N = np.nonzero(proposed_BI)
        user_N = chunk[row_N]
        place_N = np.searchsorted(own["key"], user_N * items + item_N)
        place_N = np.where(had_BI[row_N, item_N], place_N, len(own["key"]))
        of = {name: values[place_N] for name, values in own.items() if name != "key"}
        of |= {name: values[item_N] for name, values in product.items()}
        visits_N = visits_U[user_N]
        of |= {
            "had": had_BI[row_N, item_N],
            "share": of["times"] / visits_N,
            "since_to_gap": np.log1p(of["since"] / np.maximum(of["gap"], 1)),
            "since_to_product_gap": np.log1p(of["since"] / np.maximum(of["product_gap"], 1)),
            "tifu_own": vectors_UI[chunk].toarray()[row_N, item_N] * 10,
            "tifu_near": np.log(near_BI[row_N, item_N] + 1e-4),
            "after": np.log(after_BI[row_N, item_N] + 1e-3),
            "users_of_both": np.log1p(both_BI[row_N, item_N]),
            "users_of_both_lately": np.log(both_lately_BI[row_N, item_N] + 1e-3),
            "visits": np.log1p(visits_N),
            "products": np.log1p(had_BI.sum(axis=1))[row_N],
            "basket_size": np.log1p(size_U[user_N]),
            "last_size": np.log1p(last_U[user_N]),
        }
        for counted in ("times", "since", "since_first", "gap", "last_gap", "product_gap"):
            of[counted] = np.log1p(of[counted])
        columns_NF = np.stack([of[name].astype(np.float16) for name in COLUMNS], axis=1)
        told_N = told_UI[chunk].toarray()[row_N, item_N] > 0
        parts.append(Pairs(user_N, item_N, columns_NF, told_N))
    return joined(parts)


def joined(parts: list[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate([getattr(part, name) for part in parts]) for name in Pairs.__dataclass_fields__))


def _own(baskets: Baskets, cut: int) -> dict[str, np.ndarray]:
    """Columns of the pairs that were bought, by key = user x I + product; one more row, of a pair that never was."""
    user_E, item_E, since_E = baskets.known(cut)
    size_E, alike_E = _trips(baskets, user_E, item_E, since_E)
    key_E = user_E * len(baskets.names) + item_E
    order = np.argsort(key_E, kind="stable")  # oldest first inside a pair
    key_E, since_E, size_E, alike_E = (values[order] for values in (key_E, since_E, size_E, alike_E))
    starts = np.flatnonzero(np.diff(key_E, prepend=-1))
    ends = np.append(starts[1:], len(key_E)) - 1
    times, last, first = np.diff(np.append(starts, len(key_E))), since_E[ends], since_E[starts]
    often = times > 1
    columns = {
        "times": (times, 0),
        "since": (last, NEVER),
        "since_first": (first, NEVER),
        # Of a pair bought once: as long as it has lasted.
        "gap": (np.where(often, (first - last) / np.maximum(times - 1, 1), first + 1), NEVER),
        "size_of_baskets": (np.add.reduceat(size_E, starts) / times, 0),
        "after_alike": (np.add.reduceat(alike_E, starts), 0),
        "last_gap": (np.where(often, since_E[np.maximum(ends - 1, 0)] - last, first + 1), NEVER),
    }
    for newest in (3, 5, 10):
        columns[f"of_last_{newest}"] = (np.add.reduceat(since_E < newest, starts, dtype=int), 0)
    for decay in (7, 9):
        columns[f"decayed_{decay}"] = (np.add.reduceat((decay / 10) ** since_E, starts), 0)
    return {"key": key_E[starts]} | {name: np.append(values, never) for name, (values, never) in columns.items()}


def _trips(
    baskets: Baskets, user_E: np.ndarray, item_E: np.ndarray, since_E: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of each entry: log(1 + products) of its basket, which tells a large trip from a small one; and the cosine of the
    user's basket before that with his newest one, 0 for the first.
    """
    stride, items = baskets.most_visits + 1, len(baskets.names)
    visit_E = user_E * stride + since_E
    size_V = np.bincount(visit_E, minlength=len(baskets.visits_U) * stride)
    newest_E = since_E == 0
    shared_E = np.isin(user_E * items + item_E, user_E[newest_E] * items + item_E[newest_E])
    shared_V = np.bincount(visit_E, shared_E, len(size_V))
    before_E = visit_E + 1
    alike_E = shared_V[before_E] / np.sqrt(np.maximum(size_V[before_E] * size_V[user_E * stride], 1))
    return np.log1p(size_V[visit_E]), alike_E


def _products(baskets: Baskets, cut: int, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of the products (I): how much they are sold, of late too, and how they are bought again."""
    _, item_E, since_E = baskets.known(cut)
    count = len(baskets.names)
    item_N = own["key"] % count
    size_N = own["size_of_baskets"][:-1]
    times_N, since_N, first_N = (own[name][:-1] for name in ("times", "since", "since_first"))

    def summed(values_N: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(item_N, values_N, minlength=count)

    buyers, again = summed(), summed(times_N - 1.0)
    return {
        "buyers": np.log1p(buyers),
        "sold": np.log1p(np.bincount(item_E, minlength=count)),
        "sold_lately": np.log1p(np.bincount(item_E[since_E < 5], minlength=count)),
        "sold_last": np.log1p(np.bincount(item_E[since_E < 1], minlength=count)),
        "product_size_of_baskets": (summed(size_N) + 2) / (buyers + 1),
        "bought_again": (summed(times_N > 1) + 0.2) / (buyers + 2),
        "rate_again": (again + 0.1) / (summed(first_N.astype(float)) + 4),  # a visit of those who have had it
        "product_gap": (summed((first_N - since_N).astype(float)) + 10) / (again + 1),
    }


def _after(baskets: Baskets, cut: int) -> sparse.csr_array:
    """float32 (I, I): what a product speaks for in the visits after it, and half of that in those before it."""
    user_E, item_E, since_E = baskets.known(cut)
    stride, count = baskets.most_visits + WINDOW, len(baskets.names)
    ones_E = np.ones(len(user_E), np.float32)
    shape = (len(baskets.visits_U) * stride, count)
    visit_E = user_E * stride + since_E
    at = sparse.csr_array((ones_E, (visit_E, item_E)), shape)
    ahead_II = sparse.csr_array((count, count), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        # An older visit, put where the one `distance` visits later stands.
        fits_E = since_E >= distance
        before = sparse.csr_array((ones_E[fits_E], (visit_E[fits_E] - distance, item_E[fits_E])), shape)
        ahead_II = ahead_II + 0.8 ** (distance - 1) * (before.T @ at)
    sold_I = np.maximum(np.bincount(item_E, minlength=count), 1).astype(float)
    near_II = damped((ahead_II + 0.5 * ahead_II.T).tocsr(), sold_I, sold_I, 0.6, 0.1).astype(np.float32).tocsr()
    most = KEPT * count
    if near_II.nnz > most:
        near_II.data[near_II.data < np.partition(near_II.data, near_II.nnz - most)[near_II.nnz - most]] = 0
        near_II.eliminate_zeros()
    return near_II
