"""The data dictionary that is committed is the one that the contracts say."""

from __future__ import annotations

from jobs import tables
from jobs.tables import dictionary
from jobs.tables.feature_list import FEATURES


def test_the_committed_page_is_generated():
    found = dictionary.PAGE.read_text(encoding="utf-8")
    assert found == dictionary.page(), "docs/dictionary.md is not what the contracts say: run `make dictionary`"


def test_the_page_has_every_table_column_and_feature():
    lines = set(dictionary.page().splitlines())
    for table in tables.ALL:
        assert f"## {table.full_name} {table.zh}" in lines
        for column in table.columns:
            assert any(line.startswith(f"| `{column.name}` | `{column.type}` |") for line in lines)
    for feature in FEATURES:
        (line,) = [line for line in lines if line.startswith(f"| `{feature.name}` |") and feature.meaning_zh in line]
        assert all(text in line for text in (feature.unit, feature.en, feature.zh, feature.meaning))
        assert feature.null_when in line
