"""publish and sql: all tables of a night appear together, and a reader never sees half a run."""

from __future__ import annotations

from datetime import date

import pytest
from rich.cells import cell_len

from jobs import tables
from jobs.audiences.book import Book
from jobs.errors import DataError, UsageError
from jobs.lake import delta, sql
from jobs.publish import run as publish
from jobs.settings import Settings
from tests.jobs.kills import Killed, killed_after

DS = date(2017, 12, 1)


def night(tmp_path, run_id="r1", ds=DS):
    return Settings(ds, ds, str(tmp_path / "wh"), "shop", "", run_id)


def stage(spark, s, size):
    """One user in one segment whose size tells the runs apart."""
    for table in tables.PUBLISHED:
        values = {c.name: None for c in table.columns} | {
            "ds": s.ds, "user_id": "u1", "segment_id": 1, "segment_name": "Big", "segment_name_zh": "大",
            "size": size, "model_version": "1", "run_id": s.run_id,
        }  # fmt: skip
        frame = spark.createDataFrame([tuple(values[name] for name in table.column_names)], table.ddl)
        delta.replace_where(frame, s.warehouse, table.staged(), f"ds = DATE'{s.ds}'")


def test_a_published_night_has_its_manifest_and_readers_hold_to_it(spark, tmp_path):
    s = night(tmp_path)
    stage(spark, s, 10)
    assert "1 users" in publish.run(spark, s)
    size = "SELECT size FROM gold.segments WHERE ds = DATE '2017-12-01'"
    assert sql.run(size, s.warehouse, "csv") == "size\n10"

    # A later run that dies after any of its tables is not seen: its row in ops.runs is missing.
    stage(spark, night(tmp_path, "r2"), 99)
    for n in range(1, len(tables.PUBLISHED) + 1):
        with killed_after(n) as written, pytest.raises(Killed):
            publish.run(spark, night(tmp_path, "r2"))
        assert "ops/runs" not in written
        assert sql.run(size, s.warehouse, "csv") == "size\n10", f"killed after {written}"

    publish.run(spark, night(tmp_path, "r2"))
    assert sql.run(size, s.warehouse, "csv") == "size\n99"
    runs = delta.read(spark, s.warehouse, tables.RUNS).collect()
    assert {row["run_id"] for row in runs} == {"r1", "r2"}
    assert set(runs[0]["table_versions"]) >= {table.full_name for table in tables.PUBLISHED}
    assert runs[0]["git_sha"]
    assert Book.of_text(runs[0]["definitions"]["audiences"]) == Book.load()


def test_nothing_staged_is_nothing_published(spark, tmp_path):
    stage(spark, night(tmp_path), 1)
    with pytest.raises(DataError, match="expected staged segments of 2017-12-02, found none"):
        publish.run(spark, night(tmp_path, ds=date(2017, 12, 2)))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 FROM gold.segment", r"nearest: gold\.segments"),
        ("SELECT 1 FROM gold.segments", "has `publish` run to its end yet"),
        ("SELEC 1", "the query failed"),
    ],
)
def test_a_wrong_query_is_one_clear_line(tmp_path, query, said):
    with pytest.raises(UsageError, match=said):
        sql.run(query, str(tmp_path), "table")


def test_a_text_table_lines_up_chinese(tmp_path):
    query = "SELECT '高消费' AS name, 1 AS size UNION ALL SELECT 'Big', 22 ORDER BY 2"
    lines = sql.run(query, str(tmp_path), "table").split("\n")
    assert len({cell_len(line) for line in lines}) == 1
