"""Who refuses what, by silver.users: the flag of a purpose speaks, and where no record says it, that of marketing."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

Purpose = Literal["marketing", "profiling", "training"]


def refusing(users: DataFrame, purpose: Purpose) -> DataFrame:
    """user_id of those of silver.users who refuse; of whom nothing is said does not."""
    return users.where(~F.coalesce(f"{purpose}_consent", "marketing_consent", F.lit(True))).select("user_id")


def spoken(users: DataFrame, purpose: Purpose, since: date) -> DataFrame:
    """user_id and `consents` of those who refuse, and of those who agree by a file of a day after `since`."""
    own = f"{purpose}_consent"
    flag, of = F.coalesce(own, "marketing_consent"), F.when(F.col(own).isNotNull(), F.lit(own))
    at = F.col("stated")[F.coalesce(of, F.lit("marketing_consent"))]
    day = F.substring(F.regexp_replace(at, "^[^\t]*\t", ""), 1, 10)  # behind a version
    return users.where(~flag | (day > F.lit(str(since)))).select("user_id", flag.alias("consents"))
