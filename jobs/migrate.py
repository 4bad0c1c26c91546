"""migrate: what earlier releases wrote becomes what this one reads: money of two decimals gets four (digits that were
rounded off come back by `collect --again` alone), and days that were cut in another zone (before a night was a day of
the shop: in UTC) become the shop's.

Bronze is cut anew from the times of its events, then all that is made of it: silver, the users' days, the sequences and
features as of every night that has them. What was published stays as it was published. ops.loads, which says in whose
days a warehouse is, is written last, so that a killed run is run again and ends in the same tables.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from jobs.clean import run as clean
from jobs.clock import Clock
from jobs.collect import counts, late
from jobs.features import run as features
from jobs.features import sequences
from jobs.lake import contracts, delta, touched, turns
from jobs.settings import Settings
from jobs.sources import shops
from jobs.sources.formats import texts
from jobs.sources.spec import Source, load
from jobs.tables import (
    BRONZE_EVENTS,
    BRONZE_PRODUCTS,
    BRONZE_USERS,
    LOADS,
    RESTATED,
    SILVER_EVENTS,
    SILVER_USERS,
    USER_FEATURES,
    USER_SEQUENCES,
)

_IDS = {
    BRONZE_EVENTS: ("user_id", "product_id", "session_id", "event_id"),
    BRONZE_USERS: ("id",),
    BRONZE_PRODUCTS: ("id",),
}


def recut(events: DataFrame, shop: Source, first: date, last: date) -> DataFrame:
    """Rows of bronze.events of a shop, whose days are between first and last, in the shop's days. A record that two
    deliveries brought on two days that are one now stands once, as it was delivered first.
    """
    day = Clock(shop.shop_zone, first, last).day(F.col("event_time"))
    # A record of a file of any days counts as delivered on its own day, unless it came late.
    in_time = _of_any_days(shop) & (F.col("landed_ds") == F.col("ds"))
    frame = events.withColumn("day", day).withColumn(
        "landed_ds", F.when(in_time, F.col("day")).otherwise(F.col("landed_ds"))
    )
    frame = frame.drop("ds").withColumnRenamed("day", "ds")
    delivered = Window.partitionBy("event_id", "ds").orderBy("landed_ds", "source_file", "ingested_at")
    return frame.withColumn("place", F.row_number().over(delivered)).where("place = 1").drop("place")


def _of_any_days(shop: Source) -> Column:
    """Whether the file of a record is one of any days. The files of further feeds of events carry the feed's name."""
    first, *more = (part.events for part in shop.parts())
    found = F.lit(not first.dated)
    for feed in more:
        found = F.when(F.col("source_file").endswith(f"[{feed.name}]"), F.lit(not feed.dated)).otherwise(found)
    return found


def counted_anew(entries: list[dict], found: list[dict], zone: str) -> list[dict]:
    """Rows of ops.loads of a shop's events, by what bronze holds of each file (`found`: source_file, landed_ds, loaded,
    late): rows in stay the sum of the others, and what no longer stands there was a duplicate.
    """
    rows: dict[tuple[str, date], dict] = {}
    missing: dict[str, int] = {}
    for entry in entries:
        name = entry["source_file"]
        missing[name] = missing.get(name, 0) + entry["loaded"]
        rows[name, entry["landed_ds"]] = entry | {
            "zone": zone, "rows_in": entry["rows_in"] - entry["loaded"], "loaded": 0, "late": 0,
        }  # fmt: skip
    nothing = dict.fromkeys((*counts.COUNTS, "released", "written"), 0)
    looks = {row["source_file"]: row for row in rows.values()}
    for row in found:
        name = row["source_file"]
        entry = rows.setdefault((name, row["landed_ds"]), looks[name] | nothing | {"landed_ds": row["landed_ds"]})
        entry |= {"loaded": row["loaded"], "late": row["late"], "rows_in": entry["rows_in"] + row["loaded"]}
        missing[name] -= row["loaded"]
    for (name, _), entry in sorted(rows.items(), key=lambda row: (not row[1]["loaded"], row[0])):
        gone = missing.pop(name, 0)
        entry |= {"duplicates": entry["duplicates"] + gone, "rows_in": entry["rows_in"] + gone}
    filled = {name for (name, _), row in rows.items() if row["rows_in"]}
    return [row for (name, _), row in rows.items() if row["rows_in"] or name not in filled]


def _bounds(events: DataFrame, column: str) -> tuple[date, date]:
    return tuple(events.agg(F.min(column), F.max(column)).first())


