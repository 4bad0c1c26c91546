"""How large an audience is, told from a sample of the users, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import sqrt

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.chance import Chance

METHOD = "Wilson score interval, 95 %, corrected for a finite population"
_SHARE, _LEAST = 0.05, 1000  # of the users, and users
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """Users, and the interval that holds the true number in 95 of 100 samples."""

    size: float
    low: float
    high: float


def sample_share(users: int) -> float:
    """A twentieth of the users, but a thousand of them where there are so many."""
    return min(1.0, max(_SHARE, _LEAST / max(users, 1)))


def sampled(ds: date, share: float) -> Column:
    """Whether a row (user_id) is in the night's sample: the same users whenever it is asked, others every night."""
    return Chance(0).happens(share, "audience sample", F.lit(str(ds)), "user_id")


def estimate(hits: int, sample: int, users: int) -> Estimate:
    """The size of an audience of which `hits` members are among `sample` of `users` users, drawn without replacement.

    Wilson (1927), with n in place of the sample's size such that the variance is that of draws without replacement:
    n = sample (users - 1) / (users - sample). Never less than the members seen, nor more than who was not seen outside.
    """
    if not sample:
        return Estimate(0.0, 0.0, float(users))
    if sample >= users:
        return Estimate(float(hits), float(hits), float(hits))
    share, n = hits / sample, sample * (users - 1) / (users - sample)
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = users * (middle - half), users * (middle + half)
    return Estimate(share * users, max(low, float(hits)), min(high, float(users - (sample - hits))))
