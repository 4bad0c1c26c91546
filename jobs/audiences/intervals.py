"""95 % intervals of a share, and of what two groups of users differ by.

scipy.stats takes most of a second to import: only who asks for an interval pays it.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

LEVEL = 0.95

Interval = tuple[float, float]


class Arm(NamedTuple):
    """Members treated or held out: how many, how many of them bought, their money and the sum of its squares."""

    users: int
    buyers: int
    spend: float
    squares: float

    @property
    def variance(self) -> float:
        """Of the mean of money a user."""
        return max(self.squares - self.spend**2 / self.users, 0.0) / (self.users - 1) / self.users


def share(hits: int, users: int, population: int | None = None) -> Interval:
    """Of a share of which `hits` among `users` were seen (Wilson, 1927).

    population: how many there are in all, where `users` were drawn from them without replacement. Such draws vary less,
    by (population - users) / (population - 1); Wilson's interval reads z^2 / users alone, so z shrinks by its root.
    """
    from scipy import stats

    level = LEVEL
    if population is not None:
        z = stats.norm.isf((1 - LEVEL) / 2) * sqrt((population - users) / (population - 1))
        level = 1 - 2 * stats.norm.sf(z)
    low, high = stats.binomtest(hits, users).proportion_ci(level, method="wilson")
    return float(low), float(high)


def rates(one: Arm, other: Arm) -> Interval | None:
    """Of the difference of two purchase rates (Newcombe, Statistics in Medicine 1998, method 10); None without users in
    both arms.
    """
    if not (one.users and other.users):
        return None
    p, q = one.buyers / one.users, other.buyers / other.users
    (p_low, p_high), (q_low, q_high) = share(one.buyers, one.users), share(other.buyers, other.users)
    return p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2), p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)


def means(one: Arm, other: Arm) -> Interval | None:
    """Of the difference of two means of money a user, of unequal variances (Welch, 1947); None with fewer than two
    users in an arm.
    """
    from scipy import stats

    if min(one.users, other.users) < 2:
        return None
    middle, spread = one.spend / one.users - other.spend / other.users, one.variance + other.variance
    if not spread:
        return middle, middle
    freedom = spread**2 / sum(arm.variance**2 / (arm.users - 1) for arm in (one, other))
    low, high = stats.t.interval(LEVEL, freedom, middle, sqrt(spread))
    return float(low), float(high)
