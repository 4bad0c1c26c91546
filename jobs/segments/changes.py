"""Who entered, left and moved between two published nights, and why: told by scoring again, not guessed.

A move is put down to the first of these that explains it:
1. late data: the last night's model, asked again about that night with the records that came late since, already
   gives another segment than was published.
2. behaviour: the last night's model, under that night's rules, would move the user too, as he is tonight. Days that
   pass without an event are behaviour as well.
3. rule: it would leave him, and so would tonight's model under the last night's rules (conf/profiles.yaml).
4. model: it would leave him, and tonight's does not; or that model is gone and cannot be asked.
Who enters was first seen since the last night (behaviour), or before it (late data). Who leaves has no record left: he
was erased (erasure; told by the subject of ops.erasures), or a delivery took them back (late data).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.features import run as features
from jobs.lake import delta, erasures
from jobs.segments.assign import Scorer
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
    USER_SEGMENTS,
    Table,
)


def last_published(s: Settings) -> date | None:
    """The last night published before ds; None where there is none."""
    return max((row["ds"] for row in delta.rows(s.warehouse, RUNS, f"ds < '{s.ds}'", "DISTINCT ds")), default=None)


def _came_late(s: Settings, night: date) -> str:
    return f"landed_ds > '{night}' AND landed_ds <= '{s.ds}' AND ds <= '{night}'"


def late_features(spark: SparkSession, s: Settings, night: date) -> DataFrame:
    """Rows of user_features as of `night`, as it is known tonight, of the users whom late records touch since."""
    late = delta.read(spark, s.warehouse, RESTATED).where(_came_late(s, night)).select("user_id").distinct()
    daily, users = (delta.read(spark, s.warehouse, table) for table in (USER_DAILY, SILVER_USERS))
    of_late = [frame.join(F.broadcast(late), "user_id", "left_semi") for frame in (daily, users)]
    return features.build(*of_late, night)


def _expected(spark: SparkSession, s: Settings, table: Table, day: date, by: Scorer) -> DataFrame:
    rows = delta.read_or_empty(spark, s.warehouse, table).where(F.col("ds") == F.lit(day))
    return rows.where(F.col("model_version") == by.model.version).select("user_id", "expected")


NOT_ASKED = "user_id string, corrected_segment_id int, former_segment_id int, unruled_segment_id int"


def scored_again(
    spark: SparkSession, s: Settings, night: date, before: DataFrame, former: Scorer | None, now: Scorer,
    features_: DataFrame, vectors: DataFrame,
) -> DataFrame:  # fmt: skip
    """One row a user who was asked about (NOT_ASKED without one): corrected_segment_id and former_segment_id as in
    gold.segment_changes; unruled_segment_id, by tonight's model under the last night's rules. Null: not asked.

    before: rows of user_segments of the last published `night`; former: by what it scored, None where that is gone;
    now: by what tonight scores `features_` and `vectors`.
    """
    old = before.select("user_id", F.col("segment_id").alias("previous"))
    found = {}
    if former is not None:
        again = delta.read_or_empty(spark, s.warehouse, RESCORED_EMBEDDINGS).where(
            (F.col("ds") == F.lit(s.ds)) & (F.col("model_version") == former.model.version)
        )
        of_day = [again.where(F.col("as_of") == F.lit(day)).select("user_id", "embedding") for day in (night, s.ds)]
        if former.model.reads_expectations:
            # Of that night, as it was expected then: late records show in the features and the vector alone.
            tables = ((PREDICTIONS, night), (RESCORED_EXPECTATIONS, s.ds))
            of_day = [
                frame.join(_expected(spark, s, table, day, former), "user_id", "left")
                for frame, (table, day) in zip(of_day, tables, strict=True)
            ]
        same = former.model.version == now.model.version
        if delta.rows(s.warehouse, RESTATED, f"{_came_late(s, night)} LIMIT 1"):
            older = before.select("user_id", F.col("previous_segment_id").alias("previous"))
            found["corrected"] = former(late_features(spark, s, night), of_day[0], older)
        if same and former.margin != now.margin:
            found["former"] = former(features_, vectors, old)
        if not same and not of_day[1].isEmpty():
            found["former"] = former(features_, of_day[1], old)
        if not same and former.margin != now.margin:
            found["unruled"] = Scorer(now.model, former.margin)(features_, vectors, old)
    asked = spark.createDataFrame([], NOT_ASKED)
    if not found:
        return asked
    parts = [frame.select("user_id", "segment_id", F.lit(kind).alias("kind")) for kind, frame in found.items()]
    kinds = ("corrected", "former", "unruled")
    return reduce(lambda one, more: one.unionByName(more), parts).groupBy("user_id").agg(
        *[F.max(F.when(F.col("kind") == kind, F.col("segment_id"))).alias(f"{kind}_segment_id") for kind in kinds]
    )  # fmt: skip


def change(old: Column, new: Column) -> Column:
    """enter, exit, stay or move: from segment `old` to segment `new`, null where the user is not there."""
    return F.when(old.isNull(), "enter").when(new.isNull(), "exit").when(old == new, "stay").otherwise("move")


def with_changes(
    members: DataFrame, before: DataFrame, again: DataFrame, *, unchanged: bool, since: int, gone: Sequence[dict] = ()
) -> DataFrame:
    """One row a user of either night: `members` with previous_segment_id, change (enter, stay, move, exit) and cause.

    members: tonight's user_id, segment_id, model_version, tenure_days and more; before: the last night's user_id,
    segment_id, model_version; again: see `scored_again`; unchanged: model and rules are the last night's, which need
    not be asked, then; since: days since the last night; gone: see `erasures.leavers`, in `before` as their subjects.
    """
    old = before.select(
        "user_id", F.col("segment_id").alias("previous_segment_id"), F.col("model_version").alias("before_version")
    )
    joined = members.join(old, "user_id", "full").join(again, "user_id", "left")
    joined = joined.withColumn("change", change(F.col("previous_segment_id"), F.col("segment_id")))
    was, same = F.col("previous_segment_id"), F.col("before_version") == F.col("model_version")
    former = F.col("segment_id") if unchanged else F.col("former_segment_id")
    move = (
        F.when(F.col("corrected_segment_id") != was, "late data")
        .when(former != was, "behaviour")
        .when(same | (F.col("unruled_segment_id") == was), "rule")
        .otherwise("model")
    )
    enter = F.when(F.col("tenure_days") >= since, "late data").otherwise("behaviour")
    kind = F.col("change")
    cause = F.when(kind == "move", move).when(kind == "enter", enter)
    cause = cause.when(kind == "exit", erasures.cause_of_exit(gone))
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
    night, day = last_published(s), f"ds = DATE'{s.ds}'"
    now = delta.read(spark, s.warehouse, USER_SEGMENTS.staged()).where(day)
    before = delta.read(spark, s.warehouse, USER_SEGMENTS).where(f"ds = DATE'{night}'") if night else now
    before = erasures.with_segments(before, erasures.leavers(s, night))
    return balance(before, delta.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(day), now)
