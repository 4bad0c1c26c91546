"""Who entered and left which audience between two published nights, and why: told by asking again, not guessed.

A change is put down to the first of these that explains it:
1. erasure: he was erased (told by the subject of ops.erasures).
2. late data: he has no record left, or the last night's rules, asked again about that night with the records that came
   late since, already give the other answer.
3. suppression: the rule meant him on both nights; what kept him out is new, or gone.
4. behaviour: the last night's rules would change it too, for him as he is tonight, but in the segment, the lifecycle
   stage and with the predictions that he would have, had neither the model nor the rules of profiles changed.
5. model, rule or late data: they would change it only by that segment, stage or prediction; the cause is theirs.
6. rule: the last night's rules would leave him where he was.
Of a lookalike, all changes on the night of another definition are rule, and of another model version model.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.members import has
from jobs.lake import delta, erasures
from jobs.segments import changes, profiles
from jobs.settings import Settings
from jobs.tables import (
    AUDIENCE_CHANGES,
    AUDIENCE_MEMBERS,
    PREDICTIONS,
    RESTATED,
    SEGMENT_CHANGES,
    USER_PROFILES,
)

_SEGMENT = ["segment_id", "segment_name", "segment_name_zh"]
_TAGS = ["tags", "tags_zh"]
_NO_PREDICTION = {"user_id", "ds", "model_version", "run_id"}


def _predicted(columns: list[str]) -> list[str]:
    """Columns of a profile that are predictions."""
    of_model = {name for name in PREDICTIONS.column_names if name not in _NO_PREDICTION} | {"prediction_reasons"}
    return [name for name in columns if name in of_model - {"reasons", "reasons_zh"}]


def something_to_put_back(s: Settings, other_model: bool) -> bool:
    """Whether any user's row is another for what the model, the rules of profiles or late records did."""
    moved = "change = 'move' AND cause != 'behaviour'"
    found = delta.rows(s.warehouse, SEGMENT_CHANGES.staged(), f"ds = '{s.ds}' AND {moved} LIMIT 1", "user_id")
    stage = f"ds = '{s.ds}' AND lifecycle_cause = 'rule' LIMIT 1"
    return other_model or bool(found) or bool(delta.rows(s.warehouse, USER_PROFILES.staged(), stage, "user_id"))


def put_back(people: DataFrame, before: DataFrame, moves: DataFrame, *, other_model: bool) -> DataFrame:
    """`people` as they would be, had only they themselves changed, with `moved_by`: what else changed their row (model,
    rule or late data), null where nothing did.

    people: tonight's rows of user_profiles; before: those of the last night; moves: rows of segment_changes.
    """
    predicted = _predicted(people.columns)
    old = {name: F.col(f"_old_{name}") for name in [*_SEGMENT, *_TAGS, *predicted]}
    told = before.select("user_id", F.lit(True).alias("_old"), *[F.col(name).alias(f"_old_{name}") for name in old])
    moved = moves.where("change = 'move' AND cause != 'behaviour'").select("user_id", F.col("cause").alias("_by"))
    frame = people.join(told, "user_id", "left").join(moved, "user_id", "left")
    elsewhere, restaged = F.col("_by").isNotNull(), F.col("lifecycle_cause").eqNullSafe("rule")
    scored = F.col("_old").isNotNull() & F.lit(other_model)
    by = F.coalesce("_by", F.when(restaged, "rule"), F.when(scored, "model"))
    again: dict[str, Column] = {name: F.when(elsewhere, old[name]).otherwise(F.col(name)) for name in _SEGMENT}
    again |= {name: F.when(elsewhere | restaged, old[name]).otherwise(F.col(name)) for name in _TAGS}
    again |= {name: F.when(scored, old[name]).otherwise(F.col(name)) for name in predicted}
    stage = F.when(restaged, F.col("previous_lifecycle_stage")).otherwise(F.col("lifecycle_stage"))
    columns = {"moved_by": by, "lifecycle_stage": stage} | again
    return frame.withColumns(columns).drop("_old", "_by", *[f"_old_{name}" for name in old])


