"""The portrait of a user: lifecycle stage, RFM class, tiers, what is expected of him. Lines: conf/profiles.yaml.

Stage and class have hysteresis: the border to leave one lies behind the border to enter it, so that nobody flaps at a
border from night to night. The last published night's stage and class are an input: the same night after the same
night gives the same rows, whenever it is run. A user without a night before is held against the borders to enter.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.chance import Chance
from jobs.errors import UsageError
from jobs.segments import tags
from jobs.sources.spec import CONF


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Border(_Strict):
    """Where a stage begins for who is not in it, and where it ends for who is."""

    enter: int
    leave: int


class Longest(Border):
    """Of days since the last purchase: the most that a stage allows."""

    @model_validator(mode="after")
    def _wider(self) -> Longest:
        if self.leave < self.enter:
            raise ValueError(f"expected leave of at least enter ({self.enter}) days, found {self.leave}")
        return self


class Least(Border):
    """Of orders: the fewest that a stage asks for."""

    @model_validator(mode="after")
    def _wider(self) -> Least:
        if self.leave > self.enter:
            raise ValueError(f"expected leave of at most enter ({self.enter}) orders, found {self.leave}")
        return self


class Lifecycle(_Strict):
    new_days: int
    active_days: Longest
    loyal_orders_90d: Least
    slipping_days: Longest
    dormant_days: Longest

    @model_validator(mode="after")
    def _ascending(self) -> Lifecycle:
        borders = [self.active_days, self.slipping_days, self.dormant_days]
        if any(low.leave >= high.enter for low, high in pairwise(borders)):
            raise ValueError("expected leave of active_days < enter of slipping_days, and so on to dormant_days")
        return self


class Segments(_Strict):
    margin: float = Field(ge=0, lt=0.5)


class Rfm(_Strict):
    margin: float = Field(ge=0, lt=0.1)


class PriceTier(_Strict):
    budget_below: float
    premium_above: float


class Holdout(_Strict):
    """Users whom no campaign addresses; another salt draws others."""

    share: float = Field(0.0, ge=0, le=0.5)
    salt: str = ""


class Lines(_Strict):
    """conf/profiles.yaml."""

    segments: Segments
    lifecycle: Lifecycle
    rfm: Rfm
    price_tier: PriceTier
    tags: tags.Lines
    holdout: Holdout = Holdout()


def load_lines(path: Path = CONF / "profiles.yaml") -> Lines:
    """The lines; UsageError says which key is wrong."""
    try:
        return Lines.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path} is not valid: {error}") from error


def definition(lines: Lines) -> str:
    """The rule set as ops.runs keeps it, so that a later night can apply the rules of this one."""
    return json.dumps(lines.model_dump(), sort_keys=True)


def lifecycle_stage(lines: Lifecycle, previous: Column) -> Column:
    """new, active, loyal, slipping, dormant, lost, or browsing for who never bought within the year.

    previous: the stage of the last published night; null where there is none.
    """
    recency = F.col("recency_days")

    def border(one: Border, *stages: str) -> Column:
        return F.when(previous.isin(*stages), one.leave).otherwise(one.enter)

    here = recency <= border(lines.active_days, "active", "loyal")
    return (
        F.when(recency.isNull() & (F.col("tenure_days") < 365), "browsing")
        .when(recency.isNull(), "lost")
        .when(F.col("tenure_days") <= lines.new_days, "new")
        .when(here & (F.col("frequency_90d") >= border(lines.loyal_orders_90d, "loyal")), "loyal")
        .when(here, "active")
        .when(recency <= border(lines.slipping_days, "slipping"), "slipping")
        .when(recency <= border(lines.dormant_days, "dormant"), "dormant")
        .otherwise("lost")
    )


def stage_cause(lines: Lifecycle, former: Lifecycle | None, previous: Column) -> Column:
    """Why lifecycle_stage is another than `previous`: rule, where the last night's rules (`former`, null: not known)
    would keep it; else behaviour. Null where it is the same, or there was none.
    """
    moved = previous.isNotNull() & (F.col("lifecycle_stage") != previous)
    if former is None or former == lines:
        return F.when(moved, "behaviour")
    kept = lifecycle_stage(former, previous) == previous
    return F.when(moved & kept, "rule").when(moved, "behaviour")


def rfm_class(features: DataFrame, previous: Column, margin: float) -> Column:
    """Three digits: quintiles of recency, frequency and money of the year among all buyers; 111 for who bought nothing.

    A digit of `previous` (the class of the last published night, or null) stays until the value has left its quintile
    by `margin`, a share of the buyers. Quintiles are exact, so that the class does not depend on how rows are spread
    over tasks. RFM: Hughes, Strategic Database Marketing (1994), ch. 3.
    """
    values = {"recency": -F.col("recency_days").cast("double"), "frequency": F.col("frequency_365d").cast("double"),
              "money": F.col("monetary_365d").cast("double")}  # fmt: skip
    shares = [fifth / 5 + step for step in (0, -margin, margin) for fifth in range(1, 5)]
    wanted = F.array(*[F.lit(share) for share in shares])
    cuts = features.where("frequency_365d > 0").agg(
        *[F.percentile(value, wanted).alias(name) for name, value in values.items()]
    ).first()  # fmt: skip
    if cuts["money"] is None:
        return F.lit("111")
    digits = []
    for place, (name, value) in enumerate(values.items(), start=1):
        plain, low, high = cuts[name][:4], cuts[name][4:8], cuts[name][8:]
        now = 1 + sum((F.when(value > cut, 1).otherwise(0) for cut in plain), F.lit(0))
        was = F.substring(previous, place, 1).try_cast("int")
        stays = F.lit(False)
        for digit in range(1, 6):
            above = F.lit(True) if digit == 1 else value > low[digit - 2]
            below = F.lit(True) if digit == 5 else value <= high[digit - 1]
            stays = stays | ((was == digit) & above & below)
        digits.append(F.when(stays, was).otherwise(now).cast("string"))
    return F.when(F.col("frequency_365d") > 0, F.concat(*digits)).otherwise("111")


def price_tier(lines: PriceTier) -> Column:
    index = F.col("price_index_365d")
    return (
        F.when(index < lines.budget_below, "budget").when(index > lines.premium_above, "premium")
        .when(index.isNotNull(), "middle")
    )  # fmt: skip


def active_hours() -> Column:
    """The part of the day with most events; ties go to the earlier part."""
    parts = ("morning", "afternoon", "evening", "night")
    most = F.greatest(*[F.col(f"{part}_share_365d") for part in parts])
    return F.coalesce(*[F.when(F.col(f"{part}_share_365d") == most, F.lit(part)) for part in parts])


def expectations(predictions: DataFrame) -> DataFrame:
    """Rows of gold.predictions as a profile shows them; without a churn, without reasons for it."""
    said = F.col("churn_28d").isNotNull()
    told = [F.when(said, F.col(f"reasons{end}")).alias(f"prediction_reasons{end}") for end in ("", "_zh")]
    numbers = ("churn_28d", "purchase_7d", "purchase_28d", "spend_28d", "days_to_next_order", "next_categories")
    return predictions.select("user_id", *numbers, *told)


def held_out(lines: Holdout) -> Column:
    """Whether a user is in the global holdout: by a hash of his id and the salt, so that it stays as it is."""
    return Chance(0).happens(lines.share, f"global holdout {lines.salt}", "user_id")


def build(
    features: DataFrame,
    users: DataFrame,
    segments: DataFrame,
    predictions: DataFrame,
    before: DataFrame,
    lines: Lines,
    former: Lines | None,
) -> DataFrame:
    """One row a user of `features`: rows of gold.user_profiles less the stamps.

    segments: rows of user_segments; predictions: of gold.predictions; before: rows of user_profiles of the last
    published night; former: its rules.
    """
    facts = ["age_band", "gender", "region", "occupation", "income_band", "marketing_consent", "attributes"]
    old = before.select(
        "user_id", F.col("lifecycle_stage").alias("previous_lifecycle_stage"), F.col("rfm_class").alias("previous_rfm")
    )
    frame = (
        features.join(users.select("user_id", *facts), "user_id", "left")
        .join(
            segments.select("user_id", "segment_id", "segment_name", "segment_name_zh", "reasons", "model_version"),
            "user_id",
        )
        .join(expectations(predictions), "user_id", "left")
        .join(old, "user_id", "left")
    )
    was = F.col("previous_lifecycle_stage")
    frame = frame.withColumns({
        "lifecycle_stage": lifecycle_stage(lines.lifecycle, was),
        "rfm_class": rfm_class(features, F.col("previous_rfm"), lines.rfm.margin),
        "price_tier": price_tier(lines.price_tier), "active_hours": active_hours(),
        "global_holdout": held_out(lines.holdout),
    })  # fmt: skip
    frame = frame.withColumn("lifecycle_cause", stage_cause(lines.lifecycle, former and former.lifecycle, was))
    english, chinese = tags.columns(lines.tags)
    return frame.withColumns({"tags": english, "tags_zh": chinese})
