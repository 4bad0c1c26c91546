"""The current users and products, in whatever order records and events came: of a product what its newest record says,
of a user each field from the newest record that says something of it. A record is as old as its version, else as the
day of its file.
"""

from __future__ import annotations

from collections.abc import Collection

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.clean import brands, titles
from jobs.clean.rules import Titles
from jobs.lake.engine import frames
from jobs.sources import spec
from jobs.sources.consent import consent
from jobs.sources.mapping import CONSENTS

_PRODUCT = ("title", "category_path", "category", "department", "brand", "attributes")
_USER = (*spec.USER_FIELDS, "attributes")
_RECORD = ("record_landed_ds", "record_file", "record_version")
_NEWEST = ("record_version", "record_landed_ds", "record_file")  # the order of ages


def _newest(records: DataFrame, key: str) -> DataFrame:
    """One row an id of bronze: the newest record's `facts`, record_landed_ds, record_file, and first_record_ds, the day
    of the first one; ties by their text.
    """
    rows = records.withColumn("day", F.coalesce("file_ds", "landed_ds"))
    newest_first = (F.desc("version"), F.desc("day"), F.desc("source_file"), F.desc(F.to_json("attributes")))
    of_id = Window.partitionBy("id")
    ranked = rows.withColumns(
        {"nth": F.row_number().over(of_id.orderBy(*newest_first)), "first_record_ds": F.min("day").over(of_id)}
    )
    return ranked.where("nth = 1").select(
        F.col("id").alias(key),
        F.col("attributes").alias("facts"),
        F.col("day").alias("record_landed_ds"),
        F.col("source_file").alias("record_file"),
        F.col("version").alias("record_version"),
        "first_record_ds",
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
        *_RECORD, "first_record_ds",
    )  # fmt: skip


def user_facts(records: DataFrame) -> DataFrame:
    """One row a user with a record (of bronze.users): what his records say, see `_said_last`."""
    rows = _by_file(records)
    said = {name: F.col("facts").getItem(name) for name in spec.USER_FIELDS}
    said |= {name: consent(said[name]) for name in CONSENTS}
    rows = rows.withColumns(said | {"attributes": _beside(spec.USER_FIELDS), "fresh": F.lit(True)})
    return _said_last(rows.withColumn("stated", F.lit(None).cast("map<string,string>")))


def _said_last(rows: DataFrame) -> DataFrame:
    """One row a user: each field, and each key of `attributes`, as the newest file has it that says something of it, so
    that neither a record without a column nor an older one makes forgotten what is known.

    rows: several a user, with `stated` where they are put together of several records themselves, and `fresh`, which
    counts where two are of one file. `stated` names every field, and those keys that the newest record does not say.
    """

    newest_first = [F.desc(name) for name in (*_NEWEST, "fresh")]
    newest_first.append(F.desc(F.to_json("attributes")))
    of_user = Window.partitionBy("user_id")
    rows = rows.withColumns({"nth": F.row_number().over(of_user.orderBy(*newest_first)),
                             "newest": F.first(_record()).over(of_user.orderBy(*newest_first)),
                             "records": F.count("*").over(of_user)})  # fmt: skip

    def said(name: str) -> Column:
        at = F.coalesce(F.col("stated")[name], _record())
        return F.when(F.col(name).isNotNull(), F.struct(at.alias("at"), "fresh", F.col(name).alias("value")))

    # Nearly everybody has one record, of which no field need be looked for.
    rows = rows.withColumns({f"{name}_said": said(name) for name in spec.USER_FIELDS})
    nothing = F.create_map().cast("map<string,string>")
    keys = F.map_filter("stated", lambda key, _: ~key.isin(*spec.USER_FIELDS))
    several, single = rows.where("records > 1"), rows.where("records = 1").withColumn("keys", keys)
    fields = several.groupBy("user_id").agg(*[F.max(f"{name}_said").alias(f"{name}_said") for name in spec.USER_FIELDS])
    put_together = several.where("nth = 1").select("user_id", *_RECORD).join(fields, "user_id")
    put_together = put_together.join(_keys_said_last(several), "user_id", "left")
    users = single.select(*put_together.columns).unionByName(put_together)
    stated = F.create_map(*[part for name in spec.USER_FIELDS for part in (F.lit(name), F.col(f"{name}_said.at"))])
    stated = F.map_filter(stated, lambda _, at: at.isNotNull())
    values = [F.col(f"{name}_said.value").alias(name) for name in spec.USER_FIELDS]
    return users.select(
        "user_id", F.coalesce("attributes", nothing).alias("attributes"), *_RECORD, *values,
        F.map_concat(stated, F.coalesce("keys", nothing)).alias("stated"),
    )  # fmt: skip


