"""How large an audience is, told from a sample of the users, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.audiences import intervals
from jobs.chance import Chance

METHOD = "Wilson score interval, 95 %, corrected for a finite population"
_SHARE, _LEAST = 0.05, 10_000  # of the users, and users: to ask fewer saves hardly any time


@dataclass(frozen=True, slots=True)
class Estimate:
    """Users, and the interval that holds the true number in 95 of 100 samples."""

    size: float
    low: float
    high: float


def sample_share(users: int) -> float:
    """A twentieth of the users, but ten thousand of them where there are so many."""
    return min(1.0, max(_SHARE, _LEAST / max(users, 1)))


def sampled(ds: date, share: float) -> Column:
    """Whether a row (user_id) is in the night's sample: the same users whenever it is asked, others every night."""
    return Chance(0).happens(share, "audience sample", F.lit(str(ds)), "user_id")


def estimate(hits: int, sample: int, users: int) -> Estimate:
    """The size of an audience of which `hits` members are among `sample` of `users` users, drawn without replacement.

    Never less than the members seen, nor more than who was not seen outside.
    """
    if not sample:
        return Estimate(0.0, 0.0, float(users))
    if sample >= users:
        return Estimate(float(hits), float(hits), float(hits))
    low, high = intervals.share(hits, sample, users)
    return Estimate(
        hits / sample * users, max(users * low, float(hits)), min(users * high, float(users - (sample - hits)))
    )
