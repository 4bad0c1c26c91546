"""Tags (标签) of a user, of the three kinds that Chinese practice tells apart, and how many users each one covers."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.language import words
from jobs.segments.rules import Tags

LARGE_BASKET = "large basket"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that a user has where `rule` holds. statistical: a measured fact; rule: a line that somebody drew.

    name: in English, by which conf/languages have it.
    """

    kind: str
    name: str
    rule: Column

    @property
    def name_zh(self) -> str:
        return words("zh").tags[self.name]


def known(rules: Tags) -> list[Tag]:
    """Every tag but the mined one, in a fixed order; rules are over rows of user_profiles being built. Nobody has a
    large basket where `big_basket` is null.
    """

    def statistical(name: str, rule: Column) -> Tag:
        return Tag("statistical", name, rule)

    def ruled(name: str, rule: Column) -> Tag:
        return Tag("rule", name, rule)

    tier, hours = F.col("price_tier"), F.col("active_hours")
    large = F.lit(False) if rules.big_basket is None else F.col("basket_value_365d") >= rules.big_basket
    return [
        statistical("budget choices", tier == "budget"),
        statistical("premium choices", tier == "premium"),
        statistical("morning shopper", hours == "morning"),
        statistical("afternoon shopper", hours == "afternoon"),
        statistical("evening shopper", hours == "evening"),
        ruled(LARGE_BASKET, large),
        ruled("deal seeker", F.col("discount_share_365d") >= rules.deal_share),
        ruled("spend growing", F.col("trend_28d") >= rules.growing),
        ruled("spend fading", F.col("trend_28d") <= rules.fading),
        ruled("weekend shopper", F.col("weekend_share_365d") >= 0.5),
        ruled("night shopper", F.col("night_share_365d") >= 0.25),
        ruled("leaves carts", F.col("cart_abandonment_28d") >= 0.7),
        ruled("often returns", F.col("refund_share_365d") >= 0.1),
        ruled("win back", F.col("lifecycle_stage").isin("slipping", "dormant")),
    ]


def with_big_basket(rules: Tags, own: float | None, features: DataFrame) -> Tags:
    """`rules` with the line of a large basket: the source's `own`, else the one of conf/profiles.yaml, else what the
    highest `large_share` of buyers spend an order, by `features` of the night (null where nobody bought).
    """
    line = own or rules.big_basket
    if line is None:
        spent = F.percentile("basket_value_365d", F.lit(1 - rules.large_share))
        line = features.agg(F.floor(spent * 10_000) / 10_000).first()[0]
    return rules.model_copy(update={"big_basket": line})


def columns(rules: Tags) -> tuple[Column, Column]:
    """(English, Chinese) tags of a row: those of `known` that hold, then the mined one, the name of its segment."""
    english = [F.when(tag.rule, F.lit(tag.name)) for tag in known(rules)]
    chinese = [F.when(tag.rule, F.lit(tag.name_zh)) for tag in known(rules)]
    return (
        F.array_compact(F.array(*english, F.col("segment_name"))),
        F.array_compact(F.array(*chinese, F.col("segment_name_zh"))),
    )


def coverage(
    profiles: DataFrame, total: int, before: dict[str, float], names: list[tuple[str, str]], rules: Tags
) -> list[dict]:
    """Rows of gold.tags less the stamps, one a tag, also where nobody has it.

    profiles: rows of user_profiles of `total` users; before: the coverage on the last night; names: of the segments.
    """
    counted = profiles.select(F.explode("tags").alias("tag")).groupBy("tag").agg(F.count("*").alias("users"))
    users = {row["tag"]: row["users"] for row in counted.collect()}
    tags = [(tag.kind, tag.name, tag.name_zh) for tag in known(rules)] + [("mined", *name) for name in names]
    return [
        {"tag": name, "tag_zh": name_zh, "kind": kind, "kind_zh": words("zh").tag_kinds[kind],
         "users": users.get(name, 0), "coverage": users.get(name, 0) / total, "previous_coverage": before.get(name),
         "line": rules.big_basket if name == LARGE_BASKET else None}
        for kind, name, name_zh in tags
    ]  # fmt: skip
