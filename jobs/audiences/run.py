"""audiences: staged profiles + conf/audiences -> staged audiences, members, changes, overlap.

Where a user was on the last published night is an input: the same night after the same night gives the same rows,
whenever it is run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences import changes as audience_changes
from jobs.audiences import estimate, lookalike, overlap, validate
from jobs.audiences import members as audience_members
from jobs.audiences.book import Book
from jobs.lake import delta, erasures, staging
from jobs.lake.engine import frames
from jobs.segments import changes, profiles
from jobs.settings import Settings
from jobs.tables import (
    AUDIENCE_CHANGES,
    AUDIENCE_MEMBERS,
    AUDIENCE_OVERLAP,
    AUDIENCE_SUPPRESSED,
    AUDIENCES,
    RUNS,
    SEGMENT_CHANGES,
    USER_EMBEDDINGS,
    USER_PROFILES,
)


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last night published before ds: its audiences by id, its definitions and model. Without one: no day."""

    day: date | None
    audiences: dict[str, dict]
    book: Book
    version: str | None

    @classmethod
    def before(cls, s: Settings) -> LastNight:
        if (day := changes.last_published(s)) is None:
            return cls(None, {}, Book({}), None)
        run = max(delta.rows(s.warehouse, RUNS, f"ds = '{day}'"), key=lambda row: row["published_at"])
        rows = delta.rows(s.warehouse, AUDIENCES, f"ds = '{day}'")
        book = Book.of_text(dict(run.get("definitions") or ()).get("audiences"))
        return cls(day, {row["audience_id"]: row for row in rows}, book, run["model_version"])

    def asked(self, book: Book, ds: date) -> set[str]:
        """Audiences of `book` whose rule is asked on ds."""
        return {one for one in book if book[one].due(ds, self.audiences.get(one, {}).get("evaluated_ds"))}


def with_last_night(spark: SparkSession, s: Settings, people: DataFrame, book: Book, night: date | None) -> DataFrame:
    """`people`, and who is gone since (`here` is false), with what an evaluation reads beside a profile."""
    before = audience_members.last_members(spark, s, night)
    rows = people.withColumn("here", F.lit(True)).join(before, "user_id", "full")
    rows = rows.join(audience_members.recent_entries(spark, s, book), "user_id", "left")
    return rows.withColumns(
        {"here": F.coalesce("here", F.lit(False)), "_alike": F.lit(None).cast("map<string,double>")}
    )


def with_lookalikes(
    spark: SparkSession, s: Settings, rows: DataFrame, book: Book, wanted: Collection[str]
) -> tuple[DataFrame, dict[str, lookalike.Found]]:
    """`rows` with `_alike`, and what was found of each lookalike of `wanted`."""
    if not wanted:
        return rows, {}
    seeds = book.with_needs({other for one in wanted for other in book[one].needs})
    vectors = delta.read(spark, s.warehouse, USER_EMBEDDINGS).where(f"ds = DATE'{s.ds}'").select("user_id", "embedding")
    told = audience_members.evaluate(rows.where("here"), seeds, "seeded").join(vectors, "user_id")
    found = {}
    for one in sorted(wanted):
        reason = audience_members.kept_out(one, book[one], lambda other: audience_members.has("seeded", other))
        seed = audience_members.has("seeded", book[one].lookalike.seed)
        asked = told.select("user_id", "embedding", seed.alias("seed"), reason.isNull().alias("free"))
        found[one] = lookalike.find(asked, book[one].lookalike.size)
    made = [f.members.withColumn("audience_id", F.lit(one)) for one, f in found.items() if f.members is not None]
    if not made:
        return rows, found
    together = made[0]
    for more in made[1:]:
        together = together.unionByName(more)
    pair = F.struct("audience_id", "similarity")
    alike = together.groupBy("user_id").agg(F.map_from_entries(F.array_sort(F.collect_list(pair))).alias("_alike"))
    return rows.drop("_alike").join(alike, "user_id", "left"), found


def as_of_then(
    spark: SparkSession, s: Settings, rows: DataFrame, last: LastNight, before: DataFrame
) -> DataFrame | None:
    """user_id and corrected: the audiences of the last night as it is known tonight; None where nothing came late."""
    if last.day is None or not last.book or not audience_changes.came_late(s, last.day):
        return None
    late = changes.late_features(spark, s, last.day)
    people = audience_changes.corrected(late, before, profiles.load_lines())
    beside = rows.select("user_id", *audience_members.BESIDE)
    asked = {one for one, row in last.audiences.items() if row["evaluated_ds"] == last.day}
    told = audience_members.evaluate(people.join(beside, "user_id"), last.book, "corrected", asked=asked)
    return told.select("user_id", "corrected")


