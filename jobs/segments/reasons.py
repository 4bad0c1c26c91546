"""Why a user is in his segment, in words: the traits of his that point the way of the segment's."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.segments.portraits import Portraits, value_of
from jobs.segments.traits import Trait

MILLION = 1_000_000
REASONS = 3  # at most, the strongest first


def with_reasons(members: DataFrame, portraits: Portraits) -> DataFrame:
    """`members` (user_features + segment_id) with reasons and reasons_zh: the traits of the user that point the way of
    his segment's.

    Weight of a trait: the user's z-score times the segment's, where both have the same sign. Only the strongest are put
    into words, and no lambda is used: Spark interprets those, and this is most of what a night does for each user.
    """
    base = portraits.base
    traits = sorted((trait for trait in portraits.traits if base[trait.key][1] > 0), key=lambda trait: trait.name)
    if not traits:
        nothing = F.array().cast("array<string>")
        return members.withColumns({"reasons": nothing, "reasons_zh": nothing})
    # Step by step: Sail would write what is used often as often into its plan, and take seconds to read that.
    valued = members.withColumns({f"_value{n}": value_of(trait) for n, trait in enumerate(traits)})
    ordered = valued.withColumn("_strongest", _strongest(portraits, traits))
    chosen = ordered.withColumns({f"_chosen{k}": F.get("_strongest", F.lit(k)) for k in range(REASONS)})
    texts = {"reasons": _texts(portraits, traits, "en"), "reasons_zh": _texts(portraits, traits, "zh")}
    return chosen.select(*members.columns, *[text.alias(name) for name, text in texts.items()])


def _strongest(portraits: Portraits, traits: list[Trait]) -> Column:
    """Of a row with _value0.. of the traits: those that count, as (weight, -place of the trait, value), and nulls."""
    z_of = {group: portraits.z_scores(group) for group in portraits.means}
    cells = []
    for n, trait in enumerate(traits):
        mean, sd = portraits.base[trait.key]
        mine = (F.col(f"_value{n}") - F.lit(mean)) / F.lit(sd)
        theirs = F.create_map(*[F.lit(x) for g, z in sorted(z_of.items()) for x in (g, float(z[trait.key]) * MILLION)])
        # In whole millionths: doubles are rounded otherwise on each engine, and more steps would be planned for each.
        weight = F.floor(mine * theirs.getItem(F.col("segment_id")) + 0.5)
        cell = F.struct(weight.alias("weight"), F.lit(-n).alias("n"), F.col(f"_value{n}").alias("value"))
        cells.append(F.when(weight > 0, cell))
    return F.sort_array(F.array(*cells), asc=False)  # nulls last; of equal weights, the first by name


def _texts(portraits: Portraits, traits: list[Trait], language: str) -> Column:
    """The words for _chosen0.. of a row, the strongest first."""
    heads, tails = zip(*(_words(trait, portraits.base[trait.key][0], language) for trait in traits), strict=True)
    percent = F.array(*[F.lit(_percent(trait)) for trait in traits])
    texts = []
    for place in range(REASONS):
        n, value = -F.col(f"_chosen{place}.n"), F.col(f"_chosen{place}.value")
        number = F.when(F.get(percent, n), F.format_number(value * 100, 0)).otherwise(F.format_number(value, 2))
        head, tail = (F.get(F.array(*map(F.lit, ends)), n) for ends in (heads, tails))
        texts.append(F.coalesce(F.concat(head, number, tail), F.lit("")))
    return F.array_remove(F.array(*texts), "")


def _percent(trait: Trait) -> bool:
    return trait.percent or trait.theme == "taste"


def _words(trait: Trait, base: float, language: str) -> tuple[str, str]:
    """What is said before and after the user's number."""
    others = f"{base * 100:,.0f}%" if _percent(trait) else f"{base:,.2f}"
    unit = "%" if _percent(trait) else ""
    if language == "zh":
        return f"{trait.name_zh} ", f"{unit}（全体平均 {others}）"
    return f"{trait.name} ", f"{unit} (all users {others})"
