"""The DuckDB script that our times are put beside does the same work: its tables are ours, row by row."""

from __future__ import annotations

import duckdb
import pytest
from deltalake import DeltaTable

from bench import duck
from jobs import clean, collect, features, sequences, tables
from jobs.settings import Settings

# What a run stamps on a row, and what a source says besides (a map, which DuckDB's script leaves in columns).
STAMPS = {"run_id", "attributes"}
SAME = [
    (tables.SILVER_EVENTS, "events"), (tables.SILVER_PRODUCTS, "products"), (tables.SILVER_USERS, "users"),
    (tables.USER_DAILY, "user_daily"), (tables.USER_FEATURES, "user_features"),
    (tables.USER_SEQUENCES, "user_sequences"),
]  # fmt: skip


@pytest.fixture(scope="module")
def both(spark, made_up_shop, tmp_path_factory):
    """A connection with a view `ours_<table>` and one `theirs_<table>` of each."""
    (plan, landing), (warehouse, out) = made_up_shop, (tmp_path_factory.mktemp(name) for name in ("warehouse", "out"))
    settings = Settings(plan.ds, plan.first, str(warehouse), "simulate", str(landing), "test")
    for verb in (collect, clean, features, sequences):
        verb.run(spark, settings)
    duck.build(str(landing), plan.first, plan.ds, out)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table, name in [*SAME, (tables.QUARANTINE, "quarantine")]:
        connection.register(f"ours_{name}", DeltaTable(table.path(str(warehouse))).to_pyarrow_dataset())
        connection.execute(f"CREATE VIEW theirs_{name} AS FROM read_parquet('{out}/{name}.parquet')")
    return connection


def column(name: str, kind: str) -> str:
    """What is compared: a double at 9 digits (logarithms and roots differ in the last bit), a time as UTC."""
    if kind == "double":
        return f"round({name}, 9)"
    if kind == "map<string,double>":
        return f"map_from_entries([{{k: e.key, v: round(e.value, 9)}} FOR e IN map_entries({name})])"
    return f"{name}::TIMESTAMP" if kind == "timestamp" else name


@pytest.mark.parametrize(("table", "name"), SAME, ids=lambda value: value if isinstance(value, str) else "")
def test_row_by_row(both, table, name):
    columns = ", ".join(column(c.name, c.type) for c in table.columns if c.name not in STAMPS)
    if name == "users":  # the made-up shop knows neither
        columns = columns.replace("occupation, income_band, ", "")
    ours, theirs = (f"SELECT {columns} FROM {side}_{name}" for side in ("ours", "theirs"))
    assert len(both.sql(ours).fetchall()) > 100
    assert both.sql(f"{ours} EXCEPT ALL {theirs}").fetchall()[:3] == []
    assert both.sql(f"{theirs} EXCEPT ALL {ours}").fetchall()[:3] == []


def test_the_same_records_are_refused(both):
    kinds = "SELECT split_part(reason, ':', 1), count(*) FROM {}_quarantine WHERE reason != '' GROUP BY 1 ORDER BY 1"
    ours, theirs = (both.sql(kinds.format(side)).fetchall() for side in ("ours", "theirs"))
    assert ours == theirs
    assert ours


def test_some_sequence_is_cut(both):
    assert both.sql("SELECT max(length), min(length) < 256 FROM theirs_user_sequences").fetchall() == [(256, True)]
