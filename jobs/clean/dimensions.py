"""The current users and products: of each the newest record, in whatever order records and events came."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.clean import brands, titles
from jobs.clean.rules import Titles
from jobs.lake.engine import columns, frames
from jobs.sources import spec

_PRODUCT = ("title", "category_path", "category", "department", "brand", "attributes")
_USER = (*spec.USER_FIELDS, "attributes")


def _newest(records: DataFrame, key: str) -> DataFrame:
    """One row an id of bronze: the newest record's `facts`, record_landed_ds, record_file; ties by their text."""
    newest_first = (F.desc("landed_ds"), F.desc("source_file"), F.desc(F.to_json("attributes")))
    ranked = records.withColumn("nth", F.row_number().over(Window.partitionBy("id").orderBy(*newest_first)))
    return ranked.where("nth = 1").select(
        F.col("id").alias(key),
        F.col("attributes").alias("facts"),
        F.col("landed_ds").alias("record_landed_ds"),
        F.col("source_file").alias("record_file"),
    )


def _beside(fields: tuple[str, ...]) -> Column:
    return F.map_filter("facts", lambda key, _: ~key.isin(*fields))


def product_facts(records: DataFrame) -> DataFrame:
    """One row a product with a record (of bronze.products): what its newest record says."""
    path = F.from_json(F.col("facts").getItem("category_path"), "array<string>")
    return _newest(records, "product_id").select(
        "product_id",
        F.col("facts").getItem("title").alias("title"),
        path.alias("category_path"),
        F.coalesce(F.get(path, F.lit(1)), F.get(path, F.lit(0))).alias("category"),
        F.get(path, F.lit(0)).alias("department"),
        F.col("facts").getItem("brand").alias("brand"),
        _beside(spec.PRODUCT_FIELDS).alias("attributes"),
        "record_landed_ds", "record_file",
    )  # fmt: skip


def user_facts(records: DataFrame) -> DataFrame:
    """One row a user with a record (of bronze.users): what its newest record says."""
    facts, texts = F.col("facts"), [name for name in spec.USER_FIELDS if name != "marketing_consent"]
    return _newest(records, "user_id").select(
        "user_id",
        *[facts.getItem(name).alias(name) for name in texts],
        columns.flag(facts.getItem("marketing_consent")).alias("marketing_consent"),
        _beside(spec.USER_FIELDS).alias("attributes"),
        "record_landed_ds", "record_file",
    )  # fmt: skip


def newer(fresh: DataFrame, previous: DataFrame, key: str) -> DataFrame:
    """One row an id with a record: of `fresh` facts and of `previous` rows of the silver table the newer, so that a
    night reads the records of its own days only. At the same age the fresh one counts: its file was loaded again.
    """
    columns = [name for name in fresh.columns if name != key]
    stood = previous.where("has_record")
    if "brand_source" in previous.columns:  # a brand found in a title is no record's
        stood = stood.withColumn("brand", F.when(F.col("brand_source") == "record", F.col("brand")))
    both = stood.select(key, *columns).withColumn("fresh", F.lit(False))
    both = both.unionByName(fresh.withColumn("fresh", F.lit(True)))
    newest_first = [F.desc(name) for name in ("record_landed_ds", "record_file", "fresh")]
    ranked = both.withColumn("nth", F.row_number().over(Window.partitionBy(key).orderBy(*newest_first)))
    return ranked.where("nth = 1").select(key, *columns)


def described(facts: DataFrame, previous: DataFrame, rules: Titles) -> DataFrame:
    """`facts` of products with what their titles say; `previous` are rows of silver.products."""
    return brands.with_brands(frames.once(titles.with_title_facts(frames.once(facts), previous)), rules)


def current_products(facts: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a product: its facts, and the list price of its newest sale in any order of runs.

    `facts` are rows of `described`, `previous` of silver.products, `events` of silver.events.
    """
    sold = events.where("product_id IS NOT NULL AND event_type != 'refund'").select(
        "product_id", F.col("price").alias("usual_price"), F.col("event_time").alias("price_seen_at")
    )
    seen = previous.select("product_id", "usual_price", "price_seen_at").unionByName(sold)
    priced = F.col("usual_price").isNotNull()
    prices = seen.groupBy("product_id").agg(
        F.max(F.when(priced, F.struct("price_seen_at", "usual_price"))).alias("newest")
    )
    return facts.withColumn("has_record", F.lit(True)).join(prices, "product_id", "full").select(
        "product_id", *[name for name in _PRODUCT if name != "attributes"],
        "brand_source", "title_tokens", "title_attributes", "newest.usual_price", "newest.price_seen_at",
        F.coalesce("attributes", F.create_map().cast("map<string,string>")).alias("attributes"),
        F.coalesce("has_record", F.lit(False)).alias("has_record"), "record_landed_ds", "record_file",
    )  # fmt: skip


def current_users(facts: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a user with a record or an event: the newest record's facts, and the day of the first event.

    `facts` are rows of `user_facts` (or `newer`), `previous` of silver.users, `events` of silver.events.
    """
    seen = (
        previous.select("user_id", "first_seen_ds")
        .unionByName(events.select("user_id", F.col("ds").alias("first_seen_ds")))
        .groupBy("user_id")
        .agg(F.min("first_seen_ds").alias("first_seen_ds"))
    )
    return facts.withColumn("has_record", F.lit(True)).join(seen, "user_id", "full").select(
        "user_id", *_USER, "first_seen_ds",
        F.coalesce("has_record", F.lit(False)).alias("has_record"), "record_landed_ds", "record_file",
    )  # fmt: skip
