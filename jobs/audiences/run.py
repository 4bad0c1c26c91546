"""audiences: staged profiles + conf/audiences -> staged audiences, members, changes, overlap.

Where a user was on the last published night is an input: the same night after the same night gives the same rows,
whenever it is run.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences import changes, lookalike, names, overlap, summary, validate
from jobs.audiences.behaviour import with_behaviour
from jobs.audiences.book import Book
from jobs.audiences.counterfactual import nights, people_version
from jobs.audiences.former import Former
from jobs.audiences.members import held_out
from jobs.audiences.people import with_last_night, with_lookalikes
from jobs.audiences.summary import Tally
from jobs.audiences.why import with_why
from jobs.lake import consents, delta, staging
from jobs.lake.engine import frames
from jobs.segments import Rules
from jobs.settings import Settings, git_sha
from jobs.tables import (
    AUDIENCE_CHANGES,
    AUDIENCE_MEMBERS,
    AUDIENCE_OVERLAP,
    AUDIENCE_SUPPRESSED,
    AUDIENCES,
    SEGMENT_CHANGES,
    SILVER_USERS,
    USER_PROFILES,
)


def memberships(evaluated: DataFrame, known: DataFrame, ds: date) -> DataFrame:
    """Rows of audience_members less model_version and the stamps, from rows of `nights`.

    known: audience_id, definition_hash, holdout (share) and fresh (a lookalike made anew), one row an audience.
    """
    night = F.lit(ds)
    rows = evaluated.select(
        "user_id", "global_holdout", "_since", "_alike", F.explode("now").alias("audience_id")
    ).join(F.broadcast(known), "audience_id")  # fmt: skip
    return rows.select(
        "audience_id", "user_id", F.coalesce(F.try_element_at("_since", "audience_id"), night).alias("since_ds"),
        held_out(F.col("audience_id"), F.col("holdout_share")).alias("holdout"),
        F.when(F.col("fresh"), F.try_element_at("_alike", "audience_id")).alias("similarity"), "definition_hash",
    )  # fmt: skip


def audience_rows(
    book: Book, former: Former, tally: Tally, answered: Set[str], hashes: dict[str, str | None],
    lookalikes: dict[str, lookalike.Found], ds: date,
) -> list[dict]:  # fmt: skip
    """Rows of gold.audiences less the stamps. answered: whose rule was asked tonight and gave an answer; hashes: of the
    definitions that made tonight's members.
    """
    everyone, sha, rows = Rules.load().holdout.share, git_sha(), []
    for audience in book:
        row = summary.audience_row(audience, book, tally, everyone)
        row["evaluated_ds"] = ds if audience in answered else former.evaluated(audience)
        row |= {"evaluated_hash": hashes[audience], "git_sha": sha}
        if audience in answered and not book[audience].lookalike:
            row |= summary.estimated(tally, audience)
        if audience in lookalikes:
            row |= summary.lookalike_facts(lookalikes[audience])
        rows.append(row)
    return rows


def run(spark: SparkSession, s: Settings) -> str:
    """Stage the audiences of the night; UsageError where a definition is wrong."""
    book = Book.load()
    validate.validate(spark, book, examples=False)
    people = delta.read(spark, s.warehouse, USER_PROFILES.staged()).where(f"ds = DATE'{s.ds}'")
    with validate.computed():
        said = _run(spark, s, book, people, Former.before(s))
    return "\n".join([said, *[f"warning: {one}" for one in names.unknown(spark, s, book, people)]])


def _run(spark: SparkSession, s: Settings, book: Book, people: DataFrame, former: Former) -> str:
    due = former.due(book, s.ds)
    rows = with_last_night(spark, s, people, book, former.day)
    rows = with_behaviour(spark, s, rows, [book, former.book], s.ds)
    wanted = {audience for audience in due if book[audience].lookalike}
    rows, lookalikes = with_lookalikes(spark, s, rows, book, wanted)
    alike = {audience for audience, found in lookalikes.items() if found.members is not None}
    evaluated = frames.kept(nights(spark, s, rows, book, former, alike))

    answered = {audience for audience in due if audience in alike or not book[audience].lookalike}
    before = {audience: row["evaluated_hash"] for audience, row in former.rows.items()}
    hashes = {audience: book.hash(audience) if audience in answered else before.get(audience) for audience in book}
    known = spark.createDataFrame(
        [(a, hashes.get(a), before.get(a), book[a].holdout if a in book else 0.0, a in alike)
         for a in sorted({*book, *before})],
        "audience_id string, definition_hash string, previous_definition_hash string, holdout_share double,"
        " fresh boolean",
    )  # fmt: skip
    stamp = {"ds": F.lit(s.ds), "run_id": F.lit(s.run_id), "model_version": F.lit(people_version(s))}
    members = memberships(evaluated, known, s.ds)
    both = evaluated.where(F.lit(former.day is not None))
    moved = frames.kept(changes.changed(_with_consents(spark, s, both), former.night.gone))
    moved = with_why(spark, s, moved, evaluated, people, book, former)
    moved = moved.join(F.broadcast(known), "audience_id")
    moved = moved.withColumn("previous_ds", F.lit(former.day).cast("date"))
    suppressed = evaluated.select("user_id", F.inline("now_out"))

    tally = summary.tallied(evaluated, members, moved, suppressed, s.ds)
    for frame, table in ((members, AUDIENCE_MEMBERS), (moved, AUDIENCE_CHANGES), (suppressed, AUDIENCE_SUPPRESSED)):
        staging.put(frame.withColumns(stamp), s, table)
    sizes = {audience: tally.sizes.get(audience, 0) for audience in book}
    staging.put_rows(overlap.rows(sizes, overlap.pairs(evaluated, "now")), s, AUDIENCE_OVERLAP)
    staging.put_rows(audience_rows(book, former, tally, answered, hashes, lookalikes, s.ds), s, AUDIENCES)
    frames.free(evaluated)
    return _line(book, former, tally, len(answered), lookalikes)


def _with_consents(spark: SparkSession, s: Settings, people: DataFrame) -> DataFrame:
    """`people` with refuses and agrees, see `changes.changed`."""
    refusing = consents.refusing(delta.read_or_empty(spark, s.warehouse, SILVER_USERS), "profiling")
    moves = delta.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(f"ds = DATE'{s.ds}'")
    agreeing = moves.where("change = 'enter' AND cause = 'consent'").select("user_id", F.lit(True).alias("agrees"))
    people = people.join(refusing.withColumn("refuses", F.lit(True)), "user_id", "left")
    return people.join(agreeing, "user_id", "left")


def _line(book: Book, former: Former, tally: Tally, answered: int, lookalikes: dict[str, lookalike.Found]) -> str:
    members = sum(tally.sizes.get(audience, 0) for audience in book)
    parts = [f"{len(book)} audiences, {answered} asked, {members:,} memberships", "no night before"]
    if former.day:
        parts[1] = f"held against {former.day}: +{sum(tally.entered.values())} -{sum(tally.left.values())}"
    if refused := "; ".join(f"{audience}: {f.refused}" for audience, f in lookalikes.items() if f.refused):
        parts.append(f"refused: {refused}")
    return "; ".join(parts)
