"""The numeric columns of gold.user_features."""

from __future__ import annotations

from jobs.tables import NUMERIC_FEATURES

NUMERIC = [column.name for column in NUMERIC_FEATURES]


def known(names: list[str]) -> list[str]:
    """The names, all of numeric features; ValueError says which are not."""
    if unknown := sorted(set(names) - set(NUMERIC)):
        raise ValueError(f"expected numeric features of gold.user_features, found {unknown}")
    return names