def _cut_bronze(spark: SparkSession, warehouse: str, shop: Source) -> tuple[date, date]:
    """Cut the shop's events anew; the first and last day of them, before and after."""
    of_shop = f"source = '{shop.name}'"
    before = delta.read(spark, warehouse, BRONZE_EVENTS).where(of_shop)
    first, last = _bounds(before, "ds")
    first, last = first - touched.ONE, last + touched.ONE
    delta.replace_where(recut(before, shop, first, last), warehouse, BRONZE_EVENTS, of_shop)
    after = delta.read(spark, warehouse, BRONZE_EVENTS).where(of_shop)
    since, ds = _bounds(after, "landed_ds")
    s = Settings(ds, since, warehouse, shop.name, "", "migrate")
    late.note_lateness(spark, s, shop.shop_zone)
    elsewhere = after.where("ds != landed_ds").withColumn("known_ds", F.col("landed_ds"))
    delta.replace_where(elsewhere.select(*RESTATED.keys).distinct(), warehouse, RESTATED, of_shop)
    return first, last


def _put_first_seen(spark: SparkSession, warehouse: str) -> None:
    """A user's first day, which a night only ever moves to an earlier one, from all that he did."""
    users = delta.read(spark, warehouse, SILVER_USERS)
    events = delta.read(spark, warehouse, SILVER_EVENTS)
    first = events.groupBy("user_id").agg(F.min("ds").alias("first_seen_ds"))
    delta.overwrite(users.drop("first_seen_ds").join(first, "user_id", "left"), warehouse, SILVER_USERS)


def _mark(spark: SparkSession, warehouse: str, shop: Source) -> None:
    events = delta.read(spark, warehouse, BRONZE_EVENTS).where(f"source = '{shop.name}'")
    found = events.groupBy("source_file", "landed_ds").agg(
        F.count("*").alias("loaded"), F.count_if(F.col("ds") < F.col("landed_ds")).alias("late")
    )
    same = f"source = '{shop.name}' AND kind = 'events'"
    rows = [row.asDict() for row in found.collect()]
    anew = counted_anew(delta.rows(warehouse, LOADS, same), rows, shop.shop_zone)
    delta.replace_rows(anew, warehouse, LOADS, same)


def run(spark: SparkSession, warehouse: str) -> str:
    """Retype, then cut the days of every source whose zone they are not in anew; one line a person can read."""
    with turns.of(warehouse, "bronze", "silver", "features", "sequences"):
        retyped = contracts.migrate(spark, warehouse)
        said = "; ".join([_recut(spark, warehouse), *_apart(spark, warehouse)])
    return f"money of four decimals in {', '.join(retyped)}; {said}" if retyped else said


def _apart(spark: SparkSession, warehouse: str) -> list[str]:
    """What to do where ids were stored with accents behind their letters, which now are one with them: a user of old
    nights would be another one. Their files say them anew.
    """
    days: dict[str, set[date]] = {}
    for table, names in _IDS.items():
        for name in names:
            frame = delta.read_or_empty(spark, warehouse, table).where(F.col(name).rlike(texts.APART))
            for row in frame.select("source", "landed_ds", name).distinct().collect():
                if unicodedata.normalize("NFC", row[name]) != row[name]:
                    days.setdefault(row["source"], set()).add(row["landed_ds"])
    return [
        f"{source} has ids with accents behind their letters on {len(found):,} days: python -m jobs collect --again "
        f"--source {source} --since {min(found)} --ds {max(found)} loads them as they are read now"
        for source, found in sorted(days.items())
    ]


def _recut(spark: SparkSession, warehouse: str) -> str:
    known = shops.zones(warehouse)
    held = {name: load(name) for name in sorted({name for name, _ in known})}
    others = [held[name] for name in held if any(zone != held[name].shop_zone for of, zone in known if of == name)]
    if not others:
        return "nothing to do: every source's days are its shop's"
    days = [day for shop in others for day in _cut_bronze(spark, warehouse, shop)]
    s = Settings(max(days), min(days), warehouse, "", "", "migrate")
    if delta.exists(warehouse, SILVER_EVENTS):
        clean.run(spark, s, list(held.values()))
        _put_first_seen(spark, warehouse)
        features.put_daily(spark, s)
    nights = _nights(warehouse)
    for night in nights:
        at = replace(s, ds=night, since=night)
        sequences.run(spark, at)
        features.put_features(spark, at)
    for shop in others:
        _mark(spark, warehouse, shop)
    named = ", ".join(f"{shop.name} ({shop.shop_zone})" for shop in others)
    return f"days of {named}: {s.days}; sequences and features of {len(nights)} nights made anew"


def _nights(warehouse: str) -> list[date]:
    """The nights that have sequences or features, oldest first: a night's are made from those of the one before."""
    found = set()
    for table in (USER_SEQUENCES, USER_FEATURES):
        if delta.exists(warehouse, table):
            found |= {row["ds"] for row in delta.rows(warehouse, table, "true", "DISTINCT ds")}
    return sorted(found)
