"""What sets a segment apart, and why a user is in it: means and z-scores of readable traits against the whole base."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.lake.engine import columns as engine_columns
from jobs.segments.traits import Trait

# A trait of the user counts as a reason where it points the way of the segment's, this strongly.
REASONS = 3


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
    rest = engine_columns.whole((value - times * high) * unit)
    return [F.sum(times).alias(f"{name}_high"), F.sum(rest).alias(f"{name}_rest")]


def _summed(row: Row, high: int, unit: int, name: str) -> Fraction:
    return (row[f"{name}_high"] or 0) * high + Fraction(row[f"{name}_rest"] or 0, unit)


PARTS = {"s": (1, 10**6), "q": (2**20, 10**5)}  # high and unit of sums, and of sums of squares


def moments(members: DataFrame, traits: list[Trait]) -> dict[int, dict[str, Moments]]:
    """By segment of `members` (user_features with segment_id), moments by trait.

    Summed as whole numbers in two parts, so that neither the order of a shuffle shows nor a large sum overflows;
    decimals would do the same at ten times the time.
    """
    cells = []
    for n, trait in enumerate(traits):
        value = value_of(trait)
        cells += [F.count(value).alias(f"n{n}"), *_in_two(value, *PARTS["s"], f"s{n}")]
        cells += _in_two(value * value, *PARTS["q"], f"q{n}")
    rows = members.groupBy("segment_id").agg(*cells).collect()
    return {
        row["segment_id"]: {
            trait.key: Moments(row[f"n{n}"], *(_summed(row, *PARTS[part], f"{part}{n}") for part in PARTS))
            for n, trait in enumerate(traits)
        }
        for row in rows
    }


def base_statistics(of_groups: dict[int, dict[str, Moments]], traits: list[Trait]) -> dict[str, tuple[float, float]]:
    """(mean, standard deviation) of each trait over all users; (0, 0) where nobody has it."""
    nobody = Moments(0, Fraction(0), Fraction(0))
    whole = {t.key: sum((of[t.key] for of in of_groups.values()), nobody) for t in traits}
    return {key: (of.mean, of.deviation) for key, of in whole.items()}


def group_means(of_groups: dict[int, dict[str, Moments]]) -> dict[int, dict[str, float]]:
    """Mean of each trait in each segment."""
    return {group: {key: one.mean for key, one in of.items()} for group, of in of_groups.items()}


def z_scores(means: dict[str, float], base: dict[str, tuple[float, float]]) -> dict[str, float]:
    """How far a segment's means lie from the base, in standard deviations of users."""
    return {key: (means[key] - mean) / sd if sd > 0 else 0.0 for key, (mean, sd) in base.items()}


def trait_table(means: dict[str, float], base: dict[str, tuple[float, float]], traits: list[Trait]) -> list[dict]:
    """The structs of gold.segments.traits, strongest first; lift is null where the base has none of the trait."""
    z = z_scores(means, base)
    rows = [
        {
            "feature": t.key, "name": t.name, "name_zh": t.name_zh,
            "value": round(means[t.key], 6), "base": round(base[t.key][0], 6), "z": round(z[t.key], 4),
            "lift": round(means[t.key] / base[t.key][0], 4) if base[t.key][0] else None,
        }
        for t in traits
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-abs(row["z"]), row["feature"]))


def reasons(
    traits: list[Trait], base: dict[str, tuple[float, float]], groups: dict[int, dict[str, float]]
) -> tuple[Column, Column]:
    """(English, Chinese) the traits of a user of user_features + segment_id that point the way of the segment's.

    Weight of a trait: the user's z-score times the segment's, where both have the same sign. Only the strongest are put
    into words, and no lambda is used: Spark interprets those, and this is most of what a night does for each user.
    """
    told = sorted((trait for trait in traits if base[trait.key][1] > 0), key=lambda trait: trait.name)
    if not told:
        return F.array().cast("array<string>"), F.array().cast("array<string>")
    z_of = {group: z_scores(means, base) for group, means in groups.items()}
    cells = []
    for n, trait in enumerate(told):
        mean, sd = base[trait.key]
        mine = (value_of(trait) - F.lit(mean)) / F.lit(sd)
        theirs = F.create_map(*[F.lit(x) for g, z in sorted(z_of.items()) for x in (g, float(z[trait.key]))])
        weight = F.round(mine * theirs.getItem(F.col("segment_id")), 6)
        cell = F.struct(weight.alias("weight"), F.lit(-n).alias("n"), value_of(trait).alias("value"))
        cells.append(F.when(weight > 0, cell))
    strongest = F.sort_array(F.array(*cells), asc=False)  # nulls last; of equal weights, the first by name

    def words(language: str) -> Column:
        heads, tails = zip(*(_words(trait, base[trait.key][0], language) for trait in told), strict=True)
        percent = F.array(*[F.lit(_percent(trait)) for trait in told])
        said = []
        for place in range(REASONS):
            cell = F.get(strongest, F.lit(place))
            n, value = -cell["n"], cell["value"]
            number = F.when(F.get(percent, n), F.format_number(value * 100, 0)).otherwise(F.format_number(value, 2))
            head, tail = (F.get(F.array(*map(F.lit, texts)), n) for texts in (heads, tails))
            said.append(F.coalesce(F.concat(head, number, tail), F.lit("")))
        return F.array_remove(F.array(*said), "")

    return words("en"), words("zh")


def _percent(trait: Trait) -> bool:
    return trait.percent or trait.theme == "taste"


def _words(trait: Trait, base: float, language: str) -> tuple[str, str]:
    """What is said before and after the user's number."""
    others = f"{base * 100:,.0f}%" if _percent(trait) else f"{base:,.2f}"
    unit = "%" if _percent(trait) else ""
    if language == "zh":
        return f"{trait.name_zh} ", f"{unit}（全体平均 {others}）"
    return f"{trait.name} ", f"{unit} (all users {others})"
