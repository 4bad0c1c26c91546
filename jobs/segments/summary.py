"""Rows of gold.segments: a segment of tonight with its size, portrait and moves, and one that the model has no more."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.segments.assign import SegmentModel
from jobs.segments.flows import Flow, came_and_went, successors
from jobs.segments.names import phrases, sentence
from jobs.segments.portraits import Portraits

_OF_MODEL = ("rule", "rule_zh", "rule_fidelity", "parents", "status")  # columns that a night takes over


def names(rows: list[dict]) -> dict[int, tuple[str, str]]:
    """(English, Chinese) names of the living segments among rows of gold.segments."""
    living = [row for row in rows if row["status"] != "died"]
    return {row["segment_id"]: (row["segment_name"], row["segment_name_zh"]) for row in living}


def totals(members: DataFrame) -> dict[int, Row]:
    """size, s28 and s365 (money of 28 and 365 days) by segment."""
    rows = members.groupBy("segment_id").agg(
        F.count("*").alias("size"), F.sum("monetary_28d").alias("s28"), F.sum("monetary_365d").alias("s365")
    )
    return {row["segment_id"]: row for row in rows.collect()}


def living_rows(
    by_segment: dict[int, Row], model: SegmentModel, of_model: dict[int, dict], portraits: Portraits,
    names: dict[int, tuple[str, str]], flows: list[Flow], journeys: dict[int, list[dict]],
) -> list[dict]:  # fmt: skip
    """Rows of gold.segments less the stamps: a segment with users each.

    by_segment: see `totals`; of_model: rows of gold.segment_models by segment; journeys: see `journeys.typical`.
    """
    users, spend = sum(r["size"] for r in by_segment.values()), float(sum(r["s365"] for r in by_segment.values()))
    rows = []
    for group, row in sorted(by_segment.items()):
        chosen = phrases(portraits.z_scores(group), portraits.traits)
        share = row["size"] / users
        english, chinese = sentence(row["size"], share, float(row["s365"]), spend, chosen)
        came, went = came_and_went(flows, group)
        rows.append({
            "segment_id": group, "segment_name": names[group][0], "segment_name_zh": names[group][1],
            "description": english, "description_zh": chinese, "size": row["size"], "share": share,
            "spend_28d": row["s28"], "spend_365d": row["s365"],
            "traits": portraits.table(group), "entered": came, "left": went,
            "successors": [], "journeys": journeys.get(group, []), "model_version": model.version,
        } | {name: of_model[group].get(name) for name in _OF_MODEL})  # fmt: skip
    return rows


def ended_rows(before: dict[int, tuple[str, str]], model: SegmentModel, flows: list[Flow]) -> list[dict]:
    """Rows of gold.segments less the stamps: the segments of the last night (`before`: their names) whose id tonight's
    model has no more.
    """
    rows = []
    for group in sorted(before.keys() - set(model.ids.tolist())):
        into, (_, went) = successors(flows, group), came_and_went(flows, group)
        where = ", ".join(map(str, into))
        rows.append({
            "segment_id": group, "segment_name": before[group][0], "segment_name_zh": before[group][1],
            "description": f"Ended with model version {model.version}; most of its {went:,} users went to {where}.",
            "description_zh": f"随模型版本{model.version}结束；{went:,}位用户主要转入人群{where}。",
            "size": 0, "share": 0.0, "spend_28d": Decimal(0), "spend_365d": Decimal(0), "traits": [],
            "entered": 0, "left": went, "parents": [], "status": "died", "successors": into, "journeys": [],
            "model_version": model.version,
        })  # fmt: skip
    return rows
