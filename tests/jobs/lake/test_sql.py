"""sql: one SELECT over the warehouse's tables, read before DuckDB sees it, and DuckDB locked; answers as files."""

from __future__ import annotations

import csv
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from deltalake import write_deltalake

from jobs import __main__, tables
from jobs.errors import EXIT_DONE, UsageError
from jobs.lake import answers, queries, sql
from jobs.publish import report
from jobs.settings import Settings
from jobs.sources.spec import CONF

ROWS = 1200


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> str:
    """gold.segments and silver.events, with a few columns of theirs."""
    home = str(tmp_path_factory.mktemp("home") / "wh")
    segments = pa.table({
        "segment_id": pa.array(range(ROWS), pa.int32()),
        "segment_name": ["大, \"x\"", "=1+1", None] * (ROWS // 3),
        "ds": [date(2017, 12, 1)] * ROWS,
        "size": pa.array([None, 2, 3] * (ROWS // 3), pa.int64()),
        "spend_28d": pa.array([Decimal("1234567890123456.10")] * ROWS, pa.decimal128(18, 2)),
        "parents": pa.array([[1, 2]] * ROWS, pa.list_(pa.int32())),
    })  # fmt: skip
    write_deltalake(tables.SEGMENTS.path(home), segments)
    events = pa.table({
        "event_id": ["a", "b"], "user_id": ["u", "v"], "event_time": [datetime(2017, 12, 1, 12, tzinfo=UTC)] * 2,
        "price": pa.array([Decimal("1.5000"), None], pa.decimal128(18, 4)),
    })  # fmt: skip
    write_deltalake(tables.SILVER_EVENTS.path(home), events)
    return home


@pytest.fixture
def blind(monkeypatch):
    """The reader lets everything through, as if it were mistaken."""
    tree = sqlglot.parse_one("SELECT 1")
    monkeypatch.setattr(queries, "parse", lambda text: queries.Query(text, tree, ()))


# A query, what is said of it, and whether DuckDB holds it too (else it reaches nothing but DuckDB's own lists).
ATTACKS = [
    ("SELECT * FROM read_text('/etc/passwd')", r"behind FROM, found read_text", True),
    ("SELECT * FROM read_blob('/etc/passwd')", r"behind FROM, found read_blob", True),
    ("SELECT * FROM read_csv('/etc/passwd')", r"behind FROM, found read_csv", True),
    ("SELECT * FROM read_csv_auto('/etc/passwd')", r"behind FROM, found read_csv_auto", True),
    ("SELECT * FROM read_json('/etc/passwd')", r"behind FROM, found read_json", True),
    ("SELECT * FROM read_parquet(['{wh}/gold/segments/*.parquet'])", r"behind FROM, found read_parquet", True),
    ("SELECT * FROM parquet_metadata('{wh}/x.parquet')", r"behind FROM, found parquet_metadata", True),
    ("SELECT * FROM sniff_csv('/etc/passwd')", r"behind FROM, found sniff_csv", True),
    ("SELECT * FROM glob('/etc/*')", r"behind FROM, found glob", True),
    ("SELECT * FROM main.read_text('/etc/passwd')", r"behind FROM, found read_text", True),
    ("SELECT \"read_text\"('/etc/passwd')", r"own values, found read_text", True),
    ("SELECT '/etc/passwd'.read_text()", r"own values, found read_text", True),
    ("SELECT (SELECT count(*) FROM read_csv('/etc/passwd'))", r"found read_csv", True),
    ("WITH x AS (FROM glob('/etc/*')) SELECT * FROM x", r"found glob", True),
    ("FROM gold.segments, LATERAL (SELECT * FROM read_text('/etc/passwd'))", r"found read_text", True),
    ("SELECT 1 UNION ALL SELECT content FROM read_text('/etc/passwd')", r"found read_text", True),
    ("SELECT * FROM '/etc/passwd'", r"no table '/etc/passwd'", True),
    ("SELECT * FROM '{wh}/gold/segments/x.parquet'", r"no table '.*x\.parquet'", True),
    ("SELECT * FROM \"data.csv\"", r"no table 'data\.csv'", True),
    ("SELECT * FROM 'https://example.com/x.csv'", r"no table 'https:", True),
    ("SELECT * FROM 's3://bucket/x.parquet'", r"no table 's3:", True),
    ("SELECT * FROM query('SELECT 1')", r"behind FROM, found query", False),
    ("SELECT * FROM query_table(['gold.segments'])", r"behind FROM, found query_table", True),
    ("SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", r"found json_execute", False),
    ("SELECT getenv('HOME')", r"own values, found getenv", True),
    ("SELECT current_setting('temp_directory')", r"own values, found current_setting", False),
    ("SELECT write_log('x')", r"own values, found write_log", False),
    ("SELECT sleep_ms(10)", r"own values, found sleep_ms", False),
    ("SELECT * FROM duckdb_settings()", r"behind FROM, found duckdb_settings", False),
    ("SELECT * FROM duckdb_secrets()", r"behind FROM, found duckdb_secrets", True),
    ("FROM information_schema.tables", r"no table 'information_schema\.tables'", False),
    ("SELECT * FROM (SHOW TABLES)", r"no table 'SHOW'", False),
    ("SELECT * FROM (DESCRIBE gold.segments)", r"found DESCRIBE within it", True),
    ("COPY (SELECT 1) TO '{wh}/x.csv'", r"expected one SELECT, found COPY", True),
    ("COPY gold.segments TO '{wh}/x.parquet' (FORMAT parquet)", r"found COPY", True),
    ("EXPORT DATABASE '{wh}/x'", r"the query failed", True),
    ("IMPORT DATABASE '{wh}/x'", r"the query failed", True),
    ("ATTACH '{wh}/x.db'", r"found ATTACH", True),
    ("ATTACH 'postgres://x' AS pg (TYPE postgres)", r"found ATTACH", True),
    ("INSTALL httpfs", r"found INSTALL", True),
    ("LOAD '{wh}/x.duckdb_extension'", r"found LOAD", True),
    ("SET enable_external_access = true", r"found SET", True),
    ("RESET lock_configuration", r"found RESET", True),
    ("PRAGMA database_list", r"found PRAGMA", True),
    ("CALL pragma_version()", r"found CALL", True),
    ("CREATE TABLE x AS SELECT 1", r"found CREATE", True),
    ("CREATE MACRO f() AS 1", r"found CREATE", True),
    ("CREATE SECRET s (TYPE s3)", r"found CREATE", True),
    ("DROP VIEW gold.segments", r"found DROP", True),
    ("INSERT INTO gold.segments VALUES (1)", r"found INSERT", True),
    ("UPDATE gold.segments SET size = 0", r"found UPDATE", True),
    ("DELETE FROM gold.segments", r"found DELETE", True),
    ("WITH x AS (DELETE FROM gold.segments RETURNING *) SELECT 1", r"found DELETE within it", True),
    ("SELECT * INTO x FROM gold.segments", r"found INTO within it", True),
    ("USE gold", r"found USE", True),
    ("CHECKPOINT", r"found CHECKPOINT", True),
    ("BEGIN", r"found BEGIN", True),
    ("EXPLAIN ANALYZE SELECT 1", r"found EXPLAIN", True),
    ("SELECT 1; DROP VIEW gold.segments", r"found 2 statements", True),
    ("SELECT $$a$$; ATTACH '{wh}/x.db'", r"found 2 statements", True),
    ("SELECT 1 /* ; */ ; COPY (SELECT 1) TO '{wh}/x.csv'", r"found 2 statements", True),
    ("", r"found 0 statements", True),
    ("(" * 3000 + "SELECT 1" + ")" * 3000, r"expected brackets", False),
]  # fmt: skip
IDS = [query[:50] for query, *_ in ATTACKS]


@pytest.mark.parametrize(("query", "said", "_"), ATTACKS, ids=IDS)
def test_what_is_no_select_over_tables_is_refused_in_one_line(warehouse, query, said, _):
    with pytest.raises(UsageError, match=said) as refused:
        sql.run(query.replace("{wh}", warehouse), warehouse, "csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("query", "_", "held"), ATTACKS, ids=IDS)
def test_duckdb_refuses_by_itself_what_the_reader_might_miss(warehouse, blind, query, _, held):
    before = sorted(Path(warehouse).rglob("*"))
    if held:
        with pytest.raises(UsageError, match="the query failed"):
            sql.run(query.replace("{wh}", warehouse), warehouse, "csv")
    else:
        sql.run(query, warehouse, "csv")
    assert sorted(Path(warehouse).rglob("*")) == before


def test_a_variable_of_python_is_no_table(warehouse, blind):
    secrets = pd.DataFrame({"x": [1]})  # noqa: F841 - DuckDB would find it by its name
    with pytest.raises(UsageError, match="secrets does not exist"):
        sql.run("SELECT * FROM secrets", warehouse, "csv")


def test_duckdb_is_bounded_and_its_settings_are_locked(warehouse):
    connection = sql.connect(warehouse, "SELECT size FROM gold.segments")
    rows = connection.execute("SELECT name, value FROM duckdb_settings()").fetchall()
    settings = dict(rows)
    assert settings["lock_configuration"] == "true"
    assert settings["enable_external_access"] == "false"
    assert int(settings["threads"]) <= 4
    assert not settings["temp_directory"].startswith("."), "nothing spills into the folder that a person stands in"
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        connection.execute("SET memory_limit = '1TB'")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 FROM segments", r"no table 'segments'; nearest: gold\.segments, staged\.segments"),
        ("SELECT 1 FROM gold.segmnts", r"no table 'gold\.segmnts'; nearest: gold\.segments"),
        ("SELECT 1 FROM memory.gold.segments", r"nearest: gold\.segments"),
        ("SELECT 1 FROM gold__segments", r"nearest: gold\.segments"),
        ("WITH x AS (SELECT 1) SELECT * FROM y", "no table 'y'; there are bronze.events, "),
        ("SELECT 1 FROM gold.tags", r"no table gold\.tags in .*has `publish` run to its end yet"),
    ],
)
def test_a_table_that_is_not_there_names_the_nearest(warehouse, query, said):
    with pytest.raises(UsageError, match=said):
        sql.run(query, warehouse, "csv")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("FROM silver.events", "event_id,user_id,event_time,price\na,u,2017-12-01 12:00:00+00:00,1.5000"),
        ("TABLE silver.events", "event_id,user_id,event_time,price\na,u,2017-12-01 12:00:00+00:00,1.5000"),
        ("FROM silver.events SELECT user_id", "user_id\nu"),
        ("SELECT * EXCLUDE (event_time) FROM silver.events", "event_id,user_id,price\na,u,1.5000"),
        ("SELECT COLUMNS('.*_id') FROM silver.events", "event_id,user_id\na,u"),
        ("SELECT #2 AS x FROM silver.events", "x\nu"),
        ("SELECT e.x FROM silver.events AS e(w, x)", "x\nu"),
        ("SELECT e FROM silver.events e WHERE user_id = 'v'", 'e\n"{""event_id"": ""b"", ""user_id"": ""v"",'),
        ("SELECT count(*) AS n FROM silver.events", "n\n2"),
        ("SELECT count(price) AS n FROM Silver.EVENTS", "n\n1"),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) FROM t ORDER BY 1", "n\n1\n2\n3"),
        ("SELECT unnest([1, 2]) AS x UNION ALL SELECT range FROM range(1) ORDER BY x", "x\n0\n1\n2"),
        ("SELECT list_filter(['a', 'b'], lambda x: x = 'b') AS l, {'a': 1}.a AS a; -- the end", 'l,a\n"[""b""]",1'),
        ("SELECT size, rank() OVER (ORDER BY size) AS r FROM gold.segments QUALIFY r = 1 LIMIT 1", "size,r\n2,1"),
    ],
)  # fmt: skip
def test_every_way_to_ask_has_its_columns(warehouse, query, first):
    assert sql.run(query, warehouse, "csv").startswith(first)


