"""Who entered, left and moved between two published nights, and why: told by scoring again, not guessed.

A move is put down to the first of these that explains it:
1. late data: the last night's model, asked again about that night with the records that came late since, already
   gives another segment than was published.
2. behaviour: the last night's model, under that night's rules, would move the user too, as he is tonight. Days that
   pass without an event are behaviour as well.
3. rule: it would leave him, and so would tonight's model under the last night's rules (conf/profiles.yaml).
4. model: it would leave him, and tonight's does not; or that model is gone and cannot be asked.
Who enters was first seen since the last night (behaviour), or before it: he agreed since then (consent), or his records
came late (late data). Who leaves refuses to be profiled (consent), or has no record left: he was erased (erasure; told
by the subject of ops.erasures), or a delivery took them back (late data).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.lake import delta, erasures
from jobs.segments import night as nights
from jobs.segments.assign import Scorer, SegmentModel, model_rows
from jobs.segments.rules import Rules
from jobs.settings import Settings
from jobs.tables import (
    PREDICTIONS,
    RESCORED_EMBEDDINGS,
    RESCORED_EXPECTATIONS,
    SEGMENT_CHANGES,
    USER_SEGMENTS,
    Table,
)

_KINDS = ("corrected", "former", "unruled")
NOT_ASKED = "user_id string, " + ", ".join(f"{kind}_segment_id int" for kind in _KINDS)


def last_scorer(s: Settings, last: nights.LastNight, rules: Rules | None, now: Scorer) -> Scorer | None:
    """By what the last night scored, `now` itself where that is the same; None without a night, or where it is gone.

    rules: that night's, None where they are not known.
    """
    margin = rules.segments.margin if rules else now.margin
    if last.version == now.model.version:
        return now if margin == now.margin else Scorer(now.model, margin)
    rows = model_rows(s, last.version) if last.version else []
    return Scorer(SegmentModel.from_rows(last.version, rows), margin) if rows else None


def _expected(spark: SparkSession, s: Settings, table: Table, day: date, by: Scorer) -> DataFrame:
    rows = delta.read_or_empty(spark, s.warehouse, table).where(F.col("ds") == F.lit(day))
    return rows.where(F.col("model_version") == by.model.version).select("user_id", "expected")


def _rescored(spark: SparkSession, s: Settings, night: date, former: Scorer) -> tuple[DataFrame, DataFrame]:
    """One row a user as the last night's model sees him: of `night`, as it is known tonight, and of tonight."""
    again = delta.read_or_empty(spark, s.warehouse, RESCORED_EMBEDDINGS).where(
        (F.col("ds") == F.lit(s.ds)) & (F.col("model_version") == former.model.version)
    )
    then, now = (again.where(F.col("as_of") == F.lit(day)).select("user_id", "embedding") for day in (night, s.ds))
    if former.model.reads_expectations:
        # Of that night, as it was expected then: late records show in the features and the vector alone.
        then = then.join(_expected(spark, s, PREDICTIONS, night, former), "user_id", "left")
        now = now.join(_expected(spark, s, RESCORED_EXPECTATIONS, s.ds, former), "user_id", "left")
    return then, now


