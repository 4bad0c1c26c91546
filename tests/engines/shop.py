"""Two made-up shops of a few users, whose logs have all that happens to logs; the landing folders as they lie there
each night.

`corner` delivers events as CSV in GB18030 (quoted line breaks, broken lines, times of its own zone), products as JSON
lines, users as Parquet. `app` delivers JSON lines that hold lists of events, with a personal field within an object.
Records come late, twice, corrected, withdrawn, and are given back.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FIRST = date(2024, 3, 3)
HISTORY = 6  # the day that the history load ends with
NIGHTS = tuple(range(HISTORY + 1, HISTORY + 4))  # New York's clocks go forward on the first of them
ERASED_AFTER = HISTORY + 2  # erased are one user of each shop
ERASED = ("c07", "app:a03")
MENDED = HISTORY + 3  # the night from which on the mapping of `corner` knows the code `fav`

CORNER = """
name: corner
title: t
origin: o
licence: l
shop_zone: Asia/Shanghai
shop_opened: "2020-01-01"
events:
  files: "corner/{ds}/events*.csv"
  format: csv
  encoding: GB18030
  id: [nr]
  "null": ["-"]
  whole: [item]
  fields:
    user_id: who
    event_time: {column: when, zone: Asia/Shanghai}
    event_type: {column: what, map: {buy: purchase, back: refund, see: view, put: cart}}
    product_id: item
    quantity: pieces
    price: price
    amount: paid
    discount: {sum: [coupon, member]}
    session_id: extra.visit
    query: asked
    user_agent: agent
products:
  files: "corner/{ds}/products.jsonl"
  format: jsonl
  optional: true
  id: [sku]
  fields:
    title: title
    category_path: {column: path, split: "/"}
    brand: brand.name
users:
  files: "corner/{ds}/users.parquet"
  format: parquet
  optional: true
  id: [uid]
  pii: {phone: hash}
  fields:
    gender: {column: sex, map: {m: male, f: female}}
    age_band: age
    region: city
    marketing_consent: consent
"""
APP = """
name: app
title: t
origin: o
licence: l
shop_zone: America/New_York
events:
  files: "app/ds={ds}/*.jsonl*"
  format: jsonl
  explode: events
  id: [batch, events.position]
  pii: {user.email: hash, note: drop}
  fields:
    user_id: user.id
    event_time: {column: events.t, format: epoch_ms}
    event_type: events.kind
    product_id: events.sku
    quantity: events.qty
    amount: events.paid
    session_id: batch