def _keys_said_last(rows: DataFrame) -> DataFrame:
    """One row a user with attributes: `attributes`, each key as the newest record has it, and `keys`, the records of
    those that the newest one lacks. rows: of `_said_last`, with `newest`, the user's newest record.
    """
    each = rows.select(
        "user_id", "newest", "stated", "fresh", _record().alias("record"), F.explode("attributes")
    ).withColumn("at", F.coalesce(F.try_element_at("stated", "key"), "record"))  # fmt: skip
    last = each.groupBy("user_id", "newest", "key").agg(F.max(F.struct("at", "fresh", "value")).alias("said"))
    elsewhere = F.when(F.col("said.at") != F.col("newest"), F.struct("key", "said.at"))
    return last.groupBy("user_id").agg(
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("key", "said.value")))).alias("attributes"),
        F.map_from_entries(F.array_sort(F.collect_list(elsewhere))).alias("keys"),
    )


def _by_file(records: DataFrame) -> DataFrame:
    """One row a record of bronze.users: user_id, facts, record_landed_ds, record_file, record_version."""
    return records.select(
        F.col("id").alias("user_id"),
        F.col("attributes").alias("facts"),
        F.coalesce("file_ds", "landed_ds").alias("record_landed_ds"),
        F.col("source_file").alias("record_file"),
        F.col("version").alias("record_version"),
    )


def _file() -> Column:
    """The day and the name of a record's file."""
    return F.concat_ws(" ", F.col("record_landed_ds").cast("string"), "record_file")


def _record() -> Column:
    """A record's version, if it has one, and its file, in the order of their ages."""
    return F.concat_ws("\t", "record_version", _file())


def loaded_again(records: DataFrame, previous: DataFrame, names: Collection[str] = ()) -> DataFrame:
    """The rows of silver.users, `previous`, that say something by a file that `records` (of bronze.users) come from, or
    by one of `names`, which may have no record of theirs any more: what a file said before is not told apart in them.
    """
    files = [row[0] for row in _by_file(records).select(_file()).distinct().collect()]
    if not files and not names:
        return previous.limit(0)
    # Without their versions. (Sail finds no column in a lambda of this predicate.)
    stated = F.regexp_replace(F.concat_ws("\n", F.map_values("stated")), r"(^|\n)[^\t\n]*\t", "$1")
    without_days = F.regexp_replace(stated, r"(^|\n)[0-9-]{10} ", "$1")

    def said(by: Column, of: Collection[str]) -> Column:
        return F.arrays_overlap(F.split(by, "\n"), F.array(*map(F.lit, of)).cast("array<string>"))

    by_record = _file().isin(files) | F.col("record_file").isin([*names])
    return previous.where(by_record | said(stated, files) | said(without_days, names))


def newer_users(fresh: DataFrame, previous: DataFrame) -> DataFrame:
    """One row a user with a record, of `fresh` (of `user_facts`) and of silver.users, `previous`: see `_said_last`."""
    stood = previous.where("has_record").select(*fresh.columns).withColumn("fresh", F.lit(False))
    return _said_last(stood.unionByName(fresh.withColumn("fresh", F.lit(True))))