def scored_again(
    spark: SparkSession, s: Settings, night: date, before: DataFrame, former: Scorer | None, now: Scorer,
    features: DataFrame, vectors: DataFrame,
) -> DataFrame:  # fmt: skip
    """One row a user who was asked about (NOT_ASKED without one): corrected_segment_id and former_segment_id as in
    gold.segment_changes; unruled_segment_id, by tonight's model under the last night's rules. Null: not asked.

    before: rows of user_segments of the last published `night`; former: by what it scored, None where that is gone;
    now: by what tonight scores `features` and `vectors`.
    """
    old = before.select("user_id", F.col("segment_id").alias("previous"))
    answers: dict[str, DataFrame] = {}
    if former is not None:
        seen_then, seen_now = _rescored(spark, s, night, former)
        same_model, same_margin = former.model.version == now.model.version, former.margin == now.margin
        if nights.came_late(s, night):
            older = before.select("user_id", F.col("previous_segment_id").alias("previous"))
            answers["corrected"] = former(nights.late_features(spark, s, night), seen_then, older)
        if same_model and not same_margin:
            answers["former"] = former(features, vectors, old)
        if not same_model and not seen_now.isEmpty():
            answers["former"] = former(features, seen_now, old)
        if not same_model and not same_margin:
            answers["unruled"] = Scorer(now.model, former.margin)(features, vectors, old)
    if not answers:
        return spark.createDataFrame([], NOT_ASKED)
    parts = [frame.select("user_id", "segment_id", F.lit(kind).alias("kind")) for kind, frame in answers.items()]
    return reduce(DataFrame.unionByName, parts).groupBy("user_id").agg(
        *[F.max(F.when(F.col("kind") == kind, F.col("segment_id"))).alias(f"{kind}_segment_id") for kind in _KINDS]
    )  # fmt: skip


def with_changes(
    members: DataFrame, before: DataFrame, again: DataFrame, *, unchanged: bool, since: int, gone: Sequence[dict] = (),
    spoken: DataFrame | None = None,
) -> DataFrame:  # fmt: skip
    """One row a user of either night: `members` with previous_segment_id, change (enter, stay, move, exit) and cause.

    members: tonight's user_id, segment_id, model_version, tenure_days and more; before: the last night's user_id,
    segment_id, model_version; again: see `scored_again`; unchanged: model and rules are the last night's, which need
    not be asked, then; since: days since the last night; gone: see `erasures.leavers`, in `before` as their subjects;
    spoken: see `consents.spoken`.
    """
    old = before.select(
        "user_id", F.col("segment_id").alias("previous_segment_id"), F.col("model_version").alias("before_version")
    )
    joined = members.join(old, "user_id", "full").join(again, "user_id", "left")
    joined = (
        joined.withColumn("consents", F.lit(None).cast("boolean"))
        if spoken is None
        else joined.join(spoken, "user_id", "left")
    )
    joined = joined.withColumn("change", nights.change(F.col("previous_segment_id"), F.col("segment_id")))
    was, same = F.col("previous_segment_id"), F.col("before_version") == F.col("model_version")
    former = F.col("segment_id") if unchanged else F.col("former_segment_id")
    move = (
        F.when(F.col("corrected_segment_id") != was, "late data")
        .when(former != was, "behaviour")
        .when(same | (F.col("unruled_segment_id") == was), "rule")
        .otherwise("model")
    )
    late = F.when(F.col("consents"), "consent").otherwise("late data")
    enter = F.when(F.col("tenure_days") >= since, late).otherwise("behaviour")
    kind = F.col("change")
    cause = F.when(kind == "move", move).when(kind == "enter", enter)
    cause = cause.when(kind == "exit", F.when(~F.col("consents"), "consent").otherwise(erasures.cause_of_exit(gone)))
    return joined.withColumns({"cause": cause, "former_segment_id": former}).drop("consents")


def balance(before: DataFrame, changes: DataFrame, now: DataFrame) -> DataFrame:
    """Rows of gold.segment_changes held against the two nights that they lead from and to, see `nights.balance`.

    before, now: user_id and segment_id of the two nights.
    """
    old, new = (frame.withColumn("_state", F.col("segment_id")) for frame in (before, now))
    moves = changes.withColumns({"_from": F.col("from_segment_id"), "_to": F.col("to_segment_id")})
    return nights.balance(old, moves, new, ["user_id"])


def tonights_changes(spark: SparkSession, s: Settings) -> DataFrame:
    """The changes that are staged for ds, see `balance`."""
    before, now = nights.both_nights(spark, s, USER_SEGMENTS, erasures.with_segments)
    return balance(before, delta.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(f"ds = DATE'{s.ds}'"), now)
