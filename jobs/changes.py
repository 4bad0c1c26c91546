"""Who entered, left and moved between two published nights, and why: told by scoring again, not guessed.

A move is put down to the first of these that explains it:
1. late data: the last night's model, asked again about that night with the records that came late since, already
   gives another segment than was published.
2. model: tonight's version is another, and the last night's model leaves the user, as he is tonight, where he was; or
   that model is gone and cannot be asked.
3. behaviour: the last night's model would move him too. Time that passes without an event is behaviour as well.
Who enters was first seen since the last night (behaviour), or before it (late data). Who leaves has no record left: a
delivery took them back (late data).
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import features, io
from jobs.assign import SegmentModel, nearest, standardised
from jobs.settings import Settings
from jobs.tables import (
    PREDICTIONS,
    RESCORED_EMBEDDINGS,
    RESCORED_EXPECTATIONS,
    RESTATED,
    RUNS,
    SEGMENT_CHANGES,
    SILVER_USERS,
    USER_DAILY,
    USER_FEATURES,
    USER_SEGMENTS,
    Table,
)


def last_published(spark: SparkSession, s: Settings) -> date | None:
    """The last night published before ds; None where there is none."""
    return io.read_or_empty(spark, s.warehouse, RUNS).where(f"ds < DATE'{s.ds}'").agg(F.max("ds")).first()[0]


def assigned(features_: DataFrame, vectors: DataFrame, model: SegmentModel) -> DataFrame:
    """One row a user of `features_` (rows of user_features): user_id, segment_id, confidence, by his vector where he
    has one."""
    inputs = features_.join(vectors, "user_id", "left").select("user_id", standardised(model).alias("x"))
    return nearest(inputs, model)


def _came_late(s: Settings, night: date) -> str:
    return f"landed_ds > '{night}' AND landed_ds <= '{s.ds}' AND ds <= '{night}'"


def late_features(spark: SparkSession, s: Settings, night: date) -> DataFrame:
    """Rows of user_features as of `night`, as it is known tonight, of the users whom late records touch since."""
    late = io.read(spark, s.warehouse, RESTATED).where(_came_late(s, night)).select("user_id").distinct()
    daily, users = (io.read(spark, s.warehouse, table) for table in (USER_DAILY, SILVER_USERS))
    of_late = [frame.join(F.broadcast(late), "user_id", "left_semi") for frame in (daily, users)]
    return features.build(*of_late, night)


def _expected(spark: SparkSession, s: Settings, table: Table, day: date, former: SegmentModel) -> DataFrame:
    rows = io.read_or_empty(spark, s.warehouse, table).where(F.col("ds") == F.lit(day))
    return rows.where(F.col("model_version") == former.version).select("user_id", "expected")


def scored_again(
    spark: SparkSession, s: Settings, night: date | None, former: SegmentModel | None, *, same: bool
) -> DataFrame:
    """One row a user of tonight or with late records: corrected_segment_id, former_segment_id, of gold.segment_changes.

    former: the model of the last published `night`; None where its segments are gone. same: tonight's is the same one,
    so that only users with late records are asked about.
    """
    nothing = spark.createDataFrame([], "user_id string, corrected_segment_id int, former_segment_id int")
    if night is None or former is None:
        return nothing
    vectors = io.read_or_empty(spark, s.warehouse, RESCORED_EMBEDDINGS).where(
        (F.col("ds") == F.lit(s.ds)) & (F.col("model_version") == former.version)
    )
    then, now = (vectors.where(F.col("as_of") == F.lit(day)).select("user_id", "embedding") for day in (night, s.ds))
    if former.reads_expectations:
        # Of that night, as it was expected then: late records show in the features and the vector alone.
        tables = ((then, PREDICTIONS, night), (now, RESCORED_EXPECTATIONS, s.ds))
        then, now = (
            frame.join(_expected(spark, s, table, day, former), "user_id", "left") for frame, table, day in tables
        )
    found = []
    if io.rows(s.warehouse, RESTATED, f"{_came_late(s, night)} LIMIT 1"):
        found.append(assigned(late_features(spark, s, night), then, former).withColumn("known", F.lit("corrected")))
    if not same and not now.isEmpty():
        tonight = io.read(spark, s.warehouse, USER_FEATURES).where(F.col("ds") == F.lit(s.ds)).drop("run_id", "ds")
        found.append(assigned(tonight, now, former).withColumn("known", F.lit("former")))
    if not found:
        return nothing
    rows = found[0] if len(found) == 1 else found[0].unionByName(found[1])
    return rows.groupBy("user_id").agg(
        *[F.max(F.when(F.col("known") == known, F.col("segment_id"))).alias(f"{known}_segment_id")
          for known in ("corrected", "former")]
    )  # fmt: skip


def change(old: Column, new: Column) -> Column:
    """enter, exit, stay or move: from segment `old` to segment `new`, null where the user is not there."""
    return F.when(old.isNull(), "enter").when(new.isNull(), "exit").when(old == new, "stay").otherwise("move")


def with_changes(members: DataFrame, before: DataFrame, again: DataFrame, version: str, since: int) -> DataFrame:
    """One row a user of either night: `members` with previous_segment_id, change (enter, stay, move, exit) and cause.

    members: tonight's user_id, segment_id, tenure_days and more; before: the last night's user_id, segment_id,
    model_version; again: see `scored_again`; version: tonight's model; since: days since the last night.
    """
    old = before.select(
        "user_id", F.col("segment_id").alias("previous_segment_id"), F.col("model_version").alias("before_version")
    )
    joined = members.join(old, "user_id", "full").join(again, "user_id", "left")
    joined = joined.withColumn("change", change(F.col("previous_segment_id"), F.col("segment_id")))
    was, same = F.col("previous_segment_id"), F.col("before_version") == F.lit(version)
    former = F.when(same, F.col("segment_id")).otherwise(F.col("former_segment_id"))
    move = (
        F.when(F.col("corrected_segment_id") != was, "late data")
        .when(~same & (former.isNull() | (former == was)), "model")
        .otherwise("behaviour")
    )
    enter = F.when(F.col("tenure_days") >= since, "late data").otherwise("behaviour")
    kind = F.col("change")
    cause = F.when(kind == "move", move).when(kind == "enter", enter).when(kind == "exit", "late data")
    return joined.withColumns({"cause": cause, "former_segment_id": former})


def balance(before: DataFrame, changes: DataFrame, now: DataFrame) -> DataFrame:
    """One row a row of `changes`, and a user whom they leave out: with `balanced`, whether the user's two nights and
    his change agree: `before`, changed, is `now`.

    before, now: user_id and segment_id of the two nights; changes: rows of gold.segment_changes between them.
    """
    old = before.select("user_id", F.col("segment_id").alias("old"))
    new = now.select("user_id", F.col("segment_id").alias("new"))
    told = changes.withColumn("told", F.lit(True))
    rows = old.join(new, "user_id", "full").join(told, "user_id", "full")
    stayed = F.col("old").eqNullSafe(F.col("new"))
    agrees = (
        F.col("from_segment_id").eqNullSafe(F.col("old"))
        & F.col("to_segment_id").eqNullSafe(F.col("new"))
        & F.col("change").eqNullSafe(change(F.col("old"), F.col("new")))
    )
    balanced = F.when(F.col("told"), ~stayed & agrees).otherwise(stayed)
    return rows.withColumn("balanced", balanced).where("told OR NOT balanced").drop("old", "new", "told")


def tonight(spark: SparkSession, s: Settings) -> DataFrame:
    """What is staged for ds, see `balance`. The first night is held against itself: it has no changes."""
    night, day = last_published(spark, s), f"ds = DATE'{s.ds}'"
    now = io.read(spark, s.warehouse, USER_SEGMENTS.staged()).where(day)
    before = io.read(spark, s.warehouse, USER_SEGMENTS).where(f"ds = DATE'{night}'") if night else now
    return balance(before, io.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(day), now)