def newer(fresh: DataFrame, previous: DataFrame, key: str) -> DataFrame:
    """One row a product with a record: of `fresh` facts and of `previous` rows of silver.products the newer, and the
    earlier first_record_ds, so that a night reads the records of its own days only. At the same age the fresh one
    counts: its file was loaded again.
    """
    columns = [name for name in fresh.columns if name not in (key, "first_record_ds")]
    stood = previous.where("has_record")
    if "first_record_ds" not in previous.columns:  # written before there was the column
        stood = stood.withColumn("first_record_ds", F.col("record_landed_ds"))
    if "brand_source" in previous.columns:  # a brand found in a title is no record's
        stood = stood.withColumn("brand", F.when(F.col("brand_source") == "record", F.col("brand")))
    both = stood.select(key, *columns, "first_record_ds").withColumn("fresh", F.lit(False))
    both = both.unionByName(fresh.withColumn("fresh", F.lit(True)))
    newest_first = [F.desc(name) for name in (*_NEWEST, "fresh")]
    of_key = Window.partitionBy(key)
    ranked = both.withColumns(
        {"nth": F.row_number().over(of_key.orderBy(*newest_first)),
         "first_record_ds": F.min("first_record_ds").over(of_key)}
    )  # fmt: skip
    return ranked.where("nth = 1").select(key, *columns, "first_record_ds")


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
    # In two steps: Sail finds the largest of structs row by row, which is ten times as dear.
    at = F.when(F.col("usual_price").isNotNull(), F.col("price_seen_at"))
    newest = seen.groupBy("product_id").agg(F.max(at).alias("price_seen_at"))
    then = newest.join(seen, ["product_id", "price_seen_at"]).groupBy("product_id")
    prices = newest.join(then.agg(F.max("usual_price").alias("usual_price")), "product_id", "left")
    return facts.withColumn("has_record", F.lit(True)).join(prices, "product_id", "full").select(
        "product_id", *[name for name in _PRODUCT if name != "attributes"],
        "brand_source", "title_tokens", "title_attributes", "usual_price", "price_seen_at",
        F.coalesce("attributes", F.create_map().cast("map<string,string>")).alias("attributes"),
        F.coalesce("has_record", F.lit(False)).alias("has_record"), *_RECORD, "first_record_ds",
    )  # fmt: skip


def current_users(facts: DataFrame, previous: DataFrame, events: DataFrame) -> DataFrame:
    """One row a user with a record or an event: the newest record's facts, and the day of the first event.

    `facts` are rows of `user_facts` (or `newer_users`), `previous` of silver.users, `events` of silver.events.
    """
    seen = (
        previous.select("user_id", "first_seen_ds")
        .unionByName(events.select("user_id", F.col("ds").alias("first_seen_ds")))
        .groupBy("user_id")
        .agg(F.min("first_seen_ds").alias("first_seen_ds"))
        .where("first_seen_ds IS NOT NULL")  # else his record alone made him a row, which may be withdrawn
    )
    return facts.withColumn("has_record", F.lit(True)).join(seen, "user_id", "full").select(
        "user_id", *_USER, "first_seen_ds",
        F.coalesce("has_record", F.lit(False)).alias("has_record"), *_RECORD, "stated",
    )  # fmt: skip


def seen_earlier(previous: DataFrame, events: DataFrame) -> DataFrame:
    """user_id of `events` (silver.events) whom `previous` (silver.users) does not know, or not since so early a day."""
    first = events.groupBy("user_id").agg(F.min("ds").alias("ds"))
    known = previous.where("first_seen_ds IS NOT NULL").select("user_id", "first_seen_ds")
    return first.join(known, "user_id", "left").where("first_seen_ds IS NULL OR first_seen_ds > ds").select("user_id")
