"""Audiences of behaviour beside DuckDB: each kind finds the same members."""

from __future__ import annotations

from bench import addressed, ways
from bench.builds import Place


def test_each_kind_of_audience_has_the_members_that_duckdb_finds(tmp_path):
    where = Place(tmp_path)
    warehouse = addressed.make(where, events=4_000, users=200, seed=1)
    with ways.opened("sail", tmp_path) as way:
        found = addressed.ask(where, warehouse, len(addressed.KINDS), way.env)
    assert found.differ == []
    assert found.members > 0