def nights(
    spark: SparkSession, s: Settings, rows: DataFrame, book: Book, last: LastNight, alike: Collection[str]
) -> DataFrame:
    """One row a user of either night, as `audience_changes.changed` asks for.

    rows: see `with_last_night`, of staged profiles, with lookalikes; alike: the lookalikes that were made anew.
    """
    asked = last.asked(book, s.ds)
    told = audience_members.evaluate(rows, book, "now", asked=asked, alike=alike)
    other_rules = {one: book.hash(one) for one in book} != {one: last.book.hash(one) for one in last.book}
    again = last.day is not None and other_rules
    former_asked = {one for one in last.asked(last.book, s.ds) if one in asked or one not in book}
    same = {one for one in alike if one in last.book and last.book.hash(one) == book.hash(one)}
    version = people_version(s)
    other_model = last.version is not None and last.version != version
    before = delta.read_or_empty(spark, s.warehouse, USER_PROFILES)
    before = before.where(f"ds = DATE'{last.day}'" if last.day else "false")
    if again:
        told = audience_members.evaluate(told, last.book, "same_rules", asked=former_asked, alike=same)
    else:
        told = told.withColumn("same_rules", F.col("now"))
    if last.day is not None and audience_changes.something_to_put_back(s, other_model):
        moves = delta.read(spark, s.warehouse, SEGMENT_CHANGES.staged()).where(f"ds = DATE'{s.ds}'")
        told = audience_changes.put_back(told, before, moves, other_model=other_model)
        former, mine = (last.book, former_asked) if again else (book, asked)
        steady = set() if other_model else same
        told = audience_members.evaluate(told, former, "same_model", asked=mine, alike=steady)
    else:
        told = told.withColumns({"same_model": F.col("same_rules"), "moved_by": F.lit(None).cast("string")})
    late = as_of_then(spark, s, rows, last, before)
    if late is None:
        told = told.withColumn("corrected", F.lit(None).cast("array<string>"))
    else:
        told = told.join(late, "user_id", "left")
    nobody = {"now": "array<string>", "now_out": "array<struct<audience_id:string,reason:string>>"}
    gone = {name: F.when(F.col("here"), F.col(name)).otherwise(F.array().cast(kind)) for name, kind in nobody.items()}
    return told.withColumns(gone).select(
        "user_id", "here", "global_holdout", *audience_members.BESIDE, "now", "now_out", "same_rules", "same_model",
        "moved_by", "corrected",
    )  # fmt: skip


def people_version(s: Settings) -> str | None:
    """The model version of the staged profiles."""
    found = delta.rows(s.warehouse, USER_PROFILES.staged(), f"ds = '{s.ds}' AND model_version IS NOT NULL LIMIT 1",
                    "model_version")  # fmt: skip
    return found[0]["model_version"] if found else None


def memberships(told: DataFrame, known: DataFrame, ds: date) -> DataFrame:
    """Rows of audience_members less model_version and the stamps, from rows of `nights`.

    known: audience_id, definition_hash, holdout (share) and fresh (a lookalike made anew), one row an audience.
    """
    night = F.lit(ds)
    rows = told.select(
        "user_id", "global_holdout", "_since", "_alike", F.explode("now").alias("audience_id")
    ).join(F.broadcast(known), "audience_id")  # fmt: skip
    return rows.select(
        "audience_id", "user_id", F.coalesce(F.try_element_at("_since", "audience_id"), night).alias("since_ds"),
        audience_members.held_out(F.col("audience_id"), F.col("holdout_share")).alias("holdout"),
        F.when(F.col("fresh"), F.try_element_at("_alike", "audience_id")).alias("similarity"), "definition_hash",
    )  # fmt: skip


def run(spark: SparkSession, s: Settings) -> str:
    """Stage the audiences of the night; UsageError where a definition is wrong."""
    book = Book.load()
    validate.validate(spark, book, examples=False)
    people = delta.read(spark, s.warehouse, USER_PROFILES.staged()).where(f"ds = DATE'{s.ds}'")
    with validate.computed():
        return _run(spark, s, book, people, LastNight.before(s))


