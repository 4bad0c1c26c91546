"""erase: users go from a whole warehouse and stay away when their files come again; nobody else's row changes."""

from __future__ import annotations

import gzip
import hmac
import json
import os
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs import __main__, tables
from jobs.clean import run as clean
from jobs.collect import release, streams
from jobs.collect import run as collect
from jobs.erasure import run as erase
from jobs.errors import DataError, UsageError
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta, erasures, sql, upkeep
from jobs.publish import run as publish
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.keys import Keys
from jobs.sources.spec import Source
from jobs.tables import BRONZE_EVENTS, ERASURES, LOADS, QUARANTINE, RUNS, SEGMENTS, SILVER_PRODUCTS, USER_SEGMENTS
from tests.jobs.kills import Killed, killed_after

DS = date(2024, 3, 2)
KEY = "a key of more than 16 characters"
GONE = ["7", "u-anna"]  # an ordinary number, and a name that means nobody else
SOURCE = Source(
    name="shop", title="t", origin="o", licence="l",
    events={"files": "{ds}/log.csv", "format": "csv", "id": ["id"],
            "fields": {"user_id": "who", "event_time": "time", "event_type": "kind", "product_id": "item",
                       "quantity": "pieces", "amount": "paid"}},
    users={"files": "{ds}/users.csv", "format": "csv", "id": ["who"], "fields": {"gender": "sex"}, "optional": True},
    products={"files": "{ds}/log.csv", "format": "csv", "id": ["item"], "fields": {"brand": "brand"}},
)  # fmt: skip
LOGS = {
    "2024-03-01": [
        "1,u-anna,2024-03-01T10:00:00Z,purchase,p1,1,5.00,Own", "2,7,2024-03-01T11:00:00Z,purchase,p7,7,7.00,Own",
        "3,77,2024-03-01T12:00:00Z,purchase,p1,7,5.00,Own", "4,u-bob,2024-03-01T12:00:00Z,view,p2,,,Other",
    ],
    "2024-03-02": [
        "5,u-anna,2024-03-02T10:00:00Z,view,p2,,,Other", "6,7,2024-03-02T10:00:00Z,dance,p1,1,1.00,Own",
        "7,77,2024-03-02T10:00:00Z,dance,p1,7,1.00,Own", "8,u-bob,2024-03-02T12:00:00Z,purchase,p2,1,7.00,Other",
        "9,u-anna,no time,view,p2,,,Other", "1,u-anna,2024-03-01T10:00:00Z,purchase,p1,1,5.00,Own",
        "10,7,2024-03-01T23:00:00Z,view,p1,,,Own",
    ],
}  # fmt: skip


def night(home: Path, run_id: str = "night", **changes) -> Settings:
    s = Settings(DS, DS, str(home / "wh"), "shop", str(home / "landing"), run_id)
    return replace(s, **changes)


def of_the_shop(patch: pytest.MonkeyPatch, home: Path, key: str = KEY) -> None:
    for module in (collect, release, spec):
        patch.setattr(module, "load", lambda name: SOURCE)
    patch.setenv("HUAXIANG_PII_KEY", key)
    patch.delenv("HUAXIANG_PII_KEY_FILE", raising=False)
    patch.setenv("HUAXIANG_HOME", str(home / "run"))


PEOPLE = (USER_SEGMENTS, tables.AUDIENCE_MEMBERS, tables.RECOMMENDATIONS)


def move(home: Path, to: Path) -> None:
    """A copy of a home, whose snapshots name its own warehouse."""
    shutil.copytree(home, to)
    for said in (to / "run" / "snapshots").glob("*/snapshot.json"):
        said.write_text(json.dumps({"warehouse": str(to / "wh")}))


def stage(s: Settings, *users: str) -> None:
    """One row a user in the staged tables of PEOPLE, one row in the others."""
    for table in tables.PUBLISHED:
        row = dict.fromkeys(table.column_names) | {
            "ds": s.ds, "segment_id": 1, "segment_name": "Big", "size": len(users), "audience_id": "big",
            "model_version": "1", "run_id": s.run_id,
        }  # fmt: skip
        rows = [row | {"user_id": one} for one in (users if table in PEOPLE else ["u-bob"])]
        empty = table in (tables.SEGMENT_CHANGES, tables.AUDIENCE_CHANGES)
        delta.replace_rows([] if empty else rows, s.warehouse, table.staged(), f"ds = '{s.ds}'")


