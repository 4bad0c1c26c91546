"""Who would be in which audience tonight under the last night's rules, had only the users themselves changed, and had
the last night known what came late: by these the causes of changes are told (jobs/audiences/changes.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.behaviour import with_behaviour
from jobs.audiences.book import Book
from jobs.audiences.former import Former
from jobs.audiences.members import BESIDE, evaluate
from jobs.lake import delta
from jobs.segments import Rules, active_hours, came_late, late_features, lifecycle_stage, price_tier
from jobs.settings import Settings
from jobs.tables import PREDICTIONS, SEGMENT_CHANGES, USER_PROFILES

_SEGMENT = ["segment_id", "segment_name", "segment_name_zh"]
_TAGS = ["tags", "tags_zh"]
_NO_PREDICTION = {"user_id", "ds", "model_version", "run_id"}


def _predicted(columns: list[str]) -> list[str]:
    """Columns of a profile that are predictions."""
    of_model = {name for name in PREDICTIONS.column_names if name not in _NO_PREDICTION} | {"prediction_reasons"}
    return [name for name in columns if name in of_model - {"reasons", "reasons_zh"}]


def something_to_put_back(s: Settings, other_model: bool) -> bool:
    """Whether any user's row is another for what the model, the rules of profiles or late records did."""
    moved = f"ds = '{s.ds}' AND change = 'move' AND cause != 'behaviour' LIMIT 1"
    stage = f"ds = '{s.ds}' AND lifecycle_cause = 'rule' LIMIT 1"
    return (
        other_model
        or bool(delta.rows(s.warehouse, SEGMENT_CHANGES.staged(), moved, "user_id"))
        or bool(delta.rows(s.warehouse, USER_PROFILES.staged(), stage, "user_id"))
    )


def put_back(people: DataFrame, before: DataFrame, moves: DataFrame, *, other_model: bool) -> DataFrame:
    """`people` as they would be, had only they themselves changed, with `moved_by`: what else changed their row (model,
    rule or late data), null where nothing did.

    people: tonight's rows of user_profiles; before: those of the last night; moves: rows of segment_changes.
    """
    predicted = _predicted(people.columns)
    old = {name: F.col(f"_old_{name}") for name in [*_SEGMENT, *_TAGS, *predicted]}
    former = before.select("user_id", F.lit(True).alias("_old"), *[F.col(name).alias(f"_old_{name}") for name in old])
    moved = moves.where("change = 'move' AND cause != 'behaviour'").select("user_id", F.col("cause").alias("_by"))
    frame = people.join(former, "user_id", "left").join(moved, "user_id", "left")
    elsewhere, restaged = F.col("_by").isNotNull(), F.col("lifecycle_cause").eqNullSafe("rule")
    scored = F.col("_old").isNotNull() & F.lit(other_model)
    by = F.coalesce("_by", F.when(restaged, "rule"), F.when(scored, "model"))
    again: dict[str, Column] = {name: F.when(elsewhere, old[name]).otherwise(F.col(name)) for name in _SEGMENT}
    again |= {name: F.when(elsewhere | restaged, old[name]).otherwise(F.col(name)) for name in _TAGS}
    again |= {name: F.when(scored, old[name]).otherwise(F.col(name)) for name in predicted}
    stage = F.when(restaged, F.col("previous_lifecycle_stage")).otherwise(F.col("lifecycle_stage"))
    columns = {"moved_by": by, "lifecycle_stage": stage} | again
    return frame.withColumns(columns).drop("_old", "_by", *[f"_old_{name}" for name in old])


def corrected(late: DataFrame, before: DataFrame, rules: Rules) -> DataFrame:
    """Rows of user_profiles of the last night (`before`) as they are known tonight, of the users of `late`: their rows
    of user_features of that night, late records in. Segment, class and tags stay as they were published.
    """
    shared = (set(late.columns) & set(before.columns)) - {"user_id"}
    frame = late.join(before.drop(*shared), "user_id")
    stage = lifecycle_stage(rules.lifecycle, F.col("previous_lifecycle_stage"))
    tier, hours = price_tier(rules.price_tier), active_hours()
    return frame.withColumns({"lifecycle_stage": stage, "price_tier": tier, "active_hours": hours})


