"""Every table's contract: grain, keys, partition columns, schema, owner, meaning in English and Chinese.

Plain Python that imports nothing heavy: DAG files, the model's room and the UI plugins read it too.
Types are Spark DDL types. A path is always `WAREHOUSE/<layer>/<name>`.
"""

from __future__ import annotations

from jobs.tables.bronze import BRONZE_EVENTS, BRONZE_PRODUCTS, BRONZE_USERS, EVENT_TYPES
from jobs.tables.contract import Column, Table
from jobs.tables.feature_list import MONEY, MONEY_UNITS, WINDOWS
from jobs.tables.gold import (
    FEATURE_NAMES,
    NUMERIC_FEATURES,
    PREDICTIONS,
    RECOMMENDATIONS,
    SEQUENCE_LENGTH,
    USER_DAILY,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_SEQUENCES,
)
from jobs.tables.gold_audiences import (
    AUDIENCE_CHANGES,
    AUDIENCE_MEMBERS,
    AUDIENCE_OVERLAP,
    AUDIENCE_SUPPRESSED,
    AUDIENCES,
)
from jobs.tables.gold_segments import SEGMENT_CHANGES, SEGMENT_MODELS, SEGMENTS, TAGS, USER_PROFILES, USER_SEGMENTS
from jobs.tables.names import NIGHTLY, TRAINED, named
from jobs.tables.ops import (
    CLEANED,
    ERASURES,
    LATENESS,
    LOADS,
    MISSING_VALUES,
    QUALITY_RESULTS,
    QUARANTINE,
    RESTATED,
    RUNS,
    WAREHOUSE,
)
from jobs.tables.ops_models import (
    ASKED,
    AUDIENCE_LIFT,
    DELIVERIES,
    EXPORTS,
    PORTRAITS,
    PREDICTION_ACCURACY,
    RECOMMENDATION_ACCURACY,
    RESCORED_EMBEDDINGS,
    RESCORED_EXPECTATIONS,
    SEGMENT_VALUE,
)
from jobs.tables.silver import SILVER_EVENTS, SILVER_PRODUCTS, SILVER_REFUNDS, SILVER_USERS

__all__ = [  # what readers of a contract need beside the tables
    "EVENT_TYPES",
    "FEATURE_NAMES",
    "MONEY",
    "MONEY_UNITS",
    "NIGHTLY",
    "NUMERIC_FEATURES",
    "SEQUENCE_LENGTH",
    "TRAINED",
    "WINDOWS",
    "Column",
    "Table",
    "named",
]

# What `segment` stages, and what `audiences` does.
SEGMENT_TABLES = (USER_SEGMENTS, SEGMENTS, SEGMENT_CHANGES, USER_PROFILES, TAGS)
AUDIENCE_TABLES = (AUDIENCES, AUDIENCE_MEMBERS, AUDIENCE_SUPPRESSED, AUDIENCE_CHANGES, AUDIENCE_OVERLAP)

# What is staged, by them and by `ml.recommend`, and `publish` moves together.
PUBLISHED = (*SEGMENT_TABLES, RECOMMENDATIONS, *AUDIENCE_TABLES)

ALL = (
    BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS,
    SILVER_EVENTS, SILVER_USERS, SILVER_PRODUCTS, SILVER_REFUNDS,
    USER_DAILY, USER_FEATURES, USER_SEQUENCES, USER_EMBEDDINGS, PREDICTIONS, SEGMENT_MODELS,
    *PUBLISHED, RESCORED_EMBEDDINGS, RESCORED_EXPECTATIONS,
    WAREHOUSE, QUARANTINE, LOADS, ERASURES, RESTATED, LATENESS, CLEANED, MISSING_VALUES, QUALITY_RESULTS, PREDICTION_ACCURACY,
    RECOMMENDATION_ACCURACY, PORTRAITS, ASKED, SEGMENT_VALUE, AUDIENCE_LIFT, EXPORTS, DELIVERIES,
    RUNS,
)  # fmt: skip

BY_NAME: dict[str, Table] = {table.full_name: table for table in ALL} | {
    table.staged().full_name: table.staged() for table in PUBLISHED
}

# What stands once a verb has run, with rows or without: what it may write, and after the first published night all.
STANDING: dict[str, tuple[Table, ...]] = {
    "collect": (BRONZE_EVENTS, BRONZE_USERS, BRONZE_PRODUCTS, QUARANTINE, LOADS, RESTATED, LATENESS, QUALITY_RESULTS),
    "clean": (SILVER_EVENTS, SILVER_USERS, SILVER_PRODUCTS, SILVER_REFUNDS, QUARANTINE, CLEANED, MISSING_VALUES),
    "publish": ALL,
}

# Where a user's id stands, by table: what an erasure deletes from, the waiting room too. (Quarantined texts beside.)
USER_COLUMN: dict[str, str] = {
    name: "user_id" for name, known in BY_NAME.items() if "user_id" in known.column_names
} | {BRONZE_USERS.full_name: "id"}


def table(full_name: str) -> Table:
    """The contract of `layer.name`; raises KeyError with the nearest names where there is none."""
    if full_name not in BY_NAME:
        from difflib import get_close_matches

        near = get_close_matches(full_name, BY_NAME, n=3)
        raise KeyError(f"no table {full_name!r}; nearest: {', '.join(near) or ', '.join(sorted(BY_NAME))}")
    return BY_NAME[full_name]
