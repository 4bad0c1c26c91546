"""Why a user is in his segment, in words: the traits of his that point the way of the segment's."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.segments.portraits import Portraits, value_of
from jobs.segments.traits import Trait

MILLION = 1_000_000
REASONS = 3  # at most, the strongest first


def reasons(portraits: Portraits) -> tuple[Column, Column]:
    """(English, Chinese) the traits of a user of user_features + segment_id that point the way of the segment's.

    Weight of a trait: the user's z-score times the segment's, where both have the same sign. Only the strongest are put
    into words, and no lambda is used: Spark interprets those, and this is most of what a night does for each user.
    """
    base = portraits.base
    traits = sorted((trait for trait in portraits.traits if base[trait.key][1] > 0), key=lambda trait: trait.name)
    if not traits:
        return F.array().cast("array<string>"), F.array().cast("array<string>")
    z_of = {group: portraits.z_scores(group) for group in portraits.means}
    cells = []
    for n, trait in enumerate(traits):
        mean, sd = base[trait.key]
        mine = (value_of(trait) - F.lit(mean)) / F.lit(sd)
        theirs = F.create_map(*[F.lit(x) for g, z in sorted(z_of.items()) for x in (g, float(z[trait.key]) * MILLION)])
        # In whole millionths: doubles are rounded otherwise on each engine, and more steps would be planned for each.
        weight = F.floor(mine * theirs.getItem(F.col("segment_id")) + 0.5)
        cell = F.struct(weight.alias("weight"), F.lit(-n).alias("n"), value_of(trait).alias("value"))
        cells.append(F.when(weight > 0, cell))
    strongest = F.sort_array(F.array(*cells), asc=False)  # nulls last; of equal weights, the first by name

    def words(language: str) -> Column:
        heads, tails = zip(*(_words(trait, base[trait.key][0], language) for trait in traits), strict=True)
        percent = F.array(*[F.lit(_percent(trait)) for trait in traits])
        texts = []
        for place in range(REASONS):
            cell = F.get(strongest, F.lit(place))
            n, value = -cell["n"], cell["value"]
            number = F.when(F.get(percent, n), F.format_number(value * 100, 0)).otherwise(F.format_number(value, 2))
            head, tail = (F.get(F.array(*map(F.lit, ends)), n) for ends in (heads, tails))
            texts.append(F.coalesce(F.concat(head, number, tail), F.lit("")))
        return F.array_remove(F.array(*texts), "")

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
