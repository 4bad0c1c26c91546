"""Audiences as files: who goes out, who does not, and what is written down of it."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime

import pytest

from jobs import tables
from jobs.audiences import export
from jobs.audiences.definition import Definition
from jobs.audiences.export import Wanted
from jobs.errors import DataError, UsageError
from jobs.lake import delta

DS = date(2017, 12, 3)
SAID = {"name": "A", "name_zh": "甲", "description": "x", "description_zh": "x", "owner": "crm"}


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """A night with an audience `a` of 24 (u0 refuses, u1 is held out, u2 is known no more) and a small one."""
    warehouse = str(tmp_path_factory.mktemp("export"))
    ids = [f"u{n}" for n in range(24)]
    definition = Definition.model_validate(SAID | {"where": "true"}).text()
    rows = {
        tables.AUDIENCES: [{"audience_id": one, "ds": DS, "definition": definition, "definition_hash": "h",
                            "size": size, "run_id": "r"} for one, size in (("a", 24), ("few", 3))],
        tables.AUDIENCE_MEMBERS: [{"audience_id": "a", "ds": DS, "user_id": user, "since_ds": DS,
                                   "holdout": user == "u1"} for user in ids],
        tables.AUDIENCE_CHANGES: [{"audience_id": "a", "ds": DS, "user_id": user, "change": change}
                                  for user, change in (("u0", "enter"), ("u1", "enter"), ("u3", "enter"),
                                                       ("gone", "exit"), ("refuses", "exit"))],
        tables.SILVER_USERS: [{"user_id": user, "marketing_consent": False if user in ("u0", "refuses") else None}
                              for user in [*ids, "refuses"] if user != "u2"],
    }  # fmt: skip
    for table, listed in rows.items():
        empty = dict.fromkeys(table.column_names)
        delta.replace_rows([empty | row for row in listed], warehouse, table, "true")
    versions = [(table.full_name, delta.version(warehouse, table)) for table in rows if table in tables.PUBLISHED]
    run = {"run_id": "r", "ds": DS, "table_versions": versions, "published_at": datetime(2026, 1, 1, tzinfo=UTC)}
    delta.replace_rows([run], warehouse, tables.RUNS, "true")
    return warehouse


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_who_may_be_addressed_goes_out_and_it_is_written_down(shop, tmp_path):
    said = export.run(shop, Wanted("a", DS), tmp_path / "a.csv")
    assert said.endswith("a.csv; 1 held out, 1 refused, 1 unknown")
    assert {row["user_id"] for row in read(tmp_path / "a.csv")} == {f"u{n}" for n in range(3, 24)}
    [log] = delta.rows(shop, tables.EXPORTS, "file = 'a.csv'")
    assert (log["rows"], log["held_out"], log["refused"], log["unknown"]) == (21, 1, 1, 1)
    assert (log["audience_id"], log["what"], log["holdout"], log["definition_hash"]) == (
        "a",
        "members",
        "left out",
        "h",
    )
    assert log["exported_by"]
    assert log["exported_at"]


def test_the_held_out_may_be_marked(shop, tmp_path):
    export.run(shop, Wanted("a", DS, marked=True), tmp_path / "m.csv")
    assert [row["user_id"] for row in read(tmp_path / "m.csv") if row["holdout"].lower() == "true"] == ["u1"]


def test_changes_tell_who_is_to_be_addressed_and_who_is_to_be_forgotten(shop, tmp_path):
    export.run(shop, Wanted("a", DS, changes=True), tmp_path / "c.csv")
    changes = {row["user_id"]: row["change"] for row in read(tmp_path / "c.csv")}
    assert changes == {"u3": "enter", "refuses": "exit"}


def test_what_is_not_handed_out_leaves_no_file(shop, tmp_path):
    with pytest.raises(DataError, match="audience few: expected 20 members or more to hand out, found 3"):
        export.run(shop, Wanted("few", DS), tmp_path / "f.csv")
    with pytest.raises(UsageError, match="found 'fewer'; did you mean 'few'"):
        export.run(shop, Wanted("fewer", DS), tmp_path / "f.csv")
    with pytest.raises(UsageError, match="the night was not published"):
        export.run(shop, Wanted("a", date(2017, 12, 4)), tmp_path / "f.csv")
    with pytest.raises(UsageError, match="expected a file that ends on"):
        export.run(shop, Wanted("a", DS), tmp_path / "f.txt")
    assert not list(tmp_path.iterdir())
