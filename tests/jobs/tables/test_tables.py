"""The contract of the tables is complete and readable by every reader that we name."""

from __future__ import annotations

import pytest

from jobs import tables


@pytest.mark.parametrize("table", tables.ALL, ids=lambda t: t.full_name)
def test_a_contract_is_whole(table: tables.Table):
    names = table.column_names
    assert len(set(names)) == len(names)
    assert set(table.keys) <= set(names)
    assert set(table.partition_by) <= set(names)
    assert table.meaning
    assert table.zh
    assert table.grain
    assert table.owner
    assert all(column.meaning for column in table.columns)
    assert [column.name for column in table.columns if not column.zh] == [], "columns without a Chinese name"


@pytest.mark.parametrize("table", [t for t in tables.ALL if t.layer == "gold"], ids=lambda t: t.full_name)
def test_gold_columns_have_no_type_that_a_reader_lacks(table: tables.Table):
    for column in table.columns:
        assert "variant" not in column.type
        assert "interval" not in column.type
    if table is not tables.SEGMENT_MODELS:
        assert {"ds", "run_id"} <= set(table.column_names)


def test_an_unknown_table_names_the_nearest():
    with pytest.raises(KeyError, match=r"gold\.segments"):
        tables.table("gold.segment")
