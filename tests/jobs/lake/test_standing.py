"""Tables of the contract stand, without rows, after the first verb that may write them."""

from __future__ import annotations

from contextlib import nullcontext

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from jobs import __main__, tables
from jobs.checks import run as checks
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.errors import EXIT_DONE
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta, sql
from jobs.lake.engine import writes
from tests.jobs.collect.test_late import Shop, buy, day


def test_a_table_without_rows_has_its_columns_for_every_reader(spark, tmp_path):
    home = str(tmp_path)
    for _ in range(2):
        delta.stand(home, tables.ALL)
    for table in tables.ALL:
        opened = DeltaTable(table.path(home))
        assert (opened.version(), opened.metadata().partition_columns) == (0, list(table.partition_by))
        assert pa.schema(opened.schema()).names == writes.arrow_schema(table).names
        assert sql.run(f"FROM {table.full_name}", home, "csv") == ",".join(table.column_names)
        assert delta.rows(home, table, "true") == []
        if table.name in ("quarantine", "runs", "user_sequences", "segments"):
            assert opened.to_pandas().empty
            assert delta.read(spark, home, table).schema == spark.createDataFrame([], table.ddl).schema


@pytest.fixture
def shop(spark, tmp_path, monkeypatch) -> Shop:
    shop = Shop(spark, tmp_path, monkeypatch)
    shop.put(f"{day(0)}/a.csv", buy("1", "u1", "2024-03-01 10:00:00"), buy("2", "u2", "2024-03-01 11:00:00"))
    shop.put(f"{day(1)}/a.csv", buy("3", "u1", "2024-03-02 10:00:00"), buy("4", "u2", "2024-03-01 12:00:00"))
    return shop


def test_the_second_command_of_the_guide_answers_on_clean_files(spark, shop, monkeypatch, capsys):
    monkeypatch.setattr(__main__, "_session", lambda *_: nullcontext(spark))
    s = shop.settings(0)
    places = ["--source", s.source, "--landing", s.landing, "--warehouse", s.warehouse]
    assert __main__.main(["collect", "--ds", str(s.ds), *places]) == EXIT_DONE
    assert sql.run("SELECT reason, count(*) AS n FROM ops.quarantine GROUP BY 1", s.warehouse, "csv") == "reason,n"
    assert all(delta.exists(s.warehouse, table) for table in tables.STANDING["collect"])
    capsys.readouterr()
    assert "never delivered" in checks.run(nullcontext(spark), s, ["bronze.users"])


def test_tables_that_stand_change_no_night(spark, shop):
    delta.stand(shop.warehouse, tables.ALL)
    every = (collect, clean, sequences, features)
    said = [shop.night(n, hops=every) for n in (0, 1)]
    assert said[0][0].startswith("events: rows_in 2, loaded 2")
    assert said[1][1].endswith("single users on 1 more days")
    assert shop.rows(tables.SILVER_EVENTS, "event_id") == [(f"shop:{n}",) for n in "1234"]
    assert shop.rows(tables.SILVER_USERS, "user_id", "has_record") == [("u1", False), ("u2", False)]
    assert (
        len(shop.rows(tables.USER_FEATURES, "user_id", "ds")) == len(shop.rows(tables.USER_SEQUENCES, "user_id")) == 4
    )
    checks.run(nullcontext(spark), shop.settings(1), ["bronze.events", "silver.events"])