def test_a_text_table_says_what_it_leaves_out(warehouse):
    whole = sql.run("FROM gold.segments LIMIT 1000", warehouse, "table")
    cut = sql.run("FROM gold.segments", warehouse, "table").split("\n")
    assert "of" not in whole.split("\n")[-1]
    assert cut[-1] == "1,000 of 1,200 rows; --out FILE.csv, .parquet or .xlsx writes all of them"
    assert all(name in cut[1] for name in ("segment_id", "segment_name", "spend_28d", "parents"))


def test_csv_has_every_row_and_digit(warehouse):
    lines = sql.run("FROM gold.segments ORDER BY segment_id", warehouse, "csv").split("\n")
    assert len(lines) == ROWS + 1
    assert lines[1] == '0,"大, ""x""",2017-12-01,,1234567890123456.10,"[1, 2]"'
    assert lines[2] == '1,=1+1,2017-12-01,2,1234567890123456.10,"[1, 2]"'
    assert sql.run("SELECT 0.0000001::DECIMAL(18, 7) AS d", warehouse, "csv") == "d\n0.0000001"


def test_json_lines_have_every_digit_and_whole_numbers_stay_whole(warehouse):
    lines = sql.run("FROM gold.segments ORDER BY segment_id", warehouse, "json").split("\n")
    assert len(lines) == ROWS
    assert lines[0] == (
        '{"segment_id":0,"segment_name":"大, \\"x\\"","ds":"2017-12-01","size":null,"spend_28d":1234567890123456.10,'
        '"parents":[1,2]}'
    )
    assert '"size":2,' in lines[1]
    query = "SELECT 1 AS a, 2 AS a, 'nan'::DOUBLE AS n, '\\xE1'::BLOB AS b, TIMESTAMPTZ '2017-12-01 12:00:00+08' AS t"
    assert sql.run(query, warehouse, "json") == '{"a":1,"a_1":2,"n":null,"b":"4Q==","t":"2017-12-01T04:00:00Z"}'


