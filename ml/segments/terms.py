"""What a segment's rule may speak of, with names in two languages: features, departments, and what is expected.

Legend: U users, J terms, C categories.
"""

from __future__ import annotations

import numpy as np

from jobs.tables import FEATURE_NAMES
from ml.heads.taste import Taste
from ml.segments.inputs import DEPARTMENT, Users
from ml.segments.rules import Term

CATEGORIES = 60  # the largest ones
_SHARE = ("%", 100.0)
_APART = 1.2  # times the usual, from which on a share is told of


def terms(users: Users, names: list[str], values_UJ: np.ndarray, tastes: Taste | None) -> tuple[list[Term], np.ndarray]:
    """The terms and their values (U, J). names, values_UJ: features and departments, without nan.

    tastes: of the heads that expected_UE comes from; None: no expected category is spoken of.
    """
    columns, speaking = [values_UJ], [_of(name) for name in names]
    if users.expected_UE is not None:
        spend, silence = users.expected_UE[:, 0], users.expected_UE[:, 1]
        columns.append(np.column_stack([np.expm1(spend), np.sin(silence) ** 2]))  # as Heads.expect made them
        speaking += [Term("expected spend in 28 days", "预计28天消费", key="expected:spend"),
                     Term("probability of no purchase in 28 days", "28天内不购买的概率", *_SHARE,
                          key="expected:silence")]  # fmt: skip
    if users.expected_UE is not None and tastes is not None and tastes.factors_CF.size:
        largest = np.lexsort((tastes.categories, -tastes.base_C))[:CATEGORIES]
        # Factors are orthonormal directions of the expected departures, in units of the root of the base rate.
        factors_CF = tastes.factors_CF[largest]
        departure = users.expected_UE[:, 2 : 2 + factors_CF.shape[1]] @ factors_CF.T  # kinds may follow
        columns.append(1 + departure / np.sqrt(tastes.base_C[largest]))
        labels = [tastes.categories[k] for k in largest]
        speaking += [Term(f"expected share of {c}", f"预计{c}占比", " times the usual", unit_zh="倍于平均",
                          key=f"category:{c}", apart=_APART) for c in labels]  # fmt: skip
    return speaking, np.hstack(columns)


def _of(name: str) -> Term:
    if name.startswith(DEPARTMENT):
        department = name.removeprefix(DEPARTMENT)
        return Term(f"share of money in {department}", f"{department}消费占比", *_SHARE, key=name)
    english, chinese, unit = FEATURE_NAMES[name]
    return Term(english, chinese, *(_SHARE if unit == "share" else ()), key=name)
