"""Rows of gold.audiences: what a definition says, and what the night counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audiences import estimate, lookalike
from jobs.audiences.book import Book


@dataclass(frozen=True, slots=True)
class Tally:
    """What a night's memberships count: users in all and in the sample; the others by audience."""

    users: int
    sample: int
    sizes: dict[str, int]
    held_out: dict[str, int]
    in_sample: dict[str, int]
    suppressed: dict[str, int]
    entered: dict[str, int]
    left: dict[str, int]


def tallied(nights: DataFrame, members: DataFrame, changes: DataFrame, suppressed: DataFrame, ds: date) -> Tally:
    """nights: see `counterfactual.nights`; the others: rows of the staged tables of these names."""
    users = nights.where("here").count()
    drawn = estimate.sampled(ds, estimate.sample_share(users))
    sample = nights.where(F.col("here") & drawn).count()
    sizes = {row["audience_id"]: row for row in members.groupBy("audience_id").agg(
        F.count("*").alias("size"), F.count_if("holdout").alias("holdout"), F.count_if(drawn).alias("sample")
    ).collect()}  # fmt: skip
    kept_out = suppressed.select("audience_id", F.lit("suppressed").alias("kind"))
    moved = changes.select("audience_id", F.col("change").alias("kind"))
    counted = kept_out.unionByName(moved).groupBy("audience_id", "kind").count().collect()

    def of_kind(kind: str) -> dict[str, int]:
        return {row["audience_id"]: row["count"] for row in counted if row["kind"] == kind}

    of_members = ({audience: row[name] for audience, row in sizes.items()} for name in ("size", "holdout", "sample"))
    return Tally(users, sample, *of_members, *map(of_kind, ("suppressed", "enter", "exit")))


def audience_row(audience: str, book: Book, tally: Tally, everyone: float) -> dict:
    """A row of gold.audiences of what the file says and the night counts. everyone: share of the global holdout."""
    definition, size = book[audience], tally.sizes.get(audience, 0)
    return {
        "audience_id": audience, "name": definition.name, "name_zh": definition.name_zh,
        "description": definition.description, "description_zh": definition.description_zh,
        "audience_owner": definition.owner, "kind": definition.kind, "schedule": definition.when,
        "definition": definition.text(), "definition_hash": book.hash(audience), "size": size,
        "share": size / tally.users if tally.users else 0.0, "holdout_size": tally.held_out.get(audience, 0),
        "holdout_share": 1 - (1 - definition.holdout) * (1 - everyone),
        "suppressed": tally.suppressed.get(audience, 0),
        "entered": tally.entered.get(audience, 0), "left": tally.left.get(audience, 0),
    }  # fmt: skip


def estimated(tally: Tally, audience: str) -> dict:
    """What a preview's sample would have told of an audience that was asked tonight."""
    size = estimate.estimate(tally.in_sample.get(audience, 0), tally.sample, tally.users)
    return {"estimate": size.size, "estimate_low": size.low, "estimate_high": size.high}


def lookalike_facts(found: lookalike.Found) -> dict:
    return {"seed_size": found.seed_size, "similarity_curve": found.curve, "refused": found.refused}
