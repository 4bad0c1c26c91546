"""The portrait of a user: lifecycle stage, RFM class, tiers and tags. Lines are drawn in conf/profiles.yaml."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.errors import UsageError
from jobs.sources import CONF


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lifecycle(_Strict):
    new_days: int
    active_days: int
    loyal_orders_90d: int
    slipping_days: int
    dormant_days: int


class PriceTier(_Strict):
    budget_below: float
    premium_above: float


class Tags(_Strict):
    big_basket: float
    deal_share: float
    growing: float
    fading: float


class Lines(_Strict):
    """conf/profiles.yaml."""

    lifecycle: Lifecycle
    price_tier: PriceTier
    tags: Tags


def load_lines(path: Path = CONF / "profiles.yaml") -> Lines:
    """The lines; UsageError says which key is wrong."""
    try:
        return Lines.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise UsageError(f"{path} is not valid: {error}") from error


def lifecycle_stage(lines: Lifecycle) -> Column:
    """new, active, loyal, slipping, dormant, lost, or browsing for who never bought within the year."""
    recency = F.col("recency_days")
    return (
        F.when(recency.isNull() & (F.col("tenure_days") < 365), "browsing")
        .when(recency.isNull(), "lost")
        .when(F.col("tenure_days") <= lines.new_days, "new")
        .when((recency <= lines.active_days) & (F.col("frequency_90d") >= lines.loyal_orders_90d), "loyal")
        .when(recency <= lines.active_days, "active")
        .when(recency <= lines.slipping_days, "slipping")
        .when(recency <= lines.dormant_days, "dormant")
        .otherwise("lost")
    )


def _quintile(column: str, cuts: list[float], *, small_is_good: bool = False) -> Column:
    """1-5: how many of the four cuts the value passes, plus one."""
    value = F.col(column).cast("double")
    passed = sum(
        (F.when(value < cut if small_is_good else value > cut, 1).otherwise(0) for cut in cuts), F.lit(0)
    )  # fmt: skip
    return (passed + 1).cast("int").cast("string")


def rfm_class(features: DataFrame) -> Column:
    """Three digits: quintiles of recency, frequency and money of the year among all buyers; 111 for who bought nothing.

    Quintiles are exact, so that the class does not depend on how rows are spread over tasks. RFM: Hughes, Strategic
    Database Marketing (1994), ch. 3.
    """
    fifths = F.array(*[F.lit(k / 5) for k in range(1, 5)])
    columns = ("recency_days", "frequency_365d", "monetary_365d")
    cuts = features.where("frequency_365d > 0").agg(
        *[F.percentile(F.col(column).cast("double"), fifths).alias(column) for column in columns]
    ).first()  # fmt: skip
    if cuts[columns[0]] is None:
        return F.lit("111")
    digits = [_quintile(c, list(cuts[c]), small_is_good=c == "recency_days") for c in columns]
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


def tags(lines: Tags) -> tuple[Column, Column]:
    """Statistical and rule tags (统计类、规则类标签), English and Chinese, in a fixed order."""
    rules = [
        (F.col("basket_value_365d") >= lines.big_basket, "large basket", "大单"),
        (F.col("discount_share_365d") >= lines.deal_share, "deal seeker", "优惠敏感"),
        (F.col("trend_28d") >= lines.growing, "spend growing", "消费上升"),
        (F.col("trend_28d") <= lines.fading, "spend fading", "消费下滑"),
        (F.col("weekend_share_365d") >= 0.5, "weekend shopper", "周末购物"),
        (F.col("night_share_365d") >= 0.25, "night shopper", "夜间购物"),
        (F.col("cart_abandonment_28d") >= 0.7, "leaves carts", "常弃购"),
        (F.col("refund_share_365d") >= 0.1, "often returns", "常退货"),
        (F.col("lifecycle_stage").isin("slipping", "dormant"), "win back", "待唤醒"),
    ]
    return (
        F.array_compact(F.array(*[F.when(rule, F.lit(en)) for rule, en, _ in rules])),
        F.array_compact(F.array(*[F.when(rule, F.lit(zh)) for rule, _, zh in rules])),
    )


def build(features: DataFrame, users: DataFrame, segments: DataFrame, lines: Lines) -> DataFrame:
    """One row a user of `features`: rows of gold.user_profiles less run_id. `segments` are rows of user_segments."""
    facts = ["age_band", "gender", "region", "occupation", "income_band", "marketing_consent", "attributes"]
    frame = (
        features.join(users.select("user_id", *facts), "user_id", "left")
        .join(
            segments.select("user_id", "segment_id", "segment_name", "segment_name_zh", "reasons", "model_version"),
            "user_id",
        )
        .withColumns({"lifecycle_stage": lifecycle_stage(lines.lifecycle), "rfm_class": rfm_class(features)})
        .withColumns({"price_tier": price_tier(lines.price_tier), "active_hours": active_hours()})
    )
    english, chinese = tags(lines.tags)
    return frame.withColumns({"tags": english, "tags_zh": chinese})
