"""The portrait of a user: lifecycle stage, RFM class, tiers, what is expected of him. Rules: conf/profiles.yaml.

Stage and class have hysteresis: the border to leave one lies behind the border to enter it, so that nobody flaps at a
border from night to night. The last published night's stage and class are an input: the same night after the same
night gives the same rows, whenever it is run. A user without a night before is held against the borders to enter.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.chance import Chance
from jobs.segments import tags
from jobs.segments.rules import Border, Holdout, Lifecycle, PriceTier, Rules


def lifecycle_stage(rules: Lifecycle, previous: Column) -> Column:
    """new, active, loyal, slipping, dormant, lost, or browsing for who never bought within the year.

    previous: the stage of the last published night; null where there is none.
    """
    recency = F.col("recency_days")

    def border(of_stage: Border, *stages: str) -> Column:
        return F.when(previous.isin(*stages), of_stage.leave).otherwise(of_stage.enter)

    here = recency <= border(rules.active_days, "active", "loyal")
    return (
        F.when(recency.isNull() & (F.col("tenure_days") < 365), "browsing")
        .when(recency.isNull(), "lost")
        .when(F.col("tenure_days") <= rules.new_days, "new")
        .when(here & (F.col("frequency_90d") >= border(rules.loyal_orders_90d, "loyal")), "loyal")
        .when(here, "active")
        .when(recency <= border(rules.slipping_days, "slipping"), "slipping")
        .when(recency <= border(rules.dormant_days, "dormant"), "dormant")
        .otherwise("lost")
    )


def stage_cause(rules: Lifecycle, former: Lifecycle | None, previous: Column) -> Column:
    """Why lifecycle_stage is another than `previous`: rule, where the last night's rules (`former`, null: not known)
    would keep it; else behaviour. Null where it is the same, or there was none.
    """
    moved = previous.isNotNull() & (F.col("lifecycle_stage") != previous)
    if former is None or former == rules:
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


def price_tier(rules: PriceTier) -> Column:
    index = F.col("price_index_365d")
    return (
        F.when(index < rules.budget_below, "budget").when(index > rules.premium_above, "premium")
        .when(index.isNotNull(), "middle")
    )  # fmt: skip


def active_hours() -> Column:
    """The part of the day with most events; ties go to the earlier part."""
    parts = ("morning", "afternoon", "evening", "night")
    most = F.greatest(*[F.col(f"{part}_share_365d") for part in parts])
    return F.coalesce(*[F.when(F.col(f"{part}_share_365d") == most, F.lit(part)) for part in parts])


def expectations(predictions: DataFrame) -> DataFrame:
    """Rows of gold.predictions as a profile shows them; without a churn, without reasons for it."""
    predicted = F.col("churn_28d").isNotNull()
    reasons = [F.when(predicted, F.col(f"reasons{end}")).alias(f"prediction_reasons{end}") for end in ("", "_zh")]
    numbers = ("churn_28d", "purchase_7d", "purchase_28d", "spend_28d", "days_to_next_order", "next_categories")
    return predictions.select("user_id", *numbers, *reasons)


def held_out(rules: Holdout) -> Column:
    """Whether a user is in the global holdout: by a hash of his id and the salt, so that it stays as it is."""
    return Chance(0).happens(rules.share, f"global holdout {rules.salt}", "user_id")


def build(
    features: DataFrame,
    users: DataFrame,
    segments: DataFrame,
    predictions: DataFrame,
    before: DataFrame,
    rules: Rules,
    former: Rules | None,
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
        "lifecycle_stage": lifecycle_stage(rules.lifecycle, was),
        "rfm_class": rfm_class(features, F.col("previous_rfm"), rules.rfm.margin),
        "price_tier": price_tier(rules.price_tier), "active_hours": active_hours(),
        "global_holdout": held_out(rules.holdout),
    })  # fmt: skip
    frame = frame.withColumn("lifecycle_cause", stage_cause(rules.lifecycle, former and former.lifecycle, was))
    english, chinese = tags.columns(rules.tags)
    return frame.withColumns({"tags": english, "tags_zh": chinese})
