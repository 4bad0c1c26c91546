"""Rows for tests: a whole row of a table with defaults, and the few fields that a test is about."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobs.tables import BRONZE_EVENTS, SILVER_EVENTS, Table

DAY = date(2017, 6, 1)

_BRONZE: dict[str, Any] = {
    "source": "shop", "event_id": "e1", "user_id": "u1", "event_time": datetime(2017, 6, 1, 12, tzinfo=UTC),
    "event_type": "purchase", "product_id": "p1", "quantity": 1, "price": None, "amount": Decimal("2.00"),
    "discount": Decimal("0.50"), "session_id": None, "query": None, "user_agent": None, "attributes": {},
    "source_file": "f", "landed_ds": DAY, "ds": DAY, "version": None, "run_id": "r", "ingested_at": None,
}  # fmt: skip
_SILVER: dict[str, Any] = {
    "event_id": "shop:e1", "source": "shop", "user_id": "u1", "event_time": datetime(2017, 6, 1, 12, tzinfo=UTC),
    "event_type": "purchase", "product_id": "p1", "category": "BEEF", "department": "MEAT", "brand": "Own",
    "quantity": 1, "price": Decimal("2.5000"), "amount": Decimal("2.00"), "discount": Decimal("0.50"),
    "list_amount": Decimal("2.50"), "quantity_raw": None, "price_raw": None, "amount_raw": None, "session_id": "s1",
    "session_start": None, "order_start": None, "query": None, "device": "unknown", "local_hour": 12,
    "local_weekday": 4, "is_bot": False,
    "landed_ds": DAY, "ds": DAY, "run_id": "r",
}  # fmt: skip


def _frame(spark: SparkSession, table: Table, base: dict[str, Any], snippets: list[dict[str, Any]]) -> DataFrame:
    rows = [tuple((base | snippet)[name] for name in table.column_names) for snippet in snippets]
    return spark.createDataFrame(rows, table.ddl)


def bronze(spark: SparkSession, *snippets: dict[str, Any]) -> DataFrame:
    """Rows of bronze.events."""
    return _frame(spark, BRONZE_EVENTS, _BRONZE, list(snippets))


def silver(spark: SparkSession, *snippets: dict[str, Any]) -> DataFrame:
    """Rows of silver.events.

    Where they are not given, `ds` and `landed_ds` follow `event_time`; session_start and order_start are true on the
    first row and the first purchase of a user's session.
    """
    dated = [
        {"ds": snippet["event_time"].date(), "landed_ds": snippet["event_time"].date()} | snippet
        if "event_time" in snippet else snippet
        for snippet in snippets
    ]  # fmt: skip
    whole = [_SILVER | snippet for snippet in dated]
    begun, bought = set(), set()
    for row in sorted(whole, key=lambda row: (row["event_time"], row["event_id"])):
        session = (row["user_id"], row["session_id"])
        if row["session_start"] is None:
            row["session_start"] = session not in begun
        begun.add(session)
        if row["order_start"] is None:
            row["order_start"] = row["event_type"] == "purchase" and session not in bought
        if row["event_type"] == "purchase":
            bought.add(session)
    return _frame(spark, SILVER_EVENTS, {}, whole)


def at(text: str) -> datetime:
    """`2017-06-01 12:00` as a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
