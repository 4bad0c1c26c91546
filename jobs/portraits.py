"""What sets a segment apart, and why a user is in it: means and z-scores of readable traits against the whole base."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.traits import Trait

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


def _moments(traits: list[Trait]) -> list[Column]:
    # Rounded to micro-units and summed as decimals: the order of a shuffle cannot show in the result.
    cells = []
    for n, trait in enumerate(traits):
        value = F.round(value_of(trait), 6).cast("decimal(20,6)")
        cells += [
            F.count(value).alias(f"n{n}"),
            F.sum(value).cast("double").alias(f"s{n}"),
            F.sum((value * value).cast("decimal(38,6)")).cast("double").alias(f"q{n}"),
        ]
    return cells


def base_statistics(features: DataFrame, traits: list[Trait]) -> dict[str, tuple[float, float]]:
    """(mean, standard deviation) of each trait over all users; (0, 0) where nobody has it."""
    row = features.agg(*_moments(traits)).first()
    found = {}
    for n, trait in enumerate(traits):
        count = row[f"n{n}"]
        mean = row[f"s{n}"] / count if count else 0.0
        variance = max(row[f"q{n}"] / count - mean * mean, 0.0) if count else 0.0
        found[trait.key] = (mean, variance**0.5)
    return found


def group_means(members: DataFrame, traits: list[Trait]) -> dict[int, dict[str, float]]:
    """Mean of each trait in each segment of `members` (user_features with segment_id)."""
    rows = members.groupBy("segment_id").agg(*_moments(traits)).collect()
    return {
        row["segment_id"]: {t.key: row[f"s{n}"] / row[f"n{n}"] if row[f"n{n}"] else 0.0 for n, t in enumerate(traits)}
        for row in rows
    }


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
