"""What sets a segment apart: means and z-scores of readable traits against the whole base."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.lake.engine import columns as engine_columns
from jobs.segments.traits import Trait

_MOST = 1e11  # a larger value counts as this, so that no sum of squares overflows
_PARTS = {"s": (1, 10**6), "q": (2**20, 10**5)}  # high and unit of sums, and of sums of squares


def value_of(trait: Trait) -> Column:
    """The trait of a row of user_features; an absent department share is 0."""
    if trait.key.startswith("dept:"):
        share = F.col("department_shares_365d").getItem(trait.key.removeprefix("dept:"))
        return F.when(F.col("department_shares_365d").isNotNull(), F.coalesce(share, F.lit(0.0)))
    return F.col(trait.key).cast("double")


def columns(traits: list[Trait]) -> set[str]:
    """The columns of user_features that the traits are read from."""
    return {"department_shares_365d" if trait.key.startswith("dept:") else trait.key for trait in traits}


@dataclass(frozen=True, slots=True)
class Moments:
    """Of a trait in a segment: users who have it, the sum of their values, and of the squares."""

    users: int
    total: Fraction
    squares: Fraction

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.users + other.users, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        return float(self.total / self.users) if self.users else 0.0

    @property
    def deviation(self) -> float:
        if not self.users:
            return 0.0
        variance = self.squares / self.users - (self.total / self.users) ** 2
        return float(max(variance, Fraction(0))) ** 0.5


def _in_two(value: Column, high: int, unit: int, name: str) -> list[Column]:
    """The sum of values, exact: of multiples of `high`, and of the rest in 1/unit."""
    times = F.floor(value / high)
    rest = engine_columns.whole((value - times.cast("double") * high) * unit)  # a square is beyond whole numbers
    return [F.sum(times).alias(f"{name}_high"), F.sum(rest).alias(f"{name}_rest")]


def _summed(row: Row, high: int, unit: int, name: str) -> Fraction:
    return (row[f"{name}_high"] or 0) * high + Fraction(row[f"{name}_rest"] or 0, unit)


def moments(members: DataFrame, traits: list[Trait]) -> dict[int, dict[str, Moments]]:
    """By segment of `members` (user_features with segment_id), moments by trait.

    Summed as whole numbers in two parts, so that neither the order of a shuffle shows nor a large sum overflows;
    decimals would do the same at ten times the time.
    """
    cells = []
    for n, trait in enumerate(traits):
        value = value_of(trait)
        value = F.when(value.isNotNull(), F.greatest(F.least(value, F.lit(_MOST)), F.lit(-_MOST)))
        cells += [F.count(value).alias(f"n{n}"), *_in_two(value, *_PARTS["s"], f"s{n}")]
        cells += _in_two(value * value, *_PARTS["q"], f"q{n}")
    rows = members.groupBy("segment_id").agg(*cells).collect()
    return {
        row["segment_id"]: {
            trait.key: Moments(row[f"n{n}"], *(_summed(row, *_PARTS[part], f"{part}{n}") for part in _PARTS))
            for n, trait in enumerate(traits)
        }
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class Portraits:
    """Every segment of a night by its traits.

    base: (mean, standard deviation) of each trait over all users; (0, 0) where nobody has it; means: of each trait, by
    segment; that of all where most of the segment have none, such as a price level of users who bought nothing.
    """

    traits: list[Trait]
    base: dict[str, tuple[float, float]]
    means: dict[int, dict[str, float]]

    @classmethod
    def of(cls, members: DataFrame, traits: list[Trait]) -> Portraits:
        """Of rows of user_features with segment_id."""
        by_segment, nobody = moments(members, traits), Moments(0, Fraction(0), Fraction(0))
        base = {t.key: sum((segment[t.key] for segment in by_segment.values()), nobody) for t in traits}
        means = {}
        for group, segment in by_segment.items():
            most = max((trait.users for trait in segment.values()), default=0)
            means[group] = {key: (t if 2 * t.users >= most else base[key]).mean for key, t in segment.items()}
        return cls(traits, {key: (trait.mean, trait.deviation) for key, trait in base.items()}, means)

    def z_scores(self, group: int) -> dict[str, float]:
        """How far a segment's means lie from the base, in standard deviations of users."""
        means = self.means[group]
        return {key: (means[key] - mean) / sd if sd > 0 else 0.0 for key, (mean, sd) in self.base.items()}

    def table(self, group: int) -> list[dict]:
        """The structs of gold.segments.traits, strongest first; lift is null where the base has none of the trait."""
        means, z = self.means[group], self.z_scores(group)
        rows = [
            {
                "feature": t.key, "name": t.name, "name_zh": t.name_zh,
                "value": round(means[t.key], 6), "base": round(self.base[t.key][0], 6), "z": round(z[t.key], 4),
                "lift": round(means[t.key] / self.base[t.key][0], 4) if self.base[t.key][0] else None,
            }
            for t in self.traits
        ]  # fmt: skip
        return sorted(rows, key=lambda row: (-abs(row["z"]), row["feature"]))
