"""What nights in a row know of a user: files that come late, lack a column, and are corrected."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.spec import Source
from jobs.tables import BRONZE_USERS, SILVER_USERS

SOURCE = Source(
    name="shop", title="t", origin="o", licence="l",
    events={"files": "{ds}/log.jsonl", "id": ["id"],
            "fields": {"user_id": "who", "event_time": "time", "event_type": {"constant": "view"}}},
    users={"files": "{ds}/users.jsonl", "id": ["who"], "optional": True,
           "fields": {"marketing_consent": {"column": "mail", "optional": True}, "region": "city"}},
)  # fmt: skip


def deliver(s: Settings, day: int, **user: str) -> None:
    folder = Path(s.landing) / f"2024-03-{day:02}"
    folder.mkdir(parents=True, exist_ok=True)
    event = {"id": "1", "who": "u1", "time": f"2024-03-{day:02}T10:00:00Z"}
    (folder / "log.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    (folder / "users.jsonl").write_text(json.dumps({"who": "u1"} | user) + "\n", encoding="utf-8")


def night(spark, s: Settings, day: int, since: int = 0) -> tuple:
    """What is known of the user after it: may he be addressed, where does he live, by the file of which day."""
    s = replace(s, ds=date(2024, 3, day), since=date(2024, 3, since or day))
    collect.run(spark, s)
    clean.run(spark, s)
    (user,) = delta.rows(s.warehouse, SILVER_USERS, "true")
    return user["marketing_consent"], user["region"], user["record_landed_ds"].day


def test_a_refusal_stays_until_a_newer_file_says_otherwise(spark, tmp_path, monkeypatch):
    for module in (collect, spec):
        monkeypatch.setattr(module, "load", lambda name: SOURCE)
    s = Settings(date(2024, 3, 2), date(2024, 3, 2), str(tmp_path / "wh"), "shop", str(tmp_path / "in"), "r")
    deliver(s, 1, city="0")
    deliver(s, 3, mail="no", city="A")
    assert night(spark, s, 3, since=1) == (False, "A", 3)
    deliver(s, 4, city="B")
    deliver(s, 2, mail="yes", city="C")  # comes late, in one load with the newer one
    assert night(spark, s, 4) == (False, "B", 4)
    came = delta.rows(s.warehouse, BRONZE_USERS, "true", "file_ds, landed_ds")
    assert {(row["file_ds"].day, row["landed_ds"].day) for row in came} == {(1, 1), (3, 3), (4, 4), (2, 2)}
    deliver(s, 3, city="A")  # corrected: it never said no
    deliver(s, 5, city="B")
    assert night(spark, s, 5) == (True, "B", 5)
    assert night(spark, s, 5) == (True, "B", 5)