@pytest.fixture(scope="module")
def published(spark, tmp_path_factory):
    """A home with a landing, a snapshot of a training, and a warehouse of two days, of which one night is published."""
    home, patch = tmp_path_factory.mktemp("home"), pytest.MonkeyPatch()
    of_the_shop(patch, home)
    for day, lines in LOGS.items():
        (home / "landing" / day).mkdir(parents=True)
        (home / "landing" / day / "log.csv").write_text(
            "id,who,time,kind,item,pieces,paid,brand\n" + "\n".join(lines) + "\n", encoding="utf-8"
        )
    people = "who,sex,friend\nu-anna,f,\n7,m,\n77,m,x\n"
    (home / "landing" / "2024-03-01" / "users.csv").write_text(people, encoding="utf-8")
    for path in (home / "landing").rglob("*.csv"):
        os.utime(path, (1_710_000_000,) * 2)
    whole = night(home, since=date(2024, 3, 1))
    for hop in (collect, clean, features, sequences):
        hop.run(spark, whole)
    stage(whole, "u-anna", "7", "77", "u-bob")
    publish.run(spark, whole)
    for ds, users in (("2024-03-02", ["77", "7"]), ("2024-02-01", ["u-bob"])):
        folder = home / "run" / "snapshots" / ds
        folder.mkdir(parents=True)
        (folder / "snapshot.json").write_text(json.dumps({"warehouse": whole.warehouse}))
        pq.write_table(pa.table({"user_id": users}), folder / "users.parquet")
    np.savez(home / "run" / "snapshots" / "2024-03-02" / "trial.npz", user_ids=np.array(["7"]))
    yield home
    patch.undo()


@pytest.fixture(scope="module")
def erased(spark, published, tmp_path_factory):
    """(a copy of the home, after the erasure; what it printed)."""
    home, patch = tmp_path_factory.mktemp("erased") / "home", pytest.MonkeyPatch()
    move(published, home)
    of_the_shop(patch, home)
    yield home, erase.run(spark, night(home, "erasure"), GONE)
    patch.undo()


@pytest.fixture(autouse=True)
def at_home(monkeypatch, tmp_path):
    of_the_shop(monkeypatch, tmp_path)


def rows_of(home: Path, table: tables.Table) -> list[str]:
    return (
        sorted(map(str, delta.rows(str(home / "wh"), table, "true"))) if delta.exists(str(home / "wh"), table) else []
    )


def others(home: Path, table: tables.Table) -> list[str]:
    """The rows of everybody else."""
    column = tables.USER_COLUMN.get(table.full_name)
    rows = delta.rows(str(home / "wh"), table, "true")
    return sorted(str(row) for row in rows if column is None or row[column] not in GONE)


COMPARED = [table for table in tables.BY_NAME.values()
            if table not in (ERASURES, LOADS, QUARANTINE, RUNS, SILVER_PRODUCTS, tables.BRONZE_PRODUCTS)]  # fmt: skip


def loads(home: Path) -> dict[tuple[str, str], tuple[int, ...]]:
    columns = ("rows_in", "loaded", "duplicates", "quarantined", "suppressed", "outside")
    return {(row["kind"], row["source_file"]): tuple(row[name] for name in columns)
            for row in delta.rows(str(home / "wh"), LOADS, "true")}  # fmt: skip


def test_they_are_gone_and_everybody_else_is_as_before(published, erased):
    home, said = erased
    before = Counter()
    for table in COMPARED:
        assert rows_of(home, table) == others(published, table), table.full_name
        before[table.full_name] = len(rows_of(published, table)) - len(rows_of(home, table))
    assert {"bronze.users", "gold.user_sequences", "staged.recommendations", "ops.restated"} & set(+before) == {
        "bronze.users", "gold.user_sequences", "staged.recommendations"
    }  # fmt: skip
    assert before["bronze.events"] == 4
    assert [row["raw"] for row in delta.rows(str(home / "wh"), QUARANTINE, "true")] == [
        row["raw"] for row in delta.rows(str(published / "wh"), QUARANTINE, "true") if '"who":"77"' in row["raw"]
    ]
    # Not by our own scan: what a reader gets of every Parquet file, and every log as it lies there.
    for path in (home / "wh").rglob("*"):
        if path.suffix == ".parquet":
            assert "anna" not in pq.read_table(path).to_pandas().to_string(), path
            columns = {"user_id"} & set(pq.read_schema(path).names)
            assert not columns or "7" not in pq.read_table(path)["user_id"].to_pylist(), path
        elif path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert "anna" not in text, path
            assert '\\"user_id\\":\\"7\\"' not in text, path
    assert "2 users erased" in said
    assert "finds 残留: 0" in said
    assert "1 ids are ordinary numbers" in said
    assert not any(one in said for one in ("u-anna", "landing/2024"))
    assert [path.name for path in (home / "run" / "snapshots").iterdir()] == ["2024-02-01"]


