"""Which tables a hop judges by their suites itself, in the process that wrote them and beside an engine that stands.

Plain names, so that the command line reads them before anything heavy. The verb `check` judges what is not here.
"""

from __future__ import annotations

from jobs import tables

JUDGED: dict[str, tuple[tables.Table, ...]] = {
    "collect": (tables.BRONZE_EVENTS, tables.BRONZE_USERS, tables.BRONZE_PRODUCTS),
    "clean": (tables.SILVER_EVENTS, tables.SILVER_USERS, tables.SILVER_PRODUCTS, tables.SILVER_REFUNDS),
    "sequences": (tables.USER_SEQUENCES,),
    "features": (tables.USER_FEATURES,),
    "segment": tuple(table.staged() for table in tables.SEGMENT_TABLES),
    "audiences": tuple(table.staged() for table in tables.AUDIENCE_TABLES),
}
