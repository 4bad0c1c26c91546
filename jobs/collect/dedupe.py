"""Which records came before: the keys of records, those that a load repeats, those that bronze holds already. Of the
records of a key the first delivery counts, or, where the feed has a `version`, the newest state.

Pure DataFrame -> DataFrame; records as in `fields`, parsed ones as in `parse`.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.collect import fields
from jobs.sources.spec import EVENT_FIELDS, Feed, Source
from jobs.tables import BRONZE_EVENTS

# A record of a user or product is one of its file: what two files say of him stands beside each other.
_OF_FILE = ["id", "source_file", "file_ds"]
_KEYS = {"events": ["event_id", "ds"], "users": _OF_FILE, "products": _OF_FILE}


def keys(kind: str, feed: Feed) -> list[str]:
    """What identifies a record of bronze within its source; the states of an event may be of several days."""
    return ["event_id"] if kind == "events" and feed.version else _KEYS[kind]


def _usable() -> Column:
    return F.col("reason").isNull() & ~F.col("outside") & ~F.col("ignored")


def with_key(records: DataFrame, source: Source, kind: str, ds: date) -> DataFrame:
    """`records` with `key_hash`: 64 bits in place of what identifies a record, enough to find the few candidates that
    are then held against each other whole. Computed before all else of a record is read.
    """
    feed = source.feeds()[kind]
    if kind != "events":
        frame, day = fields.with_texts(records, feed), [F.col("file_ds")]
    elif feed.version:
        frame, day = fields.with_texts(records, feed), []
    else:
        frame, day = fields.with_typed(records, feed), [fields.shop_day(source, ds)]
    return frame.select(*records.columns, F.xxhash64(*fields.id_parts(feed), *day).alias("key_hash"))


def repeated_keys(keyed: DataFrame) -> DataFrame:
    """`key_hash` of the keys that several records of this load share: one row each. Nothing else is shuffled."""
    # Shuffled first: nearly every key is new, and to count them before is to keep them all in a table for nothing.
    keys = keyed.select("key_hash").repartition("key_hash")
    return keys.groupBy("key_hash").count().where("count > 1").select("key_hash")


def apart(keyed: DataFrame, repeated: DataFrame) -> tuple[DataFrame, DataFrame]:
    """(records whose key no other of this load has, the few others): what is to be found out about the few is not asked
    of all.
    """
    few = F.broadcast(repeated)
    return keyed.join(few, "key_hash", "left_anti"), keyed.join(few, "key_hash", "left_semi")


def numbered(parsed: DataFrame, feed: Feed) -> DataFrame:
    """`parsed` events; where the feed says `number_equal`, each has its number among those of its id, file and day
    behind the id, from the second on, in the order of the file.
    """
    if not feed.number_equal:
        return parsed
    order = ("line", "tie") if "line" in parsed.columns else ("tie",)
    equal = Window.partitionBy("event_id", "ds", "source_file", _usable()).orderBy(*order)
    nth = F.row_number().over(equal)
    return (
        parsed.withColumn("nth", nth)
        .withColumn(
            "event_id", F.when(F.col("nth") > 1, F.concat("event_id", F.lit("-"), "nth")).otherwise(F.col("event_id"))
        )
        .drop("nth")
    )


def one_of_each(parsed: DataFrame, feed: Feed, keys: list[str]) -> DataFrame:
    """`parsed` with `duplicate`: true for all but the first delivery of a key, or, with `version`, its newest state; of
    records that came together, the one that says most counts. `counted` is the file of the record that does. `alone` is
    false, as it is not of those that were set `apart` from these.
    """
    order: list[str | Column] = ["landed_ds", "source_file"]
    if feed.version:
        order = [_newness().desc(), *([F.desc("line")] if "line" in parsed.columns else [])]
    says = F.desc(F.length(F.to_json("attributes")))
    first = Window.partitionBy(*keys, _usable()).orderBy(*order, says, "tie")
    again = _usable() & (F.row_number().over(first) > 1)
    counted = F.when(again, F.first("source_file").over(first))
    return parsed.withColumns({"duplicate": again, "counted": counted, "alone": F.lit(False)})


def mark_loaded(frame: DataFrame, keys: list[str], loaded: DataFrame) -> DataFrame:
    """`frame` with `duplicate` true also for keys in `loaded`, which bronze holds from other deliveries."""
    known = loaded.groupBy(*keys).agg(F.min("source_file").alias("known"))
    return _again(frame.join(known, keys, "left"), F.col("known").isNotNull(), F.col("known")).drop("known")


def _again(frame: DataFrame, known: Column, counted: Column) -> DataFrame:
    """`frame` with `duplicate` true also where bronze has the record that counts, from the file `counted`."""
    known = _usable() & F.coalesce(known, F.lit(False))
    return frame.withColumns({
        "duplicate": F.col("duplicate") | known,
        "counted": F.when(known, counted).otherwise(F.col("counted")),
    })  # fmt: skip


def _newness() -> Column:
    """How new a state is, as a text that sorts: by its version, which the day of a file stands behind, so that one that
    came late is no newer; of a file of any days, by the day of delivery.
    """
    came = F.when(~F.endswith("version", F.lit(" ")), F.lit("")).otherwise(F.col("landed_ds").cast("string"))
    return F.concat_ws("\t", F.coalesce("version", F.lit("")), came, "source_file")


def mark_beaten(frame: DataFrame, stood: DataFrame, feed: Feed) -> DataFrame:
    """`frame` of events with `duplicate` true also where one of `stood`, which bronze holds from other deliveries,
    counts and not this one: the first delivery, or, with `version`, the newest state.
    """
    same, best = keys("events", feed), F.max if feed.version else F.min
    counts = stood.groupBy(*same).agg(best(_newness()).alias("stood"))
    beaten = F.col("stood") >= _newness() if feed.version else F.col("stood") <= _newness()
    file = F.try_element_at(F.split("stood", "\t"), F.lit(-1))
    return _again(frame.join(counts, same, "left"), beaten, file).drop("stood")


def replaced(frame: DataFrame, stood: DataFrame, feed: Feed) -> DataFrame:
    """The rows of `stood` in whose place `frame`, of `mark_beaten`, has one that counts, from the file `counted`."""
    same = keys("events", feed)
    counts = frame.where(_usable() & ~F.col("duplicate")).select(*same, F.col("source_file").alias("counted"))
    return stood.join(counts, same)


def content_hash() -> Column:
    """64 bits of what an event says, as bronze types it, to tell a corrected record from one that merely came again."""
    types = {column.name: column.type for column in BRONZE_EVENTS.columns}
    fields_ = [F.col(name).cast(types[name]) for name in EVENT_FIELDS]
    return F.xxhash64(*fields_, F.map_keys("attributes"), F.map_values("attributes"))


def keep_landing(parsed: DataFrame, before: DataFrame) -> DataFrame:
    """`parsed` where an event that stood in its file before, and says the same, keeps the day on which it came.

    `before` has source_file, event_id, ds, landed_ds and content of the bronze rows of the files. Without this a log
    that grows would deliver all its events anew every night. `delivered` is the day on which it came now.
    """
    known = before.select("source_file", "event_id", "ds", F.col("landed_ds").alias("came"), "content")
    same = _usable() & (F.col("content") == content_hash())
    joined = parsed.join(known, ["source_file", "event_id", "ds"], "left")
    landed = {"landed_ds": F.when(same, F.col("came")).otherwise(F.col("landed_ds")), "delivered": F.col("landed_ds")}
    return joined.withColumns(landed).drop("came", "content")


def duplicates_now(frame: DataFrame) -> DataFrame:
    """`frame` of `keep_landing` with duplicates on the day on which they came now: bronze has none that could tell."""
    return frame.withColumn("landed_ds", F.when(F.col("duplicate"), F.col("delivered")).otherwise(F.col("landed_ds")))
