"""A small published warehouse, written by deltalake from the contracts of jobs/tables: no Spark, two seconds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from deltalake import DeltaTable, write_deltalake

from jobs import tables
from jobs.tables import Table

LAST, NIGHT = date(2017, 12, 1), date(2017, 12, 2)
TRAIT = {"feature": "deal_share", "name": "deals", "name_zh": "优惠", "value": 0.4, "base": 0.2, "lift": 2.0, "z": 3.0}


def segment(number: int, ds: date, name: str, name_zh: str, size: int) -> dict:
    return {
        "segment_id": number, "ds": ds, "segment_name": name, "segment_name_zh": name_zh, "size": size,
        "share": size / 3, "spend_365d": Decimal("900.00"), "traits": [TRAIT], "rule_zh": "优惠占比高",
        "status": "kept",
    }  # fmt: skip


def profile(user: str, number: int, name_zh: str, churn: float) -> dict:
    return {
        "user_id": user, "ds": NIGHT, "segment_id": number, "segment_name_zh": name_zh, "lifecycle_stage": "slipping",
        "previous_lifecycle_stage": "active", "lifecycle_cause": "behaviour", "rfm_class": "345", "recency_days": 40,
        "monetary_365d": Decimal("1200.00"), "top_categories": ["MILK"], "tags_zh": ["优惠敏感"], "reasons": ["deals"],
        "churn_28d": churn, "spend_28d": 30.0, "next_categories": ["MILK"], "prediction_reasons_zh": ["四周未购买"],
        "marketing_consent": None,
    }  # fmt: skip


def purchase(event: str, user: str, category: str, amount: str) -> dict:
    return {
        "event_id": event, "user_id": user, "ds": date(2017, 11, 20), "event_type": "purchase", "category": category,
        "amount": Decimal(amount), "event_time": datetime(2017, 11, 20, 9, tzinfo=UTC), "product_id": "p1",
    }  # fmt: skip


ROWS: dict[str, list[dict]] = {
    "gold.segments": [
        segment(3, LAST, "Deal seekers", "优惠敏感", 1), segment(3, NIGHT, "Deal seekers", "优惠敏感", 2),
        segment(4, LAST, "Regulars", "常客", 2), segment(4, NIGHT, "Regulars", "常客", 1),
    ],
    "gold.user_segments": [
        {"user_id": user, "ds": NIGHT, "segment_id": number, "segment_name": name, "segment_name_zh": name_zh}
        for user, number, name, name_zh in (
            ("1", 3, "Deal seekers", "优惠敏感"), ("2", 3, "Deal seekers", "优惠敏感"), ("3", 4, "Regulars", "常客")
        )
    ],
    "gold.segment_changes": [
        {"user_id": "2", "ds": NIGHT, "previous_ds": LAST, "from_segment_id": 4, "to_segment_id": 3, "change": "move",
         "cause": "behaviour"},
    ],
    "gold.user_profiles": [
        profile("1", 3, "优惠敏感", 0.4), profile("2", 3, "优惠敏感", 0.1), profile("3", 4, "常客", 0.2),
    ],
    "gold.recommendations": [
        {"user_id": "1", "ds": NIGHT, "rank": 1, "product_id": "p1", "score": 0.31, "reason_kind": "buy again",
         "reason": "you bought it twice", "reason_zh": "您买过两次"},
    ],
    "gold.audiences": [
        {"audience_id": "slipping_big_spenders", "ds": NIGHT, "name": "Slipping big spenders",
         "name_zh": "正在流失的高消费用户", "size": 2, "entered": 1, "left": 0, "suppressed": 0},
    ],
    "gold.audience_members": [
        {"audience_id": "slipping_big_spenders", "ds": NIGHT, "user_id": user, "since_ds": LAST, "holdout": user == "3"}
        for user in ("1", "3")
    ],
    "silver.products": [{"product_id": "p1", "title": "Whole milk", "category": "MILK"}],
    "silver.events": [
        purchase("e1", "1", "MILK", "8.00"), purchase("e2", "2", "BREAD", "2.00"), purchase("e3", "3", "BREAD", "9.00"),
    ],
    "ops.quality_results": [
        {"table": "silver.events", "ds": NIGHT, "column": "category", "severity": "warning", "success": False,
         "expectation": "expect_column_values_to_not_be_null", "observed": "0.93", "threshold": "0.95"},
    ],
    "ops.quarantine": [
        {"source": "complete_journey", "kind": "events", "stage": "collect", "ds": NIGHT,
         "reason": "impossible_time: 2030-01-01", "source_file": "transactions/2017-12-02/part-000.jsonl.gz"},
    ],
    "ops.loads": [
        {"source": "complete_journey", "kind": "events", "landed_ds": NIGHT, "rows_in": 4, "loaded": 2,
         "duplicates": 1, "quarantined": 1, "source_file": "transactions/2017-12-02/part-000.jsonl.gz"},
    ],
    "ops.lateness": [
        {"source": "complete_journey", "landed_ds": NIGHT, "ds": LAST, "days_late": 1, "events": 2, "users": 1},
    ],
    "ops.prediction_accuracy": [
        {"ds": date(2017, 11, 4), "prediction": "churn_28d", "slice": "all", "users": 3, "predicted": 0.2,
         "observed": 0.25, "auc": 0.9},
    ],
    "ops.audience_lift": [
        {"ds": date(2017, 11, 4), "audience_id": "slipping_big_spenders", "measure": "spend", "treated": 11.0,
         "holdout": 9.0, "difference": 2.0, "low": -1.0, "high": 5.0, "ratio_ok": True},
    ],
}  # fmt: skip


def arrow(table: Table, rows: list[dict]) -> pa.Table:
    """The rows with the contract's columns and types; what a row does not say is null."""
    created = f"CREATE TABLE rows_of_table ({table.ddl})"
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(sqlglot.transpile(created, read="spark", write="duckdb")[0])
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO rows_of_table ({names}) VALUES ({values})", list(row.values()))
    return connection.execute("SELECT * FROM rows_of_table").to_arrow_table()


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory) -> Path:
    """A folder `warehouse` with every table of the contracts, most of them empty, and one published night."""
    place = tmp_path_factory.mktemp("docs") / "warehouse"
    for table in tables.ALL:
        if table is not tables.RUNS:
            write_deltalake(
                table.path(str(place)), arrow(table, ROWS.get(table.full_name, [])),
                partition_by=list(table.partition_by),
            )  # fmt: skip
    versions = {
        table.full_name: DeltaTable(table.path(str(place))).version()
        for table in tables.ALL
        if table is not tables.RUNS
    }
    run = {
        "run_id": "r1", "ds": NIGHT, "since": NIGHT, "source": "complete_journey", "table_versions": versions,
        "users": 3, "published_at": datetime(2017, 12, 3, 2, tzinfo=UTC),
    }  # fmt: skip
    write_deltalake(tables.RUNS.path(str(place)), arrow(tables.RUNS, [run]))
    return place