"""
HEAD = [
    "nr",
    "who",
    "when",
    "what",
    "item",
    "pieces",
    "price",
    "paid",
    "coupon",
    "member",
    "asked",
    "agent",
    "extra",
    "注",
]
_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17)",
    "Mozilla/5.0 (Windows NT 10.0)",
    "Googlebot/2.1",
    "",
    "微信 Android Mobile",
)
_QUERIES = ("牛奶", "  ＭＩＬＫ　1 ", "café 😀", "", "茶\u200b叶")


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def declare(folder: Path, night: int) -> None:
    """The sources as they are declared on a night."""
    mended = CORNER.replace("put: cart", "put: cart, fav: favourite") if night >= MENDED else CORNER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corner.yaml").write_text(mended, encoding="utf-8")
    (folder / "app.yaml").write_text(APP, encoding="utf-8")


def land(home: Path) -> None:
    """The landing folder of each night, `home`/N: what had come by then, with the times at which it did."""
    before: Path | None = None
    for night in (HISTORY, *NIGHTS):
        here = home / str(night)
        if before:
            shutil.copytree(before, here)
        for n in range(HISTORY + 1) if night == HISTORY else (night,):
            _deliver(here, n)
        _deliver_late(here, night)
        before = here


def _put(path: Path, content: bytes, at: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    # Two hours after the day's end, each another second.
    stamp = datetime(*day(at).timetuple()[:3], tzinfo=UTC).timestamp() + 26 * 3600 + sum(content) % 3600
    os.utime(path, (stamp, stamp))


def _csv(rows: list[list[Any]], broken: str = "") -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([HEAD, *rows])
    return (text.getvalue() + broken).encode("gb18030")


def _corner_events(n: int) -> list[list[Any]]:
    random, rows = Random(n), []
    for k in range(60):
        user, hour = f"c{random.randrange(14):02}", random.randrange(24)
        local = f"{day(n)} {hour:02}:{random.randrange(60):02}:{random.randrange(60):02}"
        kind = random.choice(["see", "see", "see", "put", "buy", "buy", "search", "fav", "see"])
        item = random.choice(["100", "101", "102.0", "103", "104", "105", "无", "-"])
        pieces, price = random.choice(["1", "2", "3", "2.0", "", "1e0"]), Decimal(random.randrange(100, 9000)) / 100
        paid = price * 2 if kind == "buy" and random.random() < 0.7 else ""
        coupon, member = random.choice(["", "0.5", "1.25"]), random.choice(["", "-", "0.1"])
        extra = random.choice(["", "", json.dumps({"visit": f"v{hour}", "ab": 1.50}), '{"visit":"v1"', "no object"])
        note = random.choice(["", 'a "quoted"\nsecond line', "平常", "\x1f", "tab\there"])
        rows.append([f"{n}-{k}", user, local, kind, item, pieces, price if kind in ("buy", "put") else "", paid,
                     coupon if kind == "buy" else "", member if kind == "buy" else "",
                     random.choice(_QUERIES) if kind == "search" else "", random.choice(_AGENTS), extra, note])  # fmt: skip
    return rows + _corner_edges(n)


def _corner_edges(n: int) -> list[list[Any]]:
    """What is wrong, or seldom, on each day."""
    there, tail = f"{day(n)} 12:00:00", ["", "", "", "", "", ""]

    def row(
        no: str, who: str, when: str, what: str, item: str, pieces: str, price: str, paid: str, *rest: str
    ) -> list[str]:
        return [f"{n}-{no}", who, when, what, item, pieces, price, paid, *(rest or tail)]

    return [
        row("z1", "c01", f"{day(n)}T10:00:00Z", "buy", "100", "-1", "2.5", "-2.5"),  # given back
        row("z2", "c02", f"{day(n)}T10:00:00.123456+08:00", "buy", "101", "0", "0", "0"),  # nothing bought
        row("z3", "c03", there, "buy", "102.0", "5", "12.345678", ""),
        row("z4", "c03", there, "buy", "102.0", "1", "", "7.005"),
        row("z5", "c04", "01:02:03", "see", "100", "", "", ""),  # no day
        row("z6", "c04", "2124-01-01", "see", "100", "", "", ""),  # impossible
        row("z7", "", there, "see", "100", "", "", ""),
        row("z8", "c05", there, "dance", "100", "", "", ""),
        row("z9", "c05", there, "buy", "100", "1.5", "１２", "abc"),
        row("z10", "c06", there, "buy", "103", "1000000", "99999.99", "", "0", "0", "", "", "", ""),  # cannot be meant
        row("z11", "c07", there, "back", "100", "1", "2.5", "2.5"),
        row("z12", "c08", f"{day(n - 2)} 23:30:00", "buy", "100", "1", "2.5", "2.5"),  # late by two days
        row("z13", "c09", f"{day(n - 1)} 23:59:59", "see", "101", "", "", ""),
        row("z1", "c01", f"{day(n)}T10:00:00Z", "buy", "100", "-1", "2.5", "-2.5"),  # twice
        row("z14", "c10", f"{day(n)} 12:00:00", "buy", "104", "2", "8.5E+0", "1.7e1"),
        row("z15", "c10", f"{day(n)} 12:00:01", "buy", "105", "1", "3", "3", "0.125", "0.125", "", "", "", "x"),
    ]  # fmt: skip


_BROKEN = "x1,c01,2024-03-05\r\nx2,c01,2024-03-05 10:00:00,see,100,,,,,,,,,,too,many\r\n"


def _app_lines(n: int) -> list[str]:
    random, lines = Random(1000 + n), []
    start = int(datetime(*day(n).timetuple()[:3], 5, tzinfo=UTC).timestamp() * 1000)  # midnight at the shop
    for k in range(12):
        user = {"id": f"a{random.randrange(9):02}", "email": f"u{k}@例.cn", "level": random.choice([1, 2.50, None])}
        events = [
            {"t": start + random.randrange(86_000_000), "kind": kind, "sku": random.choice(["100", "101", "p\"1", "无"]),
             "qty": random.choice([1, 2, None]) if kind == "purchase" else None,
             "paid": random.choice([5, 12.5, 1e1]) if kind == "purchase" else None, "名": random.choice(["a", "é\n", None])}
            for kind in random.choices(["view", "click", "cart", "purchase", "refund", "favourite"], k=random.randrange(1, 6))
        ]  # fmt: skip
        batch = {
            "batch": f"{n}b{k}",
            "user": user,
            "note": "geheim",
            "v": 1.50,
            "tags": ["x", {"y": 1}],
            "events": events,
        }
        lines.append(json.dumps(batch, ensure_ascii=k % 2 == 0))
    first, second = (start + 3_600_000 * 6 - 1, start + 3_600_000 * 6)
    twins = {
        "batch": f"{n}t",
        "user": {"id": "a01"},
        "events": [{"t": first, "kind": "view"}, {"t": second, "kind": "view"}],
    }
    return [
        *lines,
        lines[0],
        json.dumps(twins),
        "{broken",
        '"text"',
        "",
        json.dumps({"batch": f"{n}e", "user": {"id": "a02"}}),
    ]


def _products(n: int) -> list[dict]:
    brands = ["蒙牛", "Lipton", None, "O'Neil & Söhne"]
    return [
        {"sku": str(100 + k), "title": f"{['蒙牛 纯牛奶 250ml', 'Lipton black tea 20 bags', '绿茶 500克 礼盒', 'Plain mug'][k % 4]} {k}",
         "path": ["食品/乳品/牛奶", "Food/Tea", "食品/茶", ""][k % 4], "brand": {"name": brands[k % 4]}, "weight": [0.25, 1.50, 2, None][k % 4],
         "version": n, "note": "\x1f\t" if k == 1 else None}
        for k in range(6)
    ]  # fmt: skip


def _users(n: int) -> pa.Table:
    ids = [f"c{k:02}" for k in range(14 if n else 10)]
    return pa.table({
        "uid": ids, "sex": [["m", "f", None, "x"][k % 4] for k in range(len(ids))],
        "age": pa.array([20 + k + n for k in range(len(ids))], pa.int32()),
        "city": [["上海", "Zürich", "", None][k % 4] for k in range(len(ids))],
        "consent": [["true", "0", "on", None][k % 4] for k in range(len(ids))],
        "phone": [f"+86 {k}" for k in range(len(ids))],
        "points": pa.array([Decimal(k) / 4 for k in range(len(ids))], pa.decimal128(22, 2)),
        "score": [k / 3 for k in range(len(ids))],
        "born": pa.array([date(1990, 1, 1 + k) for k in range(len(ids))], pa.date32()),
        "seen": pa.array([datetime(2024, 3, 1, k, tzinfo=UTC) for k in range(len(ids))], pa.timestamp("us", tz="UTC")),
        "likes": [["a", "茶"] if k % 2 else [] for k in range(len(ids))],
    })  # fmt: skip


def _deliver(here: Path, n: int) -> None:
    """What comes on the day n in time."""
    _put(here / f"corner/{day(n)}/events.csv", _csv(_corner_events(n), _BROKEN), n)
    _put(here / f"app/ds={day(n)}/part-0.jsonl", "\n".join(_app_lines(n)).encode(), n)
    if n in (0, HISTORY + 1, HISTORY + 2):
        lines = [json.dumps(product, ensure_ascii=False) for product in _products(n)]
        _put(here / f"corner/{day(n)}/products.jsonl", "\n".join(lines).encode(), n)
    if n in (0, HISTORY + 1):
        buffer = io.BytesIO()
        pq.write_table(_users(n), buffer)
        _put(here / f"corner/{day(n)}/users.parquet", buffer.getvalue(), n)


def _deliver_late(here: Path, night: int) -> None:
    """What comes on a night for days before it: a file late, one corrected, one with withdrawn records."""
    if night == HISTORY + 1:  # of the day before, and five days late
        rows = [
            [f"L{k}", "c08", f"{day(night - 5)} {10 + k}:00:00", "buy", "100", "1", "2.5", "2.5", *[""] * 6]
            for k in range(3)
        ]
        _put(here / f"corner/{day(night - 1)}/events-2.csv", _csv(rows), night)
    if night == HISTORY + 2:  # other amounts
        rows = [
            [*row[:7], "9.99", *row[8:]] if row[3] == "buy" and row[0].endswith("3") else row
            for row in _corner_events(night - 1)
        ]
        _put(here / f"corner/{day(night - 1)}/events.csv", _csv(rows, _BROKEN), night)
    if night == HISTORY + 3:  # half of a day's batches are gone
        _put(here / f"app/ds={day(night - 2)}/part-0.jsonl", "\n".join(_app_lines(night - 2)[::2]).encode(), night)
