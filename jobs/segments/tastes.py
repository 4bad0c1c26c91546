"""Tastes of a segment: the categories that have a larger share of what its users do than of what everybody does."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.language import Labels, says_nothing

BOUGHT = 0.05  # of all events, from which on purchases alone tell the tastes; below, all that is done to products
CATEGORIES = 300  # of the most users, that tastes are told by
LEAST_USERS, LEAST_LIFT = 5, 1.25
PREVALENT = 0.15  # share of the users who have a category, from which on it is their taste
SURE = 0.95  # probability that a larger share is no chance of a few users
FAINT_LIFT, FAINTLY = 1.1, 0.7  # what of these keeps a taste in a name
MOST = 6  # tastes told of a segment
MILLION = 1_000_000


class Count(NamedTuple):
    """Of a category in a group: users who have it, and the sums of its shares of what each user does, and of their
    squares, in millionths.
    """

    users: int = 0
    shares: int = 0
    squares: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the sampled users of each segment do. sizes: their number by segment; of: by segment and category; nothing:
    categories that say nothing.
    """

    sizes: dict[int, int]
    of: dict[int, dict[str, Count]]
    nothing: frozenset[str] = frozenset()

    def labels(self, labels: Labels, languages: Iterable[str]) -> dict[str, set[str]]:
        """What the categories are called, by language."""
        categories = {category for counts in self.of.values() for category in counts}
        return {code: {labels.called(category, code) for category in categories} for code in languages}

    def together(self, segments: Iterable[int]) -> tuple[int, dict[str, Count]]:
        """Users, and the counts of several segments as one group."""
        chosen, total = [*segments], {}
        for segment in chosen:
            for category, count in self.of.get(segment, {}).items():
                total[category] = Count(*map(sum, zip(total.get(category, Count()), count, strict=True)))
        return sum(self.sizes.get(segment, 0) for segment in chosen), total

    def tastes(
        self, segments: Iterable[int], labels: Labels, most: int = MOST, lift: float = LEAST_LIFT, sure: float = SURE
    ) -> list[dict]:
        """category, label, label_zh, labels (of further languages), share, base, lift, users and confidence of a group
        of segments, clearest first.

        The order is that of (share - base) / sqrt(base): a small category is not clear by a large lift alone. Two
        categories of one label are one taste.
        """
        size, mine = self.together(segments)
        everybody, base = self.together(self.sizes)
        found: list[dict] = []
        for category, (users, shares, squares) in mine.items():
            share, usual = shares / MILLION / size, base[category].shares / MILLION / everybody
            if users < max(LEAST_USERS, PREVALENT * size) or share < lift * usual:
                continue
            error = math.sqrt(max(squares / MILLION / size - share**2, 1e-12) / size)
            confidence = 0.5 * (1 + math.erf((share - usual) / error / math.sqrt(2)))
            if confidence < sure:
                continue
            label, label_zh = labels(category)
            found.append({
                "category": category, "label": label, "label_zh": label_zh, "labels": labels.in_further(category),
                "share": round(share, 6), "base": round(usual, 6), "lift": round(share / usual, 4), "users": users,
                "confidence": round(confidence, 4), "clear": (share - usual) / math.sqrt(usual),
            })  # fmt: skip
        told: list[dict] = []
        labelled: set[str] = set()
        for taste in sorted(found, key=lambda taste: (-taste["clear"], taste["category"])):
            if not {taste["label"], taste["label_zh"]} & labelled:
                labelled |= {taste["label"], taste["label_zh"]}
                told.append(taste)
        return told[:most]


def counts(sequences: DataFrame, sample: DataFrame, named: Collection[str] = ()) -> Counts:
    """sequences: rows of user_sequences; sample: user_id, segment_id of the users who are asked; named: categories that
    somebody gave a label, so that they say something.
    """
    sizes = {row["segment_id"]: row["count"] for row in sample.groupBy("segment_id").count().collect()}
    done = sequences.join(F.broadcast(sample), "user_id").select(
        "user_id", "segment_id", F.explode(F.arrays_zip("event_types", "categories")).alias("event")
    )
    done = done.select("user_id", "segment_id", "event.event_types", "event.categories")
    events = done.groupBy("user_id", "segment_id", F.col("categories").alias("category")).agg(
        F.count("*").alias("events"), F.count_if(F.col("event_types") == "purchase").alias("bought")
    )
    total = events.agg(F.sum("events").alias("events"), F.sum("bought").alias("bought")).first()
    by_purchases = (total["bought"] or 0) >= BOUGHT * (total["events"] or 0)
    lines = events.where("category != ''").withColumn("n", F.col("bought" if by_purchases else "events")).where("n > 0")
    share = F.col("n") / F.sum("n").over(Window.partitionBy("user_id"))
    lines = lines.withColumn("_share", share)
    millionths = {"share": F.col("_share"), "square": F.col("_share") * F.col("_share")}
    lines = lines.withColumns({name: F.floor(value * MILLION + 0.5) for name, value in millionths.items()})
    rows = lines.groupBy("segment_id", "category").agg(
        F.count("*").alias("users"), F.sum("share").alias("shares"), F.sum("square").alias("squares")
    )
    everywhere = F.sum("users").over(Window.partitionBy("category"))
    rows = rows.withColumn("everywhere", everywhere).where(F.col("everywhere") >= LEAST_USERS)
    found: dict[str, list] = {}
    for row in rows.collect():
        found.setdefault(row["category"], []).append(row)
    nothing = frozenset(category for category in found if says_nothing(category) and category not in named)
    found = {category: rows for category, rows in found.items() if category not in nothing}
    largest = sorted(found, key=lambda category: (-found[category][0]["everywhere"], category))[:CATEGORIES]
    of: dict[int, dict[str, Count]] = {segment: {} for segment in sizes}
    for row in (row for category in largest for row in found[category]):
        of[row["segment_id"]][row["category"]] = Count(row["users"], row["shares"], row["squares"])
    return Counts(sizes, of, nothing)
