"""The events that rules ask for: rows of silver.events with the fields that they are narrowed by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.audiences.rule.measures import EVENT_FIELDS
from jobs.audiences.rule.parts import Test
from jobs.audiences.rule.values import both, passes

# The columns behind the fields that are called otherwise.
_COLUMNS = {
    "product": "product_id", "category": "categories", "hour": "local_hour", "weekday": "local_weekday",
    "session": "session_id",
}  # fmt: skip
OF_PRODUCTS = {"category", "title", "product_attributes"}


@dataclass(frozen=True, slots=True)
class Logs:
    """silver.events, and what stands beside it: silver.products, silver.refunds, bronze.events (for attributes)."""

    events: DataFrame
    products: DataFrame
    refunds: DataFrame
    records: DataFrame

    def of(self, users: DataFrame) -> Logs:
        """Those of some users alone (user_id)."""
        return replace(self, events=self.events.join(F.broadcast(users), "user_id", "left_semi"))


def column(field: str) -> Column:
    """The value of a field of EVENT_FIELDS, or of attributes.KEY, in rows of `selected`."""
    name, _, key = field.partition(".")
    return F.try_element_at(name, F.lit(key)) if key else F.col(_COLUMNS.get(field, field))


def matches(types: Collection[str], tests: Collection[tuple[str, Test]], ds: date) -> Column:
    """Whether a row of `selected` is of one of the types and passes all tests of its fields."""
    passed = [passes(test, column(field), EVENT_FIELDS.get(field, "free"), ds) for field, test in tests]
    return both([F.col("event_type").isin(*sorted(types)), *passed])


def columns_of(fields: Collection[str]) -> list[str]:
    """The columns of `selected` that hold some fields."""
    named = {field.partition(".")[0] for field in fields}
    back = {"returned_pieces", "returned_amount"} if "refunds" in named else set()
    held = {_COLUMNS.get(name, name) for name in named - {"refunds"}} | back
    return sorted(held - {"user_id", "event_type", "ds", "moment", "local_hour"})


def selected(
    logs: Logs, fields: Collection[str], of_products: dict[str, tuple[str, Test]], types: Collection[str],
    since: date | None, ds: date, known: date,
) -> DataFrame:  # fmt: skip
    """Events of the types of the days `since` (None: ever) to `ds` as they were known on `known`, bots' left out, with
    `moment` (microseconds), the fields, whether their product passes each of `of_products` (null: not known), and of
    purchases, where refunds is one of the fields, what came back by ds.
    """
    named = {field.partition(".")[0] for field in fields}
    rows = logs.events.where(F.col("event_type").isin(*sorted(types)) & ~F.coalesce(F.col("is_bot"), F.lit(False)))
    rows = rows.where((F.col("ds") <= F.lit(ds)) & (F.col("landed_ds") <= F.lit(known)))
    if since is not None:
        rows = rows.where(F.col("ds") >= F.lit(since))
    if "attributes" in named:
        records = logs.records.select(F.concat_ws(":", "source", "event_id").alias("event_id"), "ds", "attributes")
        rows = rows.join(records, ["event_id", "ds"], "left")
    if of_products:
        rows = rows.join(_passing(logs.products, of_products, ds), "product_id", "left")
    if "refunds" in named:
        rows = rows.join(_returned(logs.refunds, ds), ["event_id", "ds"], "left")
    return rows.withColumn("own_category", F.col("category")).select(
        "user_id", "event_type", "ds", F.unix_micros("event_time").alias("moment"), "local_hour", *columns_of(fields),
        *of_products,
    )  # fmt: skip


def _passing(products: DataFrame, tests: dict[str, tuple[str, Test]], ds: date) -> DataFrame:
    """One row a product: whether it passes each of the tests."""
    rows = products.select(
        "product_id", "title", F.col("attributes").alias("product_attributes"),
        F.array_compact(F.concat(F.array("department", "category"), _path())).alias("categories"),
    )  # fmt: skip
    flags = [passes(test, column(field), EVENT_FIELDS.get(field, "free"), ds).alias(name)
             for name, (field, test) in tests.items()]  # fmt: skip
    return rows.select("product_id", *flags)


def _path() -> Column:
    return F.coalesce(F.col("category_path"), F.array().cast("array<string>"))


def _returned(refunds: DataFrame, ds: date) -> DataFrame:
    """One row a purchase that a refund gives back by ds: pieces and money that came back."""
    named = refunds.where(F.col("purchase_event_id").isNotNull() & (F.col("ds") <= F.lit(ds)))
    return named.groupBy(F.col("purchase_event_id").alias("event_id"), F.col("purchase_ds").alias("ds")).agg(
        F.sum("matched_quantity").alias("returned_pieces"), F.sum("amount").alias("returned_amount")
    )