def test_the_certificate_stands_in_the_table(published, erased):
    home, _ = erased
    secret = KEY.encode()
    told = {row["subject"]: row for row in delta.rows(str(home / "wh"), ERASURES, "true")}
    assert set(told) == {erasures.subject(one, secret) for one in GONE}
    anna = told[erasures.subject("u-anna", secret)]
    deleted = dict(anna["deleted"])
    assert (deleted["bronze.events"], deleted["ops.quarantine"], deleted["gold.user_daily"]) == (2, 1, 2)
    assert (anna["ds"], anna["night"], anna["segment_id"], anna["audiences"]) == (DS, DS, 1, ["big"])
    assert (anna["finds"], anna["run_id"]) == (0, "erasure")
    assert anna["done_at"] is not None
    assert anna["files"] > 40
    assert anna["bytes"] > 10_000
    versions = dict(anna["table_versions"])
    assert versions["gold.user_segments"] == delta.version(str(home / "wh"), USER_SEGMENTS)


def test_readers_see_the_published_night_without_them(spark, published, erased):
    home, _ = erased
    warehouse = str(home / "wh")
    asked = "SELECT user_id FROM gold.user_segments ORDER BY 1"
    assert sql.run(asked, str(published / "wh"), "csv").split("\n")[1:] == ["7", "77", "u-anna", "u-bob"]
    assert sql.run(asked, warehouse, "csv").split("\n")[1:] == ["77", "u-bob"]
    assert sql.run("SELECT size FROM gold.segments", warehouse, "csv") == "size\n4"  # as it was published
    for name, version in sql.manifest(warehouse).items():
        named = sql.scannable(warehouse, tables.table(name), version)  # noqa: F841 - DuckDB finds it by its name
        duckdb.sql("SELECT * FROM named").fetchall()
    assert delta.read(spark, warehouse, USER_SEGMENTS).count() == 2  # and Spark reads what delta-rs wrote down


def test_what_only_their_events_told_of_a_product_goes_and_the_product_stays(spark, published, erased):
    home, _ = erased
    old, new = (
        {row["product_id"]: row for row in delta.rows(str(at / "wh"), SILVER_PRODUCTS, "true")}
        for at in (published, home)
    )
    assert dict(old["p7"]["attributes"])["who"] == "7"
    assert (dict(new["p7"]["attributes"]), new["p7"]["brand"], new["p7"]["usual_price"]) == (
        {}, "Own", old["p7"]["usual_price"]
    )  # fmt: skip
    assert new.keys() == old.keys()


def test_accounts_are_kept(published, erased):
    home, _ = erased
    assert loads(published)["events", "2024-03-02/log.csv"] == (7, 3, 1, 3, 0, 0)
    assert loads(home)["events", "2024-03-01/log.csv"] == (4, 2, 0, 0, 2, 0)
    assert loads(home)["events", "2024-03-02/log.csv"] == (7, 1, 1, 1, 4, 0)
    assert loads(home)["users", "2024-03-01/users.csv"] == (3, 1, 0, 0, 2, 0)


def test_the_same_files_again_bring_nothing_back(spark, erased, tmp_path):
    home = tmp_path / "again"
    shutil.copytree(erased[0], home)
    again = night(home, since=date(2024, 3, 1), again=True)
    assert "events: nothing new" in collect.run(spark, replace(again, again=False))
    said = collect.run(spark, again)
    assert "events: rows_in 11, loaded 3, duplicates 0, quarantined 1, outside 0, late 0, suppressed 7" in said
    assert "users: rows_in 3, loaded 1, duplicates 0, quarantined 0, outside 0, late 0, suppressed 2" in said
    kept = [[{k: v for k, v in row.items() if k != "ingested_at"}
             for row in delta.rows(str(at / "wh"), BRONZE_EVENTS, "true")] for at in (home, erased[0])]  # fmt: skip
    assert sorted(map(str, kept[0])) == sorted(str(row | {"run_id": "night"}) for row in kept[1])
    assert all(sum(n[1:]) == n[0] for n in loads(home).values())
    assert "finds 残留: 0" in erase.run(spark, night(home, "again"), GONE, verify=True)


