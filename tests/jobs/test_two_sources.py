"""Two shops of one warehouse that use the same ids: nobody and nothing of one is taken for the other's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.clean import run as clean
from jobs.collect import release
from jobs.collect import run as collect
from jobs.erasure import run as erase
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.spec import Source
from jobs.tables import (
    BRONZE_EVENTS,
    LOADS,
    QUARANTINE,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    USER_DAILY,
    USER_FEATURES,
    USER_SEQUENCES,
)

DS = date(2024, 3, 2)
FIELDS = {"user_id": "who", "event_time": "time", "event_type": "kind", "product_id": "item", "amount": "paid",
          "session_id": "visit"}  # fmt: skip


def shop(name: str, **more: object) -> Source:
    return Source(
        name=name, title="t", origin="o", licence="l",
        events={"files": f"{name}/{{ds}}/log.jsonl", "id": ["id"], "fields": FIELDS},
        users={"files": f"{name}/{{ds}}/users.jsonl", "id": ["who"], "fields": {"marketing_consent": "mail"}},
        products={"files": f"{name}/{{ds}}/items.jsonl", "id": ["item"], "fields": {"title": "title"}}, **more,
    )  # fmt: skip


SHOPS = {"web": shop("web"), "app": shop("app"), "till": shop("till", namespace="app")}
# By shop: what user 12 paid for product 7, whether he may be written to, what the product is called.
SAYS = {"web": (5, "no", "Tea"), "app": (70, "yes", "Mug"), "till": (900, "yes", "Mug")}


def deliver(landing: Path, name: str, ds: date) -> None:
    paid, mail, title = SAYS[name]
    day = {"who": "12", "item": "7", "visit": "v1", "kind": "purchase", "time": f"{ds}T10:00:00Z"}
    log = [
        day | {"id": "1", "paid": paid},
        day | {"id": "2", "who": "13", "paid": paid},
        day | {"id": "3", "time": "?"},
    ]
    people = [{"who": "12", "mail": mail}, {"who": "13", "mail": "yes"}]
    files = {"log": log, "users": people, "items": [{"item": "7", "title": title}]}
    folder = landing / name / str(ds)
    folder.mkdir(parents=True)
    for file, rows in files.items():
        (folder / f"{file}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def warehouse(spark, tmp_path_factory) -> Iterator[Settings]:
    """A night of all three."""
    home, patch = tmp_path_factory.mktemp("home"), pytest.MonkeyPatch()
    for module in (collect, release, spec):
        patch.setattr(module, "load", lambda name: SHOPS[name])
    patch.setenv("HUAXIANG_PII_KEY", "a key of more than 16 characters")
    patch.setenv("HUAXIANG_HOME", str(home / "run"))
    s = Settings(DS, DS, str(home / "wh"), "web", str(home / "landing"), "r")
    for name in SHOPS:
        deliver(home / "landing", name, DS)
        collect.run(spark, replace(s, source=name))
    for hop in (clean, features, sequences):
        hop.run(spark, s)
    yield s
    patch.undo()


def by(s: Settings, table, key: str, *columns: str) -> dict:
    rows = delta.rows(s.warehouse, table, "true")
    return {row[key]: tuple(row[column] for column in columns) if columns[1:] else row[columns[0]] for row in rows}


def test_users_products_and_consents_are_of_their_shop(warehouse):
    assert by(warehouse, SILVER_USERS, "user_id", "marketing_consent") == {
        "12": False, "13": True, "app:12": True, "app:13": True
    }  # fmt: skip
    assert by(warehouse, SILVER_PRODUCTS, "product_id", "title") == {"7": "Tea", "app:7": "Mug"}


def test_events_and_sessions_are_of_their_shop(warehouse):
    events = delta.rows(warehouse.warehouse, SILVER_EVENTS, "true", "event_id, user_id, product_id, session_id, amount")
    assert {(row["event_id"], row["user_id"], row["product_id"], int(row["amount"])) for row in events} == {
        ("web:1", "12", "7", 5), ("web:2", "13", "7", 5),
        ("app:1", "app:12", "app:7", 70), ("app:2", "app:13", "app:7", 70),
        ("till:1", "app:12", "app:7", 900), ("till:2", "app:13", "app:7", 900),
    }  # fmt: skip
    assert {row["session_id"] for row in events} == {"v1", "app:v1"}


def test_features_and_sequences_are_of_their_shop(warehouse):
    spent = by(warehouse, USER_FEATURES, "user_id", "frequency_28d", "monetary_28d")
    assert {user: (orders, int(money)) for user, (orders, money) in spent.items()} == {
        "12": (1, 5), "13": (1, 5), "app:12": (1, 970), "app:13": (1, 970)
    }  # fmt: skip
    assert set(by(warehouse, USER_DAILY, "user_id", "ds")) == set(spent)
    assert by(warehouse, USER_SEQUENCES, "user_id", "product_ids")["12"] == ["7"]


def test_an_id_that_would_be_taken_for_another_shops_is_refused(spark, warehouse, tmp_path):
    s = replace(warehouse, ds=DS + timedelta(days=1), since=DS + timedelta(days=1), landing=str(tmp_path))
    deliver(tmp_path, "web", s.ds)
    log = tmp_path / "web" / str(s.ds) / "log.jsonl"
    log.write_text(log.read_text().replace('"13"', '"app:13"'), encoding="utf-8")
    collect.run(spark, s)
    refused = delta.rows(s.warehouse, QUARANTINE, f"ds = '{s.ds}' AND reason LIKE 'foreign%'", "reason, raw")
    assert [row["reason"] for row in refused] == ["foreign_id: user_id begins as the keys of another source do: app"]
    assert not delta.count(s.warehouse, BRONZE_EVENTS, f"landed_ds = '{s.ds}' AND user_id = 'app:13'")


def test_an_erasure_takes_one_of_the_two_and_stays_one(spark, warehouse):
    """After the tests above. In the quarantine there is a broken record of user 12 of each shop."""
    s = replace(warehouse, run_id="erasure")
    said = erase.run(spark, s, ["app:12"])
    assert "1 users erased" in said
    assert "finds 残留: 0" in said
    left = by(s, SILVER_USERS, "user_id", "marketing_consent")
    assert set(left) == {"12", "13", "app:13"}
    refused = delta.rows(s.warehouse, QUARANTINE, f"ds = '{DS}'", "source, reason")
    assert {row["source"] for row in refused} == {"web"}
    assert "app:12" not in by(s, USER_FEATURES, "user_id", "ds")
    # Delivered again, the one stays away and the other comes.
    for name in ("web", "till"):
        again = replace(s, source=name, again=True)
        collect.run(spark, again)
    assert {row["user_id"] for row in delta.rows(s.warehouse, BRONZE_EVENTS, f"ds = '{DS}'", "user_id")} == {
        "12", "13", "app:13"
    }  # fmt: skip
    suppressed = delta.rows(s.warehouse, LOADS, f"landed_ds = '{DS}' AND kind = 'users'", "source, suppressed")
    assert {row["source"]: row["suppressed"] for row in suppressed} == {"web": 0, "app": 1, "till": 1}
    # And the other of the two.
    assert "finds 残留: 0" in erase.run(spark, s, ["12"])
    assert set(by(s, SILVER_USERS, "user_id", "gender")) == {"13", "app:13"}
