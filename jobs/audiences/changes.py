"""Who entered and left which audience between two published nights, and why: told by asking again, not guessed.

A change is put down to the first of these that explains it:
1. erasure: he was erased (told by the subject of ops.erasures).
   consent: he leaves and refuses to be profiled, or to be addressed where the audience asks for that; or he comes and
   refused it on the last night.
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

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import segments
from jobs.audiences.members import CONSENT, has
from jobs.lake import delta, erasures
from jobs.settings import Settings
from jobs.tables import AUDIENCE_CHANGES, AUDIENCE_MEMBERS


def changed(nights: DataFrame, gone: Sequence[dict] = ()) -> DataFrame:
    """One row a change: user_id, audience_id, change (enter, exit) and cause.

    nights: one row a user of either night. here: he is there tonight; now, now_out: see `members.evaluate`;
    _since, _held, _refused: see `members.BESIDE`; refuses, agrees: to be profiled, since the last night; corrected:
    audiences of the last night as it is known tonight, null where nothing came late; same_rules: by the last night's
    rules (null: as now); same_model: by them, put back (null: as same_rules); moved_by: see `counterfactual.put_back`.
    gone: see `erasures.leavers`, in `nights` as their subjects.
    """
    nobody = F.array().cast("array<string>")
    now, was = F.coalesce("now", nobody), F.coalesce(F.map_keys("_since"), nobody)
    differ = F.array_union(F.array_except(now, was), F.array_except(was, now))
    rows = nights.where(F.size(differ) > 0).withColumn("audience_id", F.explode(differ))
    rules = F.coalesce("same_rules", "now")
    rows = rows.withColumns({"same_rules": rules, "same_model": F.coalesce("same_model", rules)})

    def within(array: str) -> Column:
        return has(array, F.col("audience_id"))

    enters = within("now")
    suppressed = F.when(enters, within("_held")).otherwise(within("now_out.audience_id"))
    kept_out = F.try_element_at(F.map_from_entries("now_out"), F.col("audience_id"))
    refuses = F.when(F.col("here"), kept_out == CONSENT).otherwise(F.col("refuses"))
    cause = (
        F.when(F.when(enters, within("_refused") | F.coalesce("agrees", F.lit(False))).otherwise(refuses), CONSENT)
        .when(~F.col("here"), erasures.cause_of_exit(gone))
        .when(F.col("corrected").isNotNull() & (within("corrected") == enters), "late data")
        .when(suppressed, "suppression")
        .when(within("same_model") == enters, "behaviour")
        .when(within("same_rules") == enters, F.coalesce("moved_by", F.lit("model")))
        .otherwise("rule")
    )
    change = F.when(enters, "enter").otherwise("exit")
    return rows.select("user_id", "audience_id", change.alias("change"), cause.alias("cause"))


def balance(before: DataFrame, changes: DataFrame, now: DataFrame) -> DataFrame:
    """Rows of gold.audience_changes held against the two nights that they lead from and to, see `segments.balance`.

    before, now: audience_id and user_id of the two nights.
    """
    inside = F.lit(True)
    old, new = (frame.withColumn("_state", inside) for frame in (before, now))
    moves = changes.withColumns({
        "_from": F.when(F.col("change") == "exit", inside), "_to": F.when(F.col("change") == "enter", inside),
    })  # fmt: skip
    return segments.balance(old, moves, new, ["audience_id", "user_id"])


def tonights_changes(spark: SparkSession, s: Settings) -> DataFrame:
    """The changes that are staged for ds, see `balance`."""
    before, now = segments.both_nights(spark, s, AUDIENCE_MEMBERS, erasures.with_audiences)
    return balance(before, delta.read(spark, s.warehouse, AUDIENCE_CHANGES.staged()).where(f"ds = DATE'{s.ds}'"), now)
