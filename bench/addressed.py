"""Many audiences of behaviour in one night, beside the same asked by DuckDB of the same files: members must be equal.

A made-up shop: events drawn by DuckDB, seeded; users without a profile beyond their id. Each audience is one of ten
kinds with numbers of its own; DuckDB answers each by a query of its own. The night is asked twice: as the first of its
warehouse, and after another one, when it also tells who came and went, and why.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyarrow import compute as pc
from rich.table import Table as Grid

from bench import measure, shown
from bench.builds import Place
from jobs.tables import (
    AUDIENCE_MEMBERS,
    AUDIENCE_TABLES,
    AUDIENCES,
    RUNS,
    SEGMENT_CHANGES,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    USER_FEATURES,
    USER_PROFILES,
    Table,
)

DS, DAYS, PRODUCTS, CATEGORIES = date(2026, 6, 30), 180, 5_000, 40
EVE = DS - timedelta(days=1)
_NIGHTS = (*AUDIENCE_TABLES, USER_PROFILES)
_TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}
_SAID = "name: A\nname_zh: 甲\ndescription: x\ndescription_zh: x\nowner: bench\nrule: "

# Kind: (rule, the same in SQL over e, the events up to ds); {c}: a category, {n}, {m}: numbers.
KINDS: tuple[tuple[str, str], ...] = (
    ("{{not: {{did: purchase, in: {{last_days: {n}}}}}}}",
     "SELECT user_id FROM u"
     " ANTI JOIN (SELECT user_id FROM e WHERE event_type = 'purchase' AND age < {n}) USING (user_id)"),
    ("{{did: purchase, where: {{category: c{c}}}, in: {{last_days: {n}}}, at_least: {m}}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND category = 'c{c}' AND age < {n}"
     " GROUP BY 1 HAVING count(*) >= {m}"),
    ("{{did: purchase, in: {{last_months: 3, each: true}}, where: {{amount: {{at_least: {n}}}}}}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND amount >= {n} AND ds >= '2026-04-01'"
     " GROUP BY 1 HAVING count(DISTINCT month(ds)) = 3"),
    ("{{did: purchase, sum: amount, at_least: {n}00, in: {{last_days: 90}}}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND age < 90 GROUP BY 1 HAVING sum(amount) >= {n}00"),
    ("{{did: purchase, count: orders, at_least: {m}, in: {{last_days: {n}}}}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND age < {n} GROUP BY 1"
     " HAVING count(DISTINCT session_id) >= {m}"),
    ("{{then: [{{did: cart, where: {{category: c{c}}}}}, {{not: purchase, within: {{days: {m}}}}}], same: product,"
     " in: {{last_days: {n}}}}}",
     "SELECT DISTINCT user_id FROM e a WHERE event_type = 'cart' AND category = 'c{c}' AND age < {n} AND age >= {m}"
     " AND NOT EXISTS (FROM e b WHERE b.event_type = 'purchase' AND b.user_id = a.user_id"
     " AND b.product_id = a.product_id AND b.event_time > a.event_time"
     " AND b.event_time <= a.event_time + INTERVAL {m} DAY)"),
    ("{{first: purchase, where: {{category: c{c}}}, in: {{last_days: {n}}}}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND category = 'c{c}' GROUP BY 1 HAVING min(age) >= 0"
     " AND max(age) < {n}"),
    ("{{compared: {{did: purchase, sum: amount, in: {{last_days: {n}}}}}, to: {{in: {{last_days: {n}, skip: {n}}}}},"
     " less_than: 0.5}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' AND age < 2 * {n} GROUP BY 1"
     " HAVING sum(amount) FILTER (age >= {n}) > 0 AND coalesce(sum(amount) FILTER (age < {n}), 0)"
     " < 0.5 * sum(amount) FILTER (age >= {n})"),
    ("{{share: {{did: purchase, sum: amount, where: {{category: [c{c}, c{m}]}}}}, at_least: 0.1}}",
     "SELECT user_id FROM e WHERE event_type = 'purchase' GROUP BY 1 HAVING sum(amount) > 0"
     " AND coalesce(sum(amount) FILTER (category IN ('c{c}', 'c{m}')), 0) >= 0.1 * sum(amount)"),
    ("{{again: purchase, after_days: {n}, in: {{last_days: {m}0}}}}",
     "SELECT DISTINCT user_id FROM (SELECT user_id, age, lag(age) OVER (PARTITION BY user_id ORDER BY ds) - age AS gap"
     " FROM (SELECT DISTINCT user_id, ds, age FROM e WHERE event_type = 'purchase')) WHERE age < {m}0 AND gap >= {n}"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What so many audiences took: ours (a whole night's verb), DuckDB's seconds, and where members differ."""

    audiences: int
    ours: measure.Cost
    after_another: measure.Cost
    duckdb_seconds: float
    duckdb_cpu_seconds: float
    members: int
    differ: list[str]