def test_all_rows_are_written_to_files(warehouse, tmp_path, capsys):
    (tmp_path / ".a.csv.part").write_text("half of a run that was killed")
    moments = "TIMESTAMPTZ '2017-12-01 12:00:00+00' AS t, DATE '1800-01-02' AS born, 'nan'::DOUBLE AS n"
    query = f"SELECT *, {moments} FROM gold.segments ORDER BY segment_id"
    for ending in ("csv", "parquet", "xlsx"):
        place = tmp_path / f"a.{ending}"
        assert __main__.main(["sql", query, "--warehouse", warehouse, "--out", str(place)]) == EXIT_DONE
        assert capsys.readouterr().out == f"1,200 rows in {place}\n"
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == ROWS + 1
    assert rows[1][:5] == ["0", '大, "x"', "2017-12-01", "", "1234567890123456.10"]
    parquet = pq.read_table(tmp_path / "a.parquet")
    assert parquet.num_rows == ROWS
    assert parquet["spend_28d"][0].as_py() == Decimal("1234567890123456.10")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == ROWS + 1
    assert "=1+1" in sheet
    assert "<f>" not in sheet, "a text that begins with = is no formula"
    assert "1800-01-02" in sheet, "before Excel's calendar begins"
    assert "1234567890123456.10" in sheet, "more digits than Excel's numbers have"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet", "a.xlsx"]


