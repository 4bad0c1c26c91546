"""Two nights at once: each reads what the other writes over."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier, BrokenBarrierError

from jobs import migrate
from jobs.clean import dimensions
from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.lake import delta, turns
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.spec import Source
from jobs.tables import SILVER_EVENTS, SILVER_PRODUCTS, SILVER_REFUNDS, SILVER_USERS

SOURCE = Source(
    name="shop", title="t", origin="o", licence="l",
    events={"files": "{ds}/log.jsonl", "id": ["id"],
            "fields": {"user_id": "who", "event_time": "time", "event_type": "what", "product_id": "item",
                       "quantity": {"constant": "1"}, "price": "price"}},
    users={"files": "{ds}/users.jsonl", "id": ["who"], "fields": {"region": "city"}},
    products={"files": "{ds}/products.jsonl", "id": ["sku"], "fields": {"title": "name"}},
)  # fmt: skip
NIGHTS = (2, 3)


def deliver(landing: Path, day: int) -> None:
    """Each day has a product and a user of its own; what is bought on one is given back on the next."""
    folder, at = landing / f"2024-03-{day:02}", f"2024-03-{day:02}T10:00:00Z"
    folder.mkdir(parents=True)
    bought = {"id": f"b{day}", "who": f"u{day}", "time": at, "what": "purchase", "item": f"p{day}", "price": day}
    back = bought | {"id": f"r{day}", "who": f"u{day - 1}", "what": "refund", "item": f"p{day - 1}"}
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, (bought, back))) + "\n", encoding="utf-8")
    (folder / "users.jsonl").write_text(json.dumps({"who": f"u{day}", "city": f"c{day}"}) + "\n", encoding="utf-8")
    (folder / "products.jsonl").write_text(json.dumps({"sku": f"p{day}", "name": f"n{day}"}) + "\n", encoding="utf-8")


def found(warehouse: str) -> dict[str, list[dict]]:
    rows = {}
    for table in (SILVER_EVENTS, SILVER_USERS, SILVER_PRODUCTS, SILVER_REFUNDS):
        columns = [name for name in table.column_names if name != "run_id"]
        known = delta.rows(warehouse, table, "true", ", ".join(f'"{name}"' for name in columns))
        rows[table.full_name] = sorted(known, key=str)
    return rows


def test_two_nights_at_once_end_as_in_turn(spark, tmp_path, monkeypatch):
    for module in (collect, spec):
        monkeypatch.setattr(module, "load", lambda name: SOURCE)
    for day in (1, *NIGHTS):
        deliver(tmp_path / "in", day)
    first = date(2024, 3, 1)

    def night(warehouse: str, day: int) -> None:
        s = Settings(first.replace(day=day), first.replace(day=day), warehouse, "shop", str(tmp_path / "in"), "r")
        collect.run(spark, s)
        clean.run(spark, s)

    for warehouse in ("in turn", "at once"):
        night(str(tmp_path / warehouse), 1)
    for day in NIGHTS:
        night(str(tmp_path / "in turn"), day)
    both_have_read, write = Barrier(2), dimensions.current_products

    def together(*frames):
        with suppress(BrokenBarrierError):  # one waits for the other, which is not let in
            both_have_read.wait(timeout=1)
        return write(*frames)

    monkeypatch.setattr(dimensions, "current_products", together)
    with ThreadPoolExecutor(2) as nights:
        list(nights.map(lambda day: night(str(tmp_path / "at once"), day), NIGHTS))
    in_turn = found(str(tmp_path / "in turn"))
    assert [row["title"] for row in in_turn["silver.products"]] == ["n1", "n2", "n3"]
    assert found(str(tmp_path / "at once")) == in_turn


def test_who_waits_says_so(tmp_path, capsys):
    """Of one warehouse and one part of it; a run that fails lets the next one in."""
    s = Settings(date(2024, 3, 1), date(2024, 3, 1), str(tmp_path / "a"), "shop", "", "r")
    run = turns.one_at_a_time("silver")(lambda spark, s, work: work())
    run(None, s, lambda: run(None, replace(s, warehouse=str(tmp_path / "b")), lambda: None))
    run(None, s, lambda: run(None, s, lambda: None))  # a verb that runs another one
    with suppress(ZeroDivisionError):
        run(None, s, lambda: 1 / 0)
    assert capsys.readouterr().err == ""
    with ThreadPoolExecutor(1) as other:
        waiting = run(None, s, lambda: (other.submit(run, None, s, lambda: "done"), time.sleep(0.3))[0])
        assert waiting.result() == "done"
    assert capsys.readouterr().err == f"waiting: another run writes silver of {s.warehouse}\n"


def test_a_migration_waits_for_the_night_that_writes(tmp_path, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(migrate.contracts, "migrate", lambda *_: written.append("migrated"))
    monkeypatch.setattr(migrate, "_recut", lambda *_: "done")
    monkeypatch.setattr(migrate, "_apart", lambda *_: [])
    with ThreadPoolExecutor(1) as other, turns.of(str(tmp_path), "sequences"):
        waiting = other.submit(migrate.run, None, str(tmp_path))
        time.sleep(0.3)
        written.append("night")
    assert (waiting.result(), written) == ("done", ["night", "migrated"])
    assert capsys.readouterr().err == f"waiting: another run writes sequences of {tmp_path}\n"