def test_an_erasure_that_is_killed_ends_the_same_when_it_is_run_again(spark, published, erased, tmp_path, monkeypatch):
    home = tmp_path / "killed"
    move(published, home)
    monkeypatch.setenv("HUAXIANG_HOME", str(home / "run"))
    # A publish that died after its first table: readers never saw it, nor do they after the erasure.
    half = [row | {"size": 99} for row in delta.rows(str(home / "wh"), SEGMENTS, "true")]
    delta.replace_rows(half, str(home / "wh"), SEGMENTS, f"ds = '{DS}'")
    size = "SELECT size FROM gold.segments"
    for table in ("bronze/events", "gold/user_sequences", "bronze/users", "ops/quarantine", "bronze/products",
                  "ops/loads", "ops/runs"):  # fmt: skip
        with killed_after(0, table=table) as written, pytest.raises(Killed):
            erase.run(spark, night(home, "erasure"), GONE)
        assert sql.run(size, str(home / "wh"), "csv") == "size\n4", f"killed after {written}"
    for at, which in (("sweep", 5), ("checkpoint", 4), ("forget_before", 5)):
        module = delta if hasattr(delta, at) else upkeep
        calls, real = Counter(), getattr(module, at)

        def dying(*arguments, _at=at, _which=which, _calls=calls, _real=real, **more):
            _calls[_at] += 1
            if _calls[_at] == _which:
                raise KeyboardInterrupt
            return _real(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(module, at, dying)
            with pytest.raises(KeyboardInterrupt):
                erase.run(spark, night(home, "erasure"), GONE)
        assert sql.run(size, str(home / "wh"), "csv") == "size\n4", f"killed in {at}"
        assert all(row["done_at"] is None for row in delta.rows(str(home / "wh"), ERASURES, "true"))
    assert "finds 残留: 0" in erase.run(spark, night(home, "erasure"), GONE)
    for table in (*COMPARED, LOADS, QUARANTINE, SILVER_PRODUCTS):
        assert rows_of(home, table) == rows_of(erased[0], table), table.full_name
    told = [{row["subject"]: (row["deleted"], row["night"], row["segment_id"], row["finds"])
             for row in delta.rows(str(at / "wh"), ERASURES, "true")} for at in (home, erased[0])]  # fmt: skip
    assert told[0] == told[1]


def test_what_is_left_anywhere_is_named_and_the_erasure_is_not_done(spark, erased, tmp_path):
    home = tmp_path / "left"
    shutil.copytree(erased[0], home)
    reports = home / "wh" / "_reports"
    reports.mkdir()
    (reports / "mail.html").write_text("<p>Dear\nu-anna</p>")
    (reports / "export.csv.gz").write_bytes(gzip.compress(b"user_id,x\nu-anna,1\n"))
    pq.write_table(pa.table({"user_id": ["7"]}), home / "wh" / "gold" / "user_segments" / "left.parquet")
    log = next((home / "wh" / "silver" / "users" / "_delta_log").glob("*.json"))
    log.write_text(log.read_text() + json.dumps({"add": {"stats": json.dumps({"minValues": {"user_id": "7"}})}}))
    with pytest.raises(DataError, match="found them in 4 places") as caught:
        erase.run(spark, night(home), GONE, verify=True)
    for place in ("mail.html, line 2", "export.csv.gz, line 2", "left.parquet, column user_id", "_delta_log/"):
        assert place in str(caught.value)
    assert "u-anna" not in str(caught.value)


def test_a_night_that_ran_through_an_erasure_is_not_published(spark, erased, tmp_path):
    home = tmp_path / "through"
    shutil.copytree(erased[0], home)
    stage(night(home, "through"), "u-anna", "77")
    with pytest.raises(DataError, match="found 1 staged: it ran while they were erased"):
        publish.run(spark, night(home, "through"))


def test_without_the_key_nobody_is_erased_and_nothing_is_loaded(spark, erased, tmp_path, monkeypatch):
    home, _ = erased
    monkeypatch.setenv("HUAXIANG_PII_KEY", "")
    with pytest.raises(UsageError, match="remembered by a keyed hash of his id: expected a key"):
        erase.run(spark, night(tmp_path), ["u-bob"])
    with pytest.raises(UsageError, match="2 users were erased and must stay left out: expected a key"):
        collect.run(spark, night(home))
    monkeypatch.setenv("HUAXIANG_PII_KEY", "another key, as long as the first")
    with pytest.raises(UsageError, match="expected the key by which 2 users were erased"):
        collect.run(spark, night(home))


def test_a_broken_line_of_an_erased_user_is_left_out(spark):
    secret = KEY.encode()
    book = erasures.Suppressed(tuple(erasures.subject(one, secret) for one in ("u-anna", "li@shop.cn", "7")), secret)
    lines = ['{"who": "u-anna", "ti', "7;2024", "77;x", "x li@shop.cn!", "anna", '{"who": "u-annab"', None]
    frame = spark.createDataFrame([(one,) for one in lines], "raw string")
    found = [row[0] for row in frame.where(book.named_in(delta.F.col("raw"), Keys().user)).collect()]
    assert found == [lines[0], lines[1], lines[3]]


def test_the_command_line(tmp_path, capsys):
    file = tmp_path / "ids.txt"
    file.write_text("b\n\na \nb\n", encoding="utf-8")
    parse = __main__.parser().parse_args
    given = parse(["erase", "--ds", "2024-03-02", "--users", str(file)])
    assert (__main__._ids(given), given.verify) == (["a", "b"], False)
    given = parse(["erase", "--ds", "2024-03-02", "--user", "z", "--user", "y", "--verify"])
    assert (__main__._ids(given), given.verify) == (["y", "z"], True)
    with pytest.raises(SystemExit):
        parse(["erase", "--ds", "2024-03-02"])
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(UsageError, match="one a line, found none"):
        __main__._ids(parse(["erase", "--ds", "2024-03-02", "--users", str(file)]))


def test_a_topic_lands_nothing_of_an_erased_user_and_counts_it(spark):
    events = {"kafka": {"servers": "k:1", "topic": "clicks"}, "id": ["id"], "pii": {"uid": "hash"},
              "fields": {"user_id": "uid", "event_time": "t", "event_type": {"constant": "view"}}}  # fmt: skip
    source, secret = Source(name="shop", title="t", origin="o", licence="l", events=events), KEY.encode()
    hashed = hmac.new(secret, b"anna", "sha256").hexdigest()  # the user's id, as silver.users has it
    book = erasures.Suppressed((erasures.subject(hashed, secret),), secret)
    sent = [json.dumps({"id": n, "uid": uid, "t": "2024-03-02T10:00:00Z"}) for n, uid in enumerate(("anna", "bob"))]
    lines = spark.createDataFrame([(one,) for one in (*sent, "broken")], "value string")
    landed = [row["value"] for row in streams.blanked(lines, source, Keys(), book).collect()]
    assert landed == ['{"huaxiang_erased":true}', sent[1], "broken"]
    # Read from there, as any file.
    raw = spark.createDataFrame([(one, "f", DS) for one in landed], "raw string, source_file string, landed_ds date")
    raw = raw.withColumn("record", delta.F.from_json("raw", "map<string,string>"))
    kept, out = collect.left_out(raw, source, Keys(), "events", book)
    assert ([row["raw"] for row in kept.collect()], out) == ([sent[1], "broken"], {("f", DS): 1})


def test_what_was_known_of_him_is_kept_where_the_erasure_is_killed_between_two_tables(
    spark, published, erased, tmp_path, monkeypatch
):
    home = tmp_path / "killed"
    move(published, home)
    monkeypatch.setenv("HUAXIANG_HOME", str(home / "run"))
    with killed_after(0, table="gold/user_segments") as written, pytest.raises(Killed):
        erase.run(spark, night(home, "erasure"), GONE)
    assert "gold/audience_members" not in written
    assert "finds 残留: 0" in erase.run(spark, night(home, "erasure"), GONE)
    told = [{row["subject"]: (row["deleted"], row["night"], row["segment_id"], row["audiences"])
             for row in delta.rows(str(at / "wh"), ERASURES, "true")} for at in (home, erased[0])]  # fmt: skip
    assert told[0] == told[1]