def as_of_then(
    spark: SparkSession, s: Settings, rows: DataFrame, former: Former, before: DataFrame
) -> DataFrame | None:
    """user_id and corrected: the audiences of the last night as it is known tonight; None where nothing came late.

    rows: see `nights`; before: rows of user_profiles of the last night.
    """
    if former.day is None or not former.book or not came_late(s, former.day):
        return None
    late = late_features(spark, s, former.day)
    people = corrected(late, before, Rules.load())
    beside = rows.select("user_id", *BESIDE)
    asked = {audience for audience in former.rows if former.evaluated(audience) == former.day}
    people = with_behaviour(spark, s, people.join(beside, "user_id"), [former.book], former.day, late=late,
                            ranked=before)  # fmt: skip
    evaluated = evaluate(people, former.book, "corrected", asked=asked, ds=former.day)
    return evaluated.select("user_id", "corrected")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A book as one night asks it; see `members.evaluate`."""

    book: Book
    asked: Collection[str]
    alike: Collection[str]
    ds: date

    def of(self, rows: DataFrame, into: str) -> DataFrame:
        return evaluate(rows, self.book, into, asked=self.asked, alike=self.alike, ds=self.ds)


def people_version(s: Settings) -> str | None:
    """The model version of the staged profiles."""
    named = f"ds = '{s.ds}' AND model_version IS NOT NULL LIMIT 1"
    rows = delta.rows(s.warehouse, USER_PROFILES.staged(), named, "model_version")
    return rows[0]["model_version"] if rows else None


def _former_rules(book: Book, former: Former, tonight: _Asked, s: Settings) -> _Asked:
    """The last night's book asked tonight: `tonight` itself where no definition is another."""
    hashes, hashes_then = ({audience: b.hash(audience) for audience in b} for b in (book, former.book))
    if former.day is None or hashes == hashes_then:
        return tonight
    due = former.due(former.book, s.ds)
    asked = {audience for audience in due if audience in tonight.asked or audience not in book}
    alike = {audience for audience in tonight.alike if hashes_then.get(audience) == hashes[audience]}
    return _Asked(former.book, asked, alike, s.ds)


def nights(
    spark: SparkSession, s: Settings, rows: DataFrame, book: Book, former: Former, alike: Collection[str]
) -> DataFrame:
    """One row a user of either night, as `changes.changed` asks for.

    rows: see `people.with_last_night`, of staged profiles, with lookalikes; alike: the lookalikes that were made anew.
    """
    tonight = _Asked(book, former.due(book, s.ds), alike, s.ds)
    then = _former_rules(book, former, tonight, s)
    frame, nobody = tonight.of(rows, "now"), F.lit(None).cast("array<string>")
    frame = frame.withColumn("same_rules", nobody) if then is tonight else then.of(frame, "same_rules")

    other_model = former.night.version is not None and former.night.version != people_version(s)
    before = former.night.read(spark, s, USER_PROFILES)
    if former.day is not None and something_to_put_back(s, other_model):
        moves = delta.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(f"ds = DATE'{s.ds}'")
        frame = put_back(frame, before, moves, other_model=other_model)
        frame = replace(then, alike=() if other_model else then.alike).of(frame, "same_model")
    else:
        frame = frame.withColumns({"same_model": nobody, "moved_by": F.lit(None).cast("string")})

    late = as_of_then(spark, s, rows, former, before)
    frame = frame.withColumn("corrected", nobody) if late is None else frame.join(late, "user_id", "left")
    lists = {"now": "array<string>", "now_out": "array<struct<audience_id:string,reason:string>>"}
    gone = {name: F.when(F.col("here"), F.col(name)).otherwise(F.array().cast(kind)) for name, kind in lists.items()}
    return frame.withColumns(gone).select(
        "user_id", "here", "global_holdout", *BESIDE, "now", "now_out", "same_rules", "same_model", "moved_by",
        "corrected",
    )  # fmt: skip