@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("SELECT 1", "a.txt", r"expected a file that ends on \.csv, \.parquet, \.xlsx"),
        ("SELECT 1", "none/a.csv", "expected a folder at"),
        ("SELECT INTERVAL 1 DAY AS i", "a.parquet", "expected columns that Parquet has"),
        ("SELECT repeat('x', 40000) AS x", "a.xlsx", "expected texts of at most 32,767 letters"),
        ("SELECT 1 FROM range(20)", "a.xlsx", "expected at most 19 rows"),
        ("SELECT error('half way') FROM range(100)", "a.csv", "half way"),
    ],
)
def test_a_file_that_cannot_be_written_leaves_the_old_one(warehouse, tmp_path, monkeypatch, query, name, said):
    monkeypatch.setattr(answers, "_SHEET_ROWS", 20)
    old = tmp_path / name
    if old.parent.is_dir():
        old.write_text("old", encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        sql.run(query, warehouse, "table", old)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] in (["old"], [])


def test_the_queries_of_the_report_and_of_the_guides_are_let_through(monkeypatch):
    asked = []

    class Answer:
        def __init__(self, _, query: str) -> None:
            asked.append(query)

        def sql(self, _) -> Answer:
            return self

        def df(self) -> pd.DataFrame:
            return pd.DataFrame({"status": ["kept"], "model_version": ["1"]})

    monkeypatch.setattr(sql, "connect", Answer)
    report.read_night(Settings(date(2017, 12, 1), date(2017, 12, 1), "wh", "shop", "", "r"))
    assert len(asked) > 10
    for path in (*CONF.parent.glob("docs/*.md"), *CONF.parent.glob("README*.md")):
        text = path.read_text(encoding="utf-8")
        asked += [query.replace('\\"', '"') for query in re.findall(r'jobs sql [^"\n]*"((?:[^"\\]|\\.)+)"', text)]
    assert len(asked) > 20
    for query in set(asked) - {"..."}:
        assert queries.parse(query).tables, query