def came_late(s: Settings, night: date) -> bool:
    where = f"landed_ds > '{night}' AND landed_ds <= '{s.ds}' AND ds <= '{night}' LIMIT 1"
    return bool(delta.rows(s.warehouse, RESTATED, where, "user_id"))


def corrected(late: DataFrame, before: DataFrame, lines: profiles.Lines) -> DataFrame:
    """Rows of user_profiles of the last night (`before`) as they are known tonight, of the users of `late`: their rows
    of user_features of that night, late records in. Segment, class and tags stay as they were published.
    """
    shared = (set(late.columns) & set(before.columns)) - {"user_id"}
    frame = late.join(before.drop(*shared), "user_id")
    stage = profiles.lifecycle_stage(lines.lifecycle, F.col("previous_lifecycle_stage"))
    tier, hours = profiles.price_tier(lines.price_tier), profiles.active_hours()
    return frame.withColumns({"lifecycle_stage": stage, "price_tier": tier, "active_hours": hours})


def changed(nights: DataFrame, gone: Sequence[dict] = ()) -> DataFrame:
    """One row a change: user_id, audience_id, change (enter, exit) and cause.

    nights: one row a user of either night. here: he is there tonight; now, now_out: see `audience_members.evaluate`;
    _since, _held: see `audience_members.BESIDE`; corrected: audiences of the last night as it is known tonight, null
    where nothing came late; same_rules: by the last night's rules; same_model: by them, put back; moved_by: see
    `put_back`. gone: see `erasures.leavers`, in `nights` as their subjects.
    """
    nobody = F.array().cast("array<string>")
    now, was = F.coalesce("now", nobody), F.coalesce(F.map_keys("_since"), nobody)
    differ = F.array_union(F.array_except(now, was), F.array_except(was, now))
    rows = nights.where(F.size(differ) > 0).withColumn("audience_id", F.explode(differ))

    def within(array: str) -> Column:
        return has(array, F.col("audience_id"))

    enters = within("now")
    suppressed = F.when(enters, within("_held")).otherwise(within("now_out.audience_id"))
    cause = (
        F.when(~F.col("here"), erasures.cause_of_exit(gone))
        .when(F.col("corrected").isNotNull() & (within("corrected") == enters), "late data")
        .when(suppressed, "suppression")
        .when(within("same_model") == enters, "behaviour")
        .when(within("same_rules") == enters, F.coalesce("moved_by", F.lit("model")))
        .otherwise("rule")
    )
    change = F.when(enters, "enter").otherwise("exit")
    return rows.select("user_id", "audience_id", change.alias("change"), cause.alias("cause"))


def balance(before: DataFrame, told: DataFrame, now: DataFrame) -> DataFrame:
    """One row a row of `told`, and a membership that it leaves out: with `balanced`, whether both nights and the
    change agree: `before`, changed, is `now`.

    before, now: audience_id and user_id of the two nights; told: rows of gold.audience_changes between them.
    """
    key = ["audience_id", "user_id"]
    old = before.select(*key, F.lit(True).alias("_old"))
    new = now.select(*key, F.lit(True).alias("_new"))
    rows = old.join(new, key, "full").join(told.withColumn("_told", F.lit(True)), key, "full")
    was, is_ = F.col("_old").isNotNull(), F.col("_new").isNotNull()
    expected = F.when(was & ~is_, "exit").when(is_ & ~was, "enter")
    balanced = expected.eqNullSafe(F.col("change")) & (F.col("_told").isNotNull() == (was != is_))
    return rows.withColumn("balanced", balanced).where("_told OR NOT balanced").drop("_old", "_new", "_told")


def tonight(spark: SparkSession, s: Settings) -> DataFrame:
    """What is staged for ds, see `balance`. The first night is held against itself: it has no changes."""
    night, day = changes.last_published(s), f"ds = DATE'{s.ds}'"
    now = delta.read(spark, s.warehouse, AUDIENCE_MEMBERS.staged()).where(day)
    before = delta.read_or_empty(spark, s.warehouse, AUDIENCE_MEMBERS).where(f"ds = DATE'{night}'") if night else now
    before = erasures.with_audiences(before, erasures.leavers(s, night))
    return balance(before, delta.read(spark, s.warehouse, AUDIENCE_CHANGES.staged()).where(day), now)
