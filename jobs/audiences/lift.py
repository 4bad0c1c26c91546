"""lift: what addressing an audience changed, measured on those who were held out.

The verb of night ds looks 28 days back: members of that day, treated against holdout, by what they did in the days
after it up to ds. Who is held out a hash says and nobody chooses, so the difference is the effect, whoever in the
treated arm was reached (intention to treat).
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.intervals import Arm, means, rates
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import AUDIENCE_LIFT, AUDIENCE_MEMBERS, AUDIENCES, MONEY, USER_DAILY

WINDOW = 28  # days
_UNEVEN = 0.001  # below this, arms so uneven are no chance


def arms(members: DataFrame, daily: DataFrame) -> DataFrame:
    """One row an audience and arm: audience_id, holdout, users, buyers, spend, squares.

    members: rows of audience_members of one day; daily: rows of user_daily of the days after it.
    """
    bought = daily.where("purchases > 0").groupBy("user_id").agg(F.sum("amount").cast(MONEY).alias("amount"))
    rows = members.join(bought, "user_id", "left")
    return rows.groupBy("audience_id", "holdout").agg(
        F.count("*").alias("users"), F.count("amount").alias("buyers"),
        F.coalesce(F.sum("amount"), F.lit(0)).alias("spend"),
        F.coalesce(F.sum(F.col("amount") * F.col("amount")), F.lit(0)).alias("squares"),
    )  # fmt: skip


def measured(treated: Arm, holdout: Arm, expected: float) -> list[dict]:
    """Rows of ops.audience_lift of an audience less its stamps. expected: share of its members to be held out."""
    from scipy import stats  # a second, which a night without audiences to measure is spared

    uneven = stats.binomtest(holdout.users, treated.users + holdout.users, expected).pvalue
    rows = []
    for measure, total, interval in (("purchase_rate", "buyers", rates), ("spend", "spend", means)):
        one, other = (getattr(arm, total) / arm.users if arm.users else None for arm in (treated, holdout))
        both = one is not None and other is not None
        low, high = interval(treated, holdout) or (None, None)
        rows.append({
            "measure": measure, "treated_users": treated.users, "holdout_users": holdout.users, "treated": one,
            "holdout": other, "difference": one - other if both else None, "low": low, "high": high,
            "lift": (one - other) / other if both and other else None, "expected_holdout": expected,
            "ratio_p": float(uneven), "ratio_ok": bool(uneven >= _UNEVEN),
        })  # fmt: skip
    return rows


def run(spark: SparkSession, s: Settings) -> str:
    """Measure the audiences of 28 days before ds; DataError where ds is not loaded."""
    day = s.ds - timedelta(days=WINDOW)
    some = f"ds = '{day}' AND holdout_share > 0 AND size > 0"
    audiences = delta.rows(s.warehouse, AUDIENCES, some, "audience_id, holdout_share")
    if not audiences:
        return f"no audience with a holdout was published as of {day}: nothing to measure"
    if not delta.rows(s.warehouse, USER_DAILY, f"ds = '{s.ds}' LIMIT 1", "ds"):
        raise DataError(f"expected the days {day}..{s.ds} in gold.user_daily, found none of {s.ds}; load it first")
    members = delta.read(spark, s.warehouse, AUDIENCE_MEMBERS).where(f"ds = DATE'{day}'")
    members = members.select("audience_id", "user_id", "holdout")
    daily = delta.read(spark, s.warehouse, USER_DAILY).where(delta.ds_range(day + timedelta(days=1), s.ds))
    counted = arms(members, daily.select("user_id", "purchases", "amount")).collect()
    by_arm = {(row["audience_id"], row["holdout"]): Arm(*row[2:4], *map(float, row[4:])) for row in counted}
    rows = []
    for audience in audiences:
        name = audience["audience_id"]
        treated, holdout = (by_arm.get((name, held), Arm(0, 0, 0.0, 0.0)) for held in (False, True))
        stamp = {"ds": day, "audience_id": name, "run_id": s.run_id}
        rows += [stamp | row for row in measured(treated, holdout, audience["holdout_share"])]
    delta.replace_rows(rows, s.warehouse, AUDIENCE_LIFT, f"ds = '{day}'")
    uneven = sorted({row["audience_id"] for row in rows if not row["ratio_ok"]})
    line = f"{len(audiences)} audiences of {day}"
    return line + (f"; arms uneven beyond chance: {', '.join(uneven)}" if uneven else "")