def audiences(count: int) -> dict[str, tuple[str, str]]:
    """(rule, SQL) by id, of mixed kinds, each with numbers of its own."""
    found = {}
    for k in range(count):
        numbers = {"c": k * 7 % CATEGORIES, "n": 14 + k * 5 % 60, "m": 2 + k // 10 % 3}
        rule, query = KINDS[k % len(KINDS)]
        found[f"a{k:03d}"] = rule.format(**numbers), query.format(**numbers)
    return found


def cells(table: Table, **given: str) -> str:
    """A SELECT list of the table's columns: what is given, and nulls."""
    kinds = {c.name: re.sub(r"\b(string|timestamp)\b", lambda m: _TYPES[m[0]], c.type) for c in table.columns}
    return ", ".join(f'CAST({given.get(name, "NULL")} AS {_duckdb(kind)}) AS "{name}"' for name, kind in kinds.items())


def _duckdb(kind: str) -> str:
    """A type of the contract in DuckDB's words."""
    while "<" in kind:
        kind = re.sub(r"array<([^<>]*)>", r"\1[]", kind)
        kind = re.sub(r"map<([^<>]*)>", r"MAP(\1)", kind)
        kind = re.sub(r"struct<([^<>]*)>", lambda m: f"STRUCT({m[1].replace(':', ' ')})", kind)
    return kind


def make(where: Place, events: int, users: int, seed: int) -> str:
    """Write the shop's tables; the warehouse."""
    warehouse = str(where.folder / "warehouse")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SELECT setseed({seed % 1000 / 1000})").fetchall()

        def put(table: Table, rows: str) -> None:
            read = connection.sql(rows).to_arrow_reader(100_000)
            write_deltalake(table.path(warehouse), read, mode="append", partition_by=list(table.partition_by) or None)

        product = f"'p' || (random() * random() * {PRODUCTS - 1})::INT"
        kind = "CASE WHEN r < 0.6 THEN 'view' WHEN r < 0.8 THEN 'cart' ELSE 'purchase' END"
        row = cells(
            SILVER_EVENTS, event_id="'e' || i", source="'s'", user_id=f"'u' || (r2 * r2 * {users})::INT % {users}",
            event_time=f"TIMESTAMPTZ '{DS} 23:00:00Z' - INTERVAL (age) DAY - INTERVAL (minute) MINUTE",
            event_type=kind, product_id="product", category=f"'c' || (substr(product, 2)::INT % {CATEGORIES})",
            department="'d'", quantity="1", amount="CASE WHEN r >= 0.8 THEN 1 + (i % 9900) / 100 END",
            session_id="'s' || (r2 * 1e9)::BIGINT || age", local_hour="23 - minute // 60", local_weekday="1",
            is_bot="false", landed_ds=f"DATE '{DS}' - age::INT", ds=f"DATE '{DS}' - age::INT", run_id="'bench'",
        )  # fmt: skip
        step = 5_000_000
        for start in range(0, events, step):
            drawn = (f"SELECT i, random() AS r, random() AS r2, (random() * {DAYS - 1})::INT AS age,"
                     f" (random() * 1379)::INT AS minute, {product} AS product"
                     f" FROM range({start}, {min(start + step, events)}) t(i)")  # fmt: skip
            put(SILVER_EVENTS, f"SELECT {row} FROM ({drawn})")
        facts = cells(SILVER_PRODUCTS, product_id="'p' || i", category=f"'c' || (i % {CATEGORIES})", department="'d'",
                     category_path=f"['d', 'c' || (i % {CATEGORIES})]", has_record="true")  # fmt: skip
        put(SILVER_PRODUCTS, f"SELECT {facts} FROM range({PRODUCTS}) t(i)")
        for day in (EVE, DS):
            people = {"user_id": "'u' || i", "ds": f"DATE '{day}'", "run_id": "'bench'", "model_version": "'1'"}
            for table, given in ((USER_PROFILES.staged(), USER_PROFILES), (USER_FEATURES, USER_FEATURES)):
                put(table, f"SELECT {cells(given, **people)} FROM range({users}) t(i)")
        put(SEGMENT_CHANGES.staged(), f"SELECT {cells(SEGMENT_CHANGES)} LIMIT 0")
    return warehouse


def ask(where: Place, warehouse: str, count: int, env: dict[str, str]) -> Asked:
    """One night's `audiences` of so many definitions, and DuckDB's answers."""
    asked, folder = audiences(count), where.folder / f"audiences-{count}"
    folder.mkdir()
    for one, (rule, _) in asked.items():
        (folder / f"{one}.yaml").write_text(f"{_SAID}{rule}\n", encoding="utf-8")
    line = [sys.executable, "-m", "jobs", "audiences", "--warehouse", warehouse, "--ds"]
    env = env | {"HUAXIANG_AUDIENCES": str(folder)}
    staged = [table.staged() for table in AUDIENCE_TABLES]
    _withdraw(warehouse, staged)
    first = measure.run([*line, str(DS)], env, where.folder)
    _withdraw(warehouse, staged)
    measure.run([*line, str(EVE)], env, where.folder)
    _publish(warehouse, EVE)
    after_another = measure.run([*line, str(DS)], env, where.folder)
    _withdraw(warehouse)
    table = DeltaTable(AUDIENCE_MEMBERS.staged().path(warehouse)).to_pyarrow_dataset().filter(pc.field("ds") == DS)
    with duckdb.connect() as connection:
        connection.register("staged", table)
        ours = dict(connection.sql("SELECT audience_id, count(*) FROM staged GROUP BY 1").fetchall())
        seconds, cpu_seconds, theirs = _duckdb_answers(connection, warehouse, asked)
    differ = [f"{one}: {ours.get(one, 0)}, DuckDB {theirs[one]}" for one in asked if ours.get(one, 0) != theirs[one]]
    return Asked(count, first, after_another, seconds, cpu_seconds, sum(ours.values()), differ)


def _publish(warehouse: str, day: date) -> None:
    """What of `publish` the next night's audiences read."""
    for table in _NIGHTS:
        rows = DeltaTable(table.staged().path(warehouse)).to_pyarrow_dataset().scanner(filter=pc.field("ds") == day)
        write_deltalake(table.path(warehouse), rows.to_reader(), partition_by=list(table.partition_by) or None)
    said = DeltaTable(AUDIENCES.path(warehouse)).to_pyarrow_table(columns=["audience_id", "definition"]).to_pylist()
    text = json.dumps({row["audience_id"]: json.loads(row["definition"]) for row in said})
    run = {"run_id": "bench", "ds": day, "model_version": "1", "published_at": datetime.now(UTC),
           "definitions": [("audiences", text)]}  # fmt: skip
    kinds = {"definitions": pa.map_(pa.string(), pa.string()), "published_at": pa.timestamp("us", "UTC")}
    schema = pa.schema([(name, kinds.get(name) or pa.scalar(value).type) for name, value in run.items()])
    write_deltalake(RUNS.path(warehouse), pa.Table.from_pylist([run], schema))


def _withdraw(warehouse: str, tables: Iterable[Table] = (*_NIGHTS, RUNS)) -> None:
    for table in tables:
        shutil.rmtree(table.path(warehouse), ignore_errors=True)


def table(found: list[Asked], how: str) -> Grid:
    """A row a number of audiences."""
    grid = Grid("audiences", "members", "ours, s", "CPU s", "s an audience", "after a night, s", "CPU s", "memory",
                "DuckDB, s", "CPU s", "s an audience", "members equal", title=f"the whole verb, {how}",
                title_justify="left")  # fmt: skip
    for one in found:
        grid.add_row(
            f"{one.audiences}", f"{one.members:,}", f"{one.ours.seconds:.1f}", f"{one.ours.cpu_seconds:.1f}",
            f"{one.ours.seconds / one.audiences:.2f}", f"{one.after_another.seconds:.1f}",
            f"{one.after_another.cpu_seconds:.1f}", shown.size(one.after_another.peak_bytes),
            f"{one.duckdb_seconds:.1f}", f"{one.duckdb_cpu_seconds:.1f}", f"{one.duckdb_seconds / one.audiences:.2f}",
            "all" if not one.differ else "; ".join(one.differ[:3]),
        )  # fmt: skip
    return grid


def _duckdb_answers(
    connection: duckdb.DuckDBPyConnection, warehouse: str, asked: dict[str, tuple[str, str]]
) -> tuple[float, float, dict[str, int]]:
    """(seconds, CPU seconds, members by audience), over the files of silver.events."""
    files = DeltaTable(SILVER_EVENTS.path(warehouse)).file_uris()
    connection.execute(f"CREATE VIEW e AS SELECT *, DATE '{DS}' - ds AS age FROM read_parquet({files})"
                       f" WHERE ds <= DATE '{DS}' AND landed_ds <= DATE '{DS}' AND NOT is_bot")  # fmt: skip
    profiles = DeltaTable(USER_PROFILES.staged().path(warehouse)).file_uris([("ds", "=", str(DS))])
    connection.execute(f"CREATE VIEW u AS SELECT user_id FROM read_parquet({profiles})")
    started, busy, found = time.perf_counter(), time.process_time(), {}
    for one, (_, query) in asked.items():
        [(found[one],)] = connection.sql(f"SELECT count(*) FROM ({query}) JOIN u USING (user_id)").fetchall()
    return time.perf_counter() - started, time.process_time() - busy, found
