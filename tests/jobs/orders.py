"""Five nights of a tiny shop in any order: what each order leaves in the tables.

The shop's files lie there from the beginning, as they do for who catches up on skipped nights. In them: a session that
runs past midnight, records that come late and early, one that comes twice, one that comes again with another price,
refused ones, refunds, a price that cannot be meant among twenty (so that medians count), users and products whose
records change, and a user who does more than a sequence holds.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

from pyspark.sql import SparkSession

from jobs.clean import run as clean
from jobs.collect import run as collect
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources.spec import Source
from jobs.tables import BY_NAME, CLEANED, QUALITY_RESULTS, RESTATED, USER_FEATURES, USER_SEQUENCES, WAREHOUSE, Table

DAYS = (1, 2, 3, 4, 5)
LAST = "ds = '2024-03-05'"
AS_OF = (USER_FEATURES, USER_SEQUENCES)
SHORT = 6  # events of a sequence: of few, some are full
HOPS = (collect, clean, features, sequences)
# Without the features as of a night, which are made of users' days alone, and for the most part of the time.
QUICK = (collect, clean, SimpleNamespace(run=features.put_daily), sequences)
# Which run wrote a row, when, how many with it; which of the files that have a record its duplicate was held against.
_STAMPS = {"run_id", "ingested_at", "night", "written", "repeats"}
# What a night finds that it has to do, or to say: not what it leaves.
_OF_A_RUN = {RESTATED, CLEANED, QUALITY_RESULTS, WAREHOUSE}

SOURCE = Source(
    name="shop", title="t", origin="o", licence="l", shop_zone="Asia/Shanghai",
    events={"files": "{ds}/log*.jsonl", "id": ["id"],
            "fields": {"user_id": "who", "event_time": {"column": "time", "zone": "Asia/Shanghai"},
                       "event_type": "what", "product_id": "item", "quantity": "pieces", "price": "price"}},
    users={"files": "{ds}/users.jsonl", "id": ["who"], "optional": True,
           "fields": {"region": {"column": "city", "optional": True},
                      "marketing_consent": {"column": "mail", "optional": True}}},
    products={"files": "{ds}/products.jsonl", "id": ["sku"], "optional": True,
              "fields": {"title": "name", "brand": {"column": "brand", "optional": True},
                         "category_path": {"column": "path", "split": "/"}}},
)  # fmt: skip


def day(n: int) -> date:
    return date(2024, 3, n)


def event(id_: str, who: str, n: int, at: str, what: str = "purchase", item: str = "p1", price: float = 5) -> dict:
    return {"id": id_, "who": who, "time": f"{day(n)}T{at}", "what": what, "item": item, "pieces": 1, "price": price}


def _logs() -> dict[int, list[dict]]:
    logs = {n: [event(f"a{n}", "a", n, "10:00:00", "view"), event(f"b{n}", "b", n, "11:00:00")] for n in DAYS}
    for n in DAYS:  # up at midnight, every night
        logs[n] += [event(f"x{n}", "x", n, "00:05:00", "view"), event(f"y{n}", "x", n, "23:50:00", "cart", "p2", 3)]
    usual = [event(f"u{k}", f"u{k % 3}", 2, "12:00:00", price=5 + k / 100) for k in range(24)]
    logs[2] += [*usual, event("much", "b", 2, "12:30:00", price=900)]
    logs[3] += [event(f"l{k}", "a", 2, f"13:{k:02}:00", price=700) for k in range(30)]  # late: no median knows them
    logs[3] += [event("late", "x", 1, "23:59:00", "view"), event("r1", "b", 3, "14:00:00", "refund")]
    logs[4] += [event("b2", "b", 2, "11:00:00"), event("b1", "b", 1, "11:00:00", price=8)]  # both came before
    logs[4] += [event("late2", "b", 3, "09:00:00"), event("early", "c", 5, "01:00:00", "search")]
    logs[5] += [event("r2", "b", 5, "15:00:00", "refund"), event("b1", "b", 1, "11:00:00", price=7)]
    logs[5] += [event("bad", "c", 5, "15:00:00", "steal"), event("gone", "", 4, "15:00:00")]
    return logs


_USERS = {1: [{"who": "a", "city": "A"}, {"who": "b", "city": "B", "mail": "yes"}], 3: [{"who": "b", "mail": "no"}],
          4: [{"who": "a", "city": "C"}, {"who": "z", "city": "Z"}]}  # fmt: skip
_PRODUCTS = {1: [{"sku": "p1", "name": "red milk", "path": "food/milk", "brand": "Ox"},
                 {"sku": "p2", "name": "black tea", "path": "food/tea"}],
             3: [{"sku": "p1", "name": "red milk 2 l", "path": "food/milk", "brand": "Ox"},
                 {"sku": "p4", "name": "green soap", "path": "home/soap", "brand": "Yak"}]}  # fmt: skip


def deliver(landing: Path) -> None:
    """All files of the five days."""
    for kind, of_days in (("log", _logs()), ("users", _USERS), ("products", _PRODUCTS)):
        for n, records in of_days.items():
            path = landing / str(day(n)) / f"{kind}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
            os.utime(path, (1_710_000_000, 1_710_000_000))  # after the last day


def night(spark: SparkSession, s: Settings, n: int, hops: Sequence = HOPS) -> None:
    s = replace(s, ds=day(n), since=day(n))
    for hop in hops:
        hop.run(spark, s)
    lost = delta.rows(s.warehouse, CLEANED, "in_bronze != in_silver + refused")
    assert not lost, "bronze is silver and what was refused, on each day that a night made anew"


def again(spark: SparkSession, s: Settings, nights: Sequence[int], hops: Sequence = (features, sequences)) -> None:
    """Make what stands as of `nights` again: by now all is known."""
    for n in sorted(nights):
        night(spark, s, n, hops)


def begun(home: Path) -> Settings:
    """The landing folder, and where the warehouse will be."""
    deliver(home / "landing")
    return Settings(day(1), day(1), str(home / "warehouse"), "shop", str(home / "landing"), "r")


def rows(warehouse: str, table: Table, where: str) -> list[str]:
    listed = ", ".join(f'"{name}"' for name in table.column_names if name not in _STAMPS)
    return sorted(str(row) for row in delta.rows(warehouse, table, where, listed))


def left(warehouse: str, as_of: str = "true") -> dict[str, list[str]]:
    """The rows of each table, less stamps; of what stands as of a night, those that `as_of` describes."""
    tables = [table for table in BY_NAME.values() if table not in _OF_A_RUN and delta.exists(warehouse, table)]
    return {table.full_name: rows(warehouse, table, as_of if table in AS_OF else "true") for table in tables}


def walk(
    spark: SparkSession, s: Settings, home: Path, first: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Settings]]:
    """Every order that begins with one of `first`, with its warehouse, which stands until the next one is asked for.
    Orders that begin alike share those nights.
    """

    def below(done: tuple[int, ...], before: Settings) -> Iterator[tuple[tuple[int, ...], Settings]]:
        if len(done) == len(DAYS):
            yield done, before
            return
        for n in (n for n in (DAYS if done else first) if n not in done):
            after = replace(s, warehouse=str(home / "".join(map(str, (*done, n)))))
            if done:
                shutil.copytree(before.warehouse, after.warehouse)
            night(spark, after, n, QUICK)
            yield from below((*done, n), after)
            shutil.rmtree(after.warehouse)

    yield from below((), s)