def _run(spark: SparkSession, s: Settings, book: Book, people: DataFrame, last: LastNight) -> str:
    asked, version = last.asked(book, s.ds), people_version(s)
    rows = with_last_night(spark, s, people, book, last.day)
    wanted = {one for one in asked if book[one].lookalike}
    rows, found = with_lookalikes(spark, s, rows, book, wanted)
    alike = {one for one, f in found.items() if f.members is not None}
    told = frames.kept(nights(spark, s, rows, book, last, alike))

    evaluated = {one: one in asked and (one in alike or not book[one].lookalike) for one in book}
    before = {one: row["evaluated_hash"] for one, row in last.audiences.items()}
    hashes = {one: book.hash(one) if evaluated[one] else before.get(one) for one in book}
    known = spark.createDataFrame(
        [(one, hashes.get(one), before.get(one), book[one].holdout if one in book else 0.0, one in alike)
         for one in sorted({*book, *before})],
        "audience_id string, definition_hash string, previous_definition_hash string, holdout_share double,"
        " fresh boolean",
    )  # fmt: skip
    stamp = {"ds": F.lit(s.ds), "run_id": F.lit(s.run_id), "model_version": F.lit(version)}
    members = memberships(told, known, s.ds)
    moved = audience_changes.changed(told, erasures.leavers(s, last.day)).join(F.broadcast(known), "audience_id")
    moved = moved.withColumn("previous_ds", F.lit(last.day).cast("date")).where(F.lit(last.day is not None))
    held = told.select("user_id", F.inline("now_out"))

    tally = tallied(told, members, moved, held, s.ds)
    staging.put(members.withColumns(stamp), s, AUDIENCE_MEMBERS)
    staging.put(moved.withColumns(stamp), s, AUDIENCE_CHANGES)
    staging.put(held.withColumns(stamp), s, AUDIENCE_SUPPRESSED)
    sizes = {one: tally.sizes.get(one, 0) for one in book}
    overlaps = overlap.rows(sizes, overlap.pairs(told, "now"))
    staging.put_rows(overlaps, s, AUDIENCE_OVERLAP)
    everyone = profiles.load_lines().holdout.share
    rows_of = [
        audience_row(one, book, tally, everyone) | {
            "evaluated_ds": s.ds if evaluated[one] else last.audiences.get(one, {}).get("evaluated_ds"),
            "evaluated_hash": hashes[one],
        } | estimated(tally, one, evaluated[one] and one not in alike) | lookalike_facts(found.get(one))
        for one in book
    ]  # fmt: skip
    staging.put_rows(rows_of, s, AUDIENCES)
    frames.free(told)
    against = f"held against {last.day}: +{sum(tally.entered.values())} -{sum(tally.left.values())}" if last.day else ""
    refused = "; ".join(f"{one}: {f.refused}" for one, f in found.items() if f.refused)
    parts = [f"{len(book)} audiences, {sum(evaluated.values())} asked, {sum(sizes.values()):,} memberships",
             against or "no night before", *([f"refused: {refused}"] if refused else [])]  # fmt: skip
    return "; ".join(parts)


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


def tallied(told: DataFrame, members: DataFrame, moved: DataFrame, held: DataFrame, ds: date) -> Tally:
    users = told.where("here").count()
    drawn = estimate.sampled(ds, estimate.sample_share(users))
    sample = told.where(F.col("here") & drawn).count()
    of = {row["audience_id"]: row for row in members.groupBy("audience_id").agg(
        F.count("*").alias("size"), F.count_if("holdout").alias("holdout"), F.count_if(drawn).alias("sample")
    ).collect()}  # fmt: skip
    one = held.select("audience_id", F.lit("suppressed").alias("what"))
    two = moved.select("audience_id", F.col("change").alias("what"))
    counted = one.unionByName(two).groupBy("audience_id", "what").count().collect()
    by = {(row["audience_id"], row["what"]): row["count"] for row in counted}
    rest = [{a: n for (a, what), n in by.items() if what == kind} for kind in ("suppressed", "enter", "exit")]
    return Tally(users, sample, *({a: row[k] for a, row in of.items()} for k in ("size", "holdout", "sample")), *rest)


def audience_row(one: str, book: Book, tally: Tally, everyone: float) -> dict:
    """A row of gold.audiences of what the file says and the night counts. everyone: share of the global holdout."""
    definition, size = book[one], tally.sizes.get(one, 0)
    return {
        "audience_id": one, "name": definition.name, "name_zh": definition.name_zh,
        "description": definition.description, "description_zh": definition.description_zh,
        "audience_owner": definition.owner, "kind": definition.kind, "schedule": definition.when,
        "definition": definition.text(), "definition_hash": book.hash(one), "size": size,
        "share": size / tally.users if tally.users else 0.0, "holdout_size": tally.held_out.get(one, 0),
        "holdout_share": 1 - (1 - definition.holdout) * (1 - everyone), "suppressed": tally.suppressed.get(one, 0),
        "entered": tally.entered.get(one, 0), "left": tally.left.get(one, 0),
    }  # fmt: skip


def estimated(tally: Tally, one: str, fresh: bool) -> dict:
    """What a preview's sample would have told of an audience asked tonight."""
    if not fresh:
        return {}
    told = estimate.estimate(tally.in_sample.get(one, 0), tally.sample, tally.users)
    return {"estimate": told.size, "estimate_low": told.low, "estimate_high": told.high}


def lookalike_facts(found: lookalike.Found | None) -> dict:
    if found is None:
        return {}
    return {"seed_size": found.seed_size, "similarity_curve": found.curve, "refused": found.refused}
