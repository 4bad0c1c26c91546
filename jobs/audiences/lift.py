"""lift: what addressing an audience changed, measured on those who were held out.

The verb of night ds looks 28 days back: members of that day, treated against holdout, by what they did in the days
after it up to ds. Who is held out a hash says and nobody chooses, so the difference is the effect, whoever in the
treated arm was reached (intention to treat).
"""

from __future__ import annotations

from datetime import timedelta
from math import sqrt
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import stats

from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import AUDIENCE_LIFT, AUDIENCE_MEMBERS, AUDIENCES, MONEY, USER_DAILY

WINDOW = 28  # days
_LEVEL = 0.95
_UNEVEN = 0.001  # below this, arms so uneven are no chance


class Arm(NamedTuple):
    """Members treated or held out: how many, how many of them bought, their money and the sum of its squares."""

    users: int
    buyers: int
    spend: float
    squares: float


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


def wilson(hits: int, users: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    z = stats.norm.ppf((1 + _LEVEL) / 2)
    share, square = hits / users, z * z / users
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * sqrt(share * (1 - share) / users + square / (4 * users))
    return middle - half, middle + half


def rates(one: Arm, other: Arm) -> tuple[float, float] | None:
    """95 % interval of the difference of two purchase rates (Newcombe, Statistics in Medicine 1998, method 10)."""
    if not (one.users and other.users):
        return None
    p, q = one.buyers / one.users, other.buyers / other.users
    (p_low, p_high), (q_low, q_high) = wilson(one.buyers, one.users), wilson(other.buyers, other.users)
    return p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2), p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)


def means(one: Arm, other: Arm) -> tuple[float, float] | None:
    """95 % interval of the difference of two means of money a user, of unequal variances (Welch, 1947)."""
    if min(one.users, other.users) < 2:
        return None
    parts = [max(a.squares - a.spend**2 / a.users, 0.0) / (a.users - 1) / a.users for a in (one, other)]
    middle, spread = one.spend / one.users - other.spend / other.users, sum(parts)
    if not spread:
        return middle, middle
    freedom = spread**2 / sum(v * v / (a.users - 1) for v, a in zip(parts, (one, other), strict=True))
    half = stats.t.ppf((1 + _LEVEL) / 2, freedom) * sqrt(spread)
    return middle - half, middle + half


def measured(treated: Arm, holdout: Arm, expected: float) -> list[dict]:
    """Rows of ops.audience_lift of an audience less its stamps. expected: share of its members to be held out."""
    uneven = stats.binomtest(holdout.users, treated.users + holdout.users, expected).pvalue
    found = []
    for measure, total, interval in (("purchase_rate", "buyers", rates), ("spend", "spend", means)):
        one, other = (getattr(arm, total) / arm.users if arm.users else None for arm in (treated, holdout))
        both = one is not None and other is not None
        low, high = interval(treated, holdout) or (None, None)
        found.append({
            "measure": measure, "treated_users": treated.users, "holdout_users": holdout.users, "treated": one,
            "holdout": other, "difference": one - other if both else None, "low": low, "high": high,
            "lift": (one - other) / other if both and other else None, "expected_holdout": expected,
            "ratio_p": float(uneven), "ratio_ok": bool(uneven >= _UNEVEN),
        })  # fmt: skip
    return found


def run(spark: SparkSession, s: Settings) -> str:
    """Measure the audiences of 28 days before ds; DataError where ds is not loaded."""
    day = s.ds - timedelta(days=WINDOW)
    some = f"ds = '{day}' AND holdout_share > 0 AND size > 0"
    known = delta.rows(s.warehouse, AUDIENCES, some, "audience_id, holdout_share")
    if not known:
        return f"no audience with a holdout was published as of {day}: nothing to measure"
    if not delta.rows(s.warehouse, USER_DAILY, f"ds = '{s.ds}' LIMIT 1", "ds"):
        raise DataError(f"expected the days {day}..{s.ds} in gold.user_daily, found none of {s.ds}; load it first")
    members = delta.read(spark, s.warehouse, AUDIENCE_MEMBERS).where(f"ds = DATE'{day}'")
    members = members.select("audience_id", "user_id", "holdout")
    daily = delta.read(spark, s.warehouse, USER_DAILY).where(delta.ds_range(day + timedelta(days=1), s.ds))
    counted = arms(members, daily.select("user_id", "purchases", "amount")).collect()
    of = {(row["audience_id"], row["holdout"]): Arm(*row[2:4], *map(float, row[4:])) for row in counted}
    none = Arm(0, 0, 0.0, 0.0)
    rows = [
        {"ds": day, "audience_id": one["audience_id"], "run_id": s.run_id} | found
        for one in known
        for found in measured(
            of.get((one["audience_id"], False), none), of.get((one["audience_id"], True), none), one["holdout_share"]
        )
    ]
    delta.replace_rows(rows, s.warehouse, AUDIENCE_LIFT, f"ds = '{day}'")
    uneven = sorted({row["audience_id"] for row in rows if not row["ratio_ok"]})
    return f"{len(known)} audiences of {day}" + (f"; arms uneven beyond chance: {', '.join(uneven)}" if uneven else "")
