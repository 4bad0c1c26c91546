"""bronze: records as received, typed; nothing is corrected."""

from __future__ import annotations

from jobs.tables.contract import Table, columns
from jobs.tables.feature_list import MONEY

# What one thing that a user did can be.
EVENT_TYPES = ("view", "click", "search", "favourite", "cart", "uncart", "purchase", "refund")

BRONZE_EVENTS = Table(
    "bronze", "events", "a record as received, typed", ("source", "event_id", "ds"),
    columns(
        ("source", "string", "name of the source, a file of conf/sources"),
        ("event_id", "string", "identifies the record within its source and day"),
        ("user_id", "string", "who; of a source with a namespace (ops.warehouse) it stands before the id"),
        ("event_time", "timestamp", "when, UTC"),
        ("event_type", "string", "one of EVENT_TYPES"),
        ("product_id", "string", "which product, named as users are; null where the event has none"),
        ("quantity", "bigint", "pieces"),
        ("price", "decimal(18,4)", "list price of one piece, before discounts, as received"),
        ("amount", MONEY, "what the shop received for the line"),
        ("discount", MONEY, "what was taken off the list price"),
        ("session_id", "string", "the source's own session or basket, if it has one"),
        ("query", "string", "search text"),
        ("user_agent", "string", "what the user's program called itself"),
        ("attributes", "map<string,string>", "every column that the mapping does not name"),
        ("source_file", "string", "file that carried the record, under the landing folder"),
        ("landed_ds", "date", "day on which the record was delivered"),
        ("ds", "date", "day of event_time at the shop (shop_zone of the source)"),
        ("version", "string", "which state of the record it is, the newest sorts last; null without `version`", "版本"),
        ("run_id", "string", "the run that loaded it"),
        ("ingested_at", "timestamp", "wall clock of the load; bookkeeping only"),
    ),
    "Records as received, typed; nothing is corrected here.", "原始事件（已类型化，未修正）",
)  # fmt: skip


def _bronze_dimension(name: str, what: str, zh: str) -> Table:
    return Table(
        "bronze", name, f"a {what} record as received", ("source", "id", "source_file", "file_ds"),
        columns(
            ("source", "string", "name of the source"),
            ("id", "string", f"the {what}'s id"),
            ("attributes", "map<string,string>", "mapped fields under our names, all others under theirs"),
            ("source_file", "string", "file that carried the record"),
            ("landed_ds", "date", "day on which the record was delivered"),
            ("file_ds", "date", "day of its file, by which the newest counts; landed_ds where the name has none", "文件日期"),
            ("version", "string", "which state of the record it is, the newest sorts last; null without `version`", "版本"),
            ("run_id", "string", "the run that loaded it"),
            ("ingested_at", "timestamp", "wall clock of the load"),
        ),
        f"{what.capitalize()} records as received.", zh,
    )  # fmt: skip


BRONZE_USERS = _bronze_dimension("users", "user", "原始用户档案")

BRONZE_PRODUCTS = _bronze_dimension("products", "product", "原始商品档案")
