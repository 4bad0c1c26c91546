"""Rows of gold.segments: a segment of tonight with its size, portrait and moves, and one that the model has no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs import language
from jobs.language import Fact, Labels, words
from jobs.segments.assign import SegmentModel
from jobs.segments.flows import Flow, came_and_went, successors
from jobs.segments.naming import Naming
from jobs.segments.portraits import Portraits
from jobs.segments.tastes import Counts
from jobs.segments.written import TEMPLATES

_OF_MODEL = ("rule_fidelity", "parents", "status")  # columns that a night takes over
MILLION = 1_000_000


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


def expected(members: DataFrame, predictions: DataFrame) -> dict[int, tuple[int, int, int]]:
    """By segment: users of whom something is expected, and sums, in millionths, of their purchase_28d and spend_28d."""

    def exact(name: str) -> Column:
        return F.sum(F.floor(F.col(name) * MILLION + 0.5)).alias(name)

    told = predictions.where("purchase_28d IS NOT NULL AND spend_28d IS NOT NULL")
    told = told.select("user_id", "purchase_28d", "spend_28d").join(members.select("user_id", "segment_id"), "user_id")
    rows = told.groupBy("segment_id").agg(F.count("*").alias("users"), exact("purchase_28d"), exact("spend_28d"))
    return {row[0]: (row[1], row[2], row[3]) for row in rows.collect()}


def a_head(sums: Mapping[int, tuple[int, int, int]], segments: list[int]) -> dict[str, float]:
    """What is expected of a user of these segments, on average; empty where nothing is."""
    users, chance, spend = (sum(sums[s][place] for s in segments if s in sums) for place in range(3))
    return {"purchase_28d": chance / MILLION / users, "spend_28d": spend / MILLION / users} if users else {}


@dataclass(frozen=True, slots=True)
class Night:
    """What a night knows of its segments. of_model: their rows of gold.segment_models; the others as functions say."""

    by_segment: dict[int, Row]
    of_model: dict[int, dict]
    portraits: Portraits
    tastes: Counts
    labels: Labels
    expected: dict[int, tuple[int, int, int]]
    flows: list[Flow]
    journeys: dict[int, list[dict]]

    def rule(self, group: int) -> dict[str, str | None]:
        """rule and rule_zh: of the conditions, where the model's rows have them already."""
        row = self.of_model[group]
        if (conditions := row.get("conditions")) is None:
            return {name: row.get(name) for name in ("rule", "rule_zh")}
        return {
            "rule": language.rule(conditions, "en", lambda category: self.labels(category)[0]),
            "rule_zh": language.rule(conditions, "zh", lambda category: self.labels(category)[1]),
        }


Write = Callable[[dict[int, list[Fact]]], dict[tuple[int, str], str]]  # texts by segment and language, of its facts


def living_rows(night: Night, model: SegmentModel, naming: Naming, write: Write, writer: str) -> list[dict]:
    """Rows of gold.segments less the stamps: a segment with users each.

    write: the texts of who words portraits, `writer`; where it has none, the templates'.
    """
    sums = night.by_segment.values()
    everyone = {
        "size": sum(row["size"] for row in sums), "spend_28d": sum(row["s28"] for row in sums),
        "spend_365d": sum(row["s365"] for row in sums), "expected": a_head(night.expected, [*night.expected]),
    }  # fmt: skip
    rows, facts_of = [], {}
    for group, row in sorted(night.by_segment.items()):
        came, went = came_and_went(night.flows, group)
        segment = {
            "segment_id": group, "segment_name": naming.names[group][0], "segment_name_zh": naming.names[group][1],
            "name_parts": naming.parts[group], "size": row["size"], "share": row["size"] / everyone["size"],
            "spend_28d": row["s28"], "spend_365d": row["s365"], "traits": night.portraits.table(group),
            "entered": came, "left": went, "successors": [], "journeys": night.journeys.get(group, []),
            "model_version": model.version,
        }  # fmt: skip
        segment |= {name: night.of_model[group].get(name) for name in _OF_MODEL}
        segment |= night.rule(group) | naming.family(group)
        tastes = night.tastes.tastes([group], night.labels)
        tastes.sort(key=lambda taste: f"taste:{taste['category']}" not in naming.parts[group])  # its name's first
        more = {"tastes": tastes, "expected": a_head(night.expected, [group])}
        facts_of[group] = language.of_segment(segment | more, everyone)
        rows.append(segment)
    texts = write(facts_of)
    for segment in rows:
        group = segment["segment_id"]
        portrait = language.Portrait(facts_of[group], night.portraits.z_scores(group), group, segment["name_parts"])
        worded = [texts.get((group, code)) for code in ("en", "zh")]
        english, chinese = worded if all(worded) else (portrait.text("en"), portrait.text("zh"))
        segment |= {"facts": [fact.row() for fact in facts_of[group]], "description": english,
                    "description_zh": chinese, "description_by": writer if all(worded) else TEMPLATES}  # fmt: skip
    return rows


def ended_rows(before: dict[int, tuple[str, str]], model: SegmentModel, flows: list[Flow]) -> list[dict]:
    """Rows of gold.segments less the stamps: the segments of the last night (`before`: their names) whose id tonight's
    model has no more.
    """
    rows = []
    for group in sorted(before.keys() - set(model.ids.tolist())):
        into, (_, went) = successors(flows, group), came_and_went(flows, group)
        ids = [*map(str, into)]
        english, chinese = (
            of.ended.format(version=model.version, users=of.whole(went), into=of.listed(ids) or of.nowhere)
            for of in (words("en"), words("zh"))
        )
        rows.append({
            "segment_id": group, "segment_name": before[group][0], "segment_name_zh": before[group][1],
            "description": english, "description_zh": chinese,
            "size": 0, "share": 0.0, "spend_28d": Decimal(0), "spend_365d": Decimal(0), "traits": [],
            "entered": 0, "left": went, "parents": [], "status": "died", "successors": into, "journeys": [],
            "name_parts": [], "facts": [], "description_by": TEMPLATES, "model_version": model.version,
        })  # fmt: skip
    return rows
