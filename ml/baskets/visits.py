"""Baskets of users as arrays, read from the two files of the next-basket literature.

Both files are a JSON object, user -> [[-1], basket, basket, ..., [-1]], oldest basket first; a basket is a list of
products. The history holds what is known, the future one basket a user, which is to be told.

Legend: U users, I products, E entries (a product in a basket), B users of a chunk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from ml.common.cli import DataError, UsageError

_MARK = [-1]  # stands before the first and after the last basket of a user


@dataclass(frozen=True)
class Baskets:
    """Entries by user, oldest basket first.

    names: of products. visits_U: baskets of a user, the one to be told included. age_E: baskets after the entry's own,
    so 0 is the one to be told. A cut c asks for the baskets of age c and knows those of a greater age: 0 is the test, 1
    the validation, and each cut above it an example to learn from under the same rule.

    Products are numbered in an order that says nothing: in a public file the numbers follow the first appearance,
    future included, so that the smallest number not yet seen is often the answer.
    """

    names: np.ndarray
    visits_U: np.ndarray
    user_E: np.ndarray
    item_E: np.ndarray
    age_E: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(U, I)."""
        return len(self.visits_U), len(self.names)

    def asked(self, cut: int) -> np.ndarray:
        """Indices of the users that have a basket at the cut and one before it."""
        has_U = np.zeros(len(self.visits_U), bool)
        has_U[self.user_E[self.age_E == cut]] = True
        return np.flatnonzero(has_U & (self.visits_U > cut + 1))

    def known(self, cut: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User, product and visits since, 0 = the newest, of all entries that are known at the cut."""
        known_E = self.age_E > cut
        return self.user_E[known_E], self.item_E[known_E], self.age_E[known_E] - cut - 1

    def counted(self, cut: int, worth: np.ndarray) -> sparse.csr_array:
        """float32 (U, I): sum of the worth of each basket with the product. worth: by visits since; beyond it 0."""
        user_E, item_E, since_E = self.known(cut)
        within_E = since_E < len(worth)
        weight_E = worth[since_E[within_E]].astype(np.float32)
        return sparse.csr_array((weight_E, (user_E[within_E], item_E[within_E])), self.shape)

    def told(self, cut: int) -> sparse.csr_array:
        """float32 (U, I): 1 where the product is in the basket that the cut asks for."""
        at_E = self.age_E == cut
        ones_E = np.ones(int(at_E.sum()), np.float32)
        return sparse.csr_array((ones_E, (self.user_E[at_E], self.item_E[at_E])), self.shape)

    @cached_property
    def most_visits(self) -> int:
        return int(self.visits_U.max())


def read(history: Path, future: Path) -> Baskets:
    """Raises UsageError where a file is missing or no JSON, DataError where it has another form or nobody is judged."""
    known, told = _users(history), _users(future)
    visits, owner, items, ages = [], [], [], []
    for user, baskets in known.items():
        asked = told.get(user, [])
        if len(asked) > 1:
            raise DataError(f"{future}, user {user}: expected one basket, the next, found {len(asked)}")
        listed = [*baskets, asked[0] if asked else []]
        for age, basket in zip(range(len(listed) - 1, -1, -1), listed, strict=True):
            kept = dict.fromkeys(basket)
            items += kept
            owner += [len(visits)] * len(kept)
            ages += [age] * len(kept)
        visits.append(len(listed))
    named_E: np.ndarray = np.array([str(item) for item in items])
    names, item_E = np.unique(named_E, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    place = np.argsort(order)
    found = Baskets(names[order], np.array(visits), np.array(owner), place[item_E], np.array(ages))
    if not (len(names) and len(found.asked(2)) and len(found.asked(0))):
        raise DataError(f"{history}, {future}: expected users with three baskets and a next one, found none")
    return found


def _users(path: Path) -> dict[str, list[list]]:
    if not path.is_file():
        raise UsageError(f"expected a JSON file of baskets at {path}, found none")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise DataError(f"{path}: expected an object, user -> list of baskets, found {type(given).__name__}")
    for user, baskets in given.items():
        if not (isinstance(baskets, list) and all(isinstance(basket, list) for basket in baskets)):
            raise DataError(f"{path}, user {user}: expected a list of baskets, found {str(baskets)[:80]}")
    return {user: [basket for basket in baskets if basket and basket != _MARK] for user, baskets in given.items()}
