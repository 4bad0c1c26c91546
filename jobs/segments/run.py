"""segment: embeddings + features -> staged segments, memberships, changes, profiles and tags.

The centres come with the model version (gold.segment_models), so that a night only assigns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.errors import DataError
from jobs.features import with_days
from jobs.lake import consents, delta, erasures, staging
from jobs.lake.engine import frames
from jobs.language import Labels, Pages, is_code
from jobs.language.connection import LanguageModel
from jobs.segments import changes, flows, journeys, portraits, profiles, summary, tags, tastes, written
from jobs.segments.assign import Scorer, SegmentModel, model_rows
from jobs.segments.naming import name as naming_of
from jobs.segments.night import LastNight
from jobs.segments.portraits import Portraits
from jobs.segments.reasons import with_reasons
from jobs.segments.rules import Rules
from jobs.segments.tastes import Counts
from jobs.segments.title_words import words_of_titles
from jobs.segments.traits import Trait, all_traits
from jobs.settings import Settings
from jobs.sources.spec import load
from jobs.tables import (
    PREDICTIONS,
    SEGMENT_CHANGES,
    SEGMENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    TAGS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_PROFILES,
    USER_SEGMENTS,
    USER_SEQUENCES,
)

# Features that are kept of a user beside those of his traits, for the segments' money and for the causes of changes.
_MONEY, _DAYS = {"monetary_28d", "monetary_365d"}, {"tenure_days", "inactive_days"}


def tonights_model(spark: SparkSession, s: Settings) -> tuple[SegmentModel, dict[int, dict]]:
    """The segment model of the version that encoded ds, and its rows by segment; DataError where either is missing."""
    vectors = delta.read(spark, s.warehouse, USER_EMBEDDINGS).where(f"ds = DATE'{s.ds}'")
    versions = sorted(row[0] for row in vectors.select("model_version").distinct().collect())
    if len(versions) != 1:
        raise DataError(f"expected the embeddings of {s.ds} by one model version, found {versions}; run ml.encode")
    if not (rows := model_rows(s, versions[0])):
        raise DataError(f"expected segments of model version {versions[0]} in gold.segment_models, found none")
    return SegmentModel.from_rows(versions[0], rows), {row["segment_id"]: row for row in rows}


def predictions(spark: SparkSession, s: Settings, model: SegmentModel) -> DataFrame:
    """The rows of gold.predictions of ds by the model's version; none where nothing was ever predicted."""
    rows = delta.read_or_empty(spark, s.warehouse, PREDICTIONS)
    return rows.where(f"ds = DATE'{s.ds}'").where(F.col("model_version") == model.version)


def seen_by(spark: SparkSession, s: Settings, model: SegmentModel) -> DataFrame:
    """One row a user of ds: embedding, and what is expected of him where the model's segments ask for it."""
    tonight = f"ds = DATE'{s.ds}'"
    vectors = delta.read(spark, s.warehouse, USER_EMBEDDINGS).where(tonight).select("user_id", "embedding")
    if not model.reads_expectations:
        return vectors
    expected = predictions(spark, s, model)
    if expected.where("expected IS NOT NULL").isEmpty():
        raise DataError(
            f"expected gold.predictions of {s.ds} by model version {model.version}, found none; run ml.predict"
        )
    return vectors.join(expected.select("user_id", "expected"), "user_id", "full")


def placed(features: DataFrame, vectors: DataFrame, before: DataFrame, by: Scorer, traits: list[Trait]) -> DataFrame:
    """One row a user of `features`: segment_id, confidence, and those of some 200 features that are needed.

    before: rows of user_segments of the last published night.
    """
    kept = sorted(portraits.columns(traits) | _MONEY | _DAYS)
    old = before.select("user_id", F.col("segment_id").alias("previous"))
    return features.select("user_id", *kept).join(by(features, vectors, old), "user_id")


def explained(members: DataFrame, portrayed: Portraits, names: dict[int, tuple[str, str]]) -> DataFrame:
    """`members` with the names of their segments and the reasons for being there, less the features that say so."""
    rows = [(group, *name) for group, name in sorted(names.items())]
    ddl = "segment_id int, segment_name string, segment_name_zh string"
    named = F.broadcast(members.sparkSession.createDataFrame(rows, ddl))
    frame = with_reasons(members, portrayed).join(named, "segment_id")
    return frame.drop(*((portraits.columns(portrayed.traits) | _MONEY) - _DAYS))


def put_members(changed: DataFrame, s: Settings, last: LastNight) -> DataFrame:
    """Stage tonight's memberships, which are returned, and the changes that lead to them.

    changed: rows of `changes.with_changes`.
    """
    stamp = {"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}
    here = changed.where("segment_id IS NOT NULL").withColumns(stamp)
    staging.put(here, s, USER_SEGMENTS)
    moved = changed.where("change != 'stay'").withColumns(
        stamp | {"previous_ds": F.lit(last.day).cast("date"), "from_segment_id": F.col("previous_segment_id"),
                 "to_segment_id": F.col("segment_id")}
    )  # fmt: skip
    staging.put(moved if last.day else moved.where("false"), s, SEGMENT_CHANGES)
    return here


def put_profiles(
    people: DataFrame, s: Settings, last: LastNight, rules: Rules, names: Iterable[tuple[str, str]], size: int
) -> None:
    """Stage the night's profiles and, of what is staged, how many of the `size` users each tag covers.

    names: of tonight's segments.
    """
    staging.put(people.withColumns({"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}), s, USER_PROFILES)
    staged = delta.read(people.sparkSession, s.warehouse, USER_PROFILES.staged()).where(f"ds = DATE'{s.ds}'")
    covered = {row["tag"]: row["coverage"] for row in last.rows(s, TAGS)}
    staging.put_rows(tags.coverage(staged, size, covered, sorted(names), rules.tags), s, TAGS)


def with_titles(labels: Labels, counts: Counts, spark: SparkSession, s: Settings) -> Labels:
    """The labels, with words of titles for categories that are numbers and that nobody labelled."""
    categories = {category for of_segment in counts.of.values() for category in of_segment}
    codes = {category for category in categories if is_code(category) and not labels.named(category)}
    products = delta.read_or_empty(spark, s.warehouse, SILVER_PRODUCTS) if codes else None
    return replace(labels, titles=words_of_titles(products, codes)) if products is not None else labels


def highest_family(s: Settings) -> int:
    """The greatest family id of nights before ds; 0 without one."""
    if not delta.has_column(s.warehouse, SEGMENTS, "family_id"):
        return 0
    (row,) = delta.rows(s.warehouse, SEGMENTS, f"ds < '{s.ds}'", "max(family_id) AS highest")
    return row["highest"] or 0


def run(spark: SparkSession, s: Settings) -> str:
    """Stage the night's segments; nothing is published here."""
    tonight, source = f"ds = DATE'{s.ds}'", load(s.source)
    (model, of_model), last, rules = tonights_model(spark, s), LastNight.before(s), Rules.load()
    scorer, former_rules = Scorer(model, rules.segments.margin), Rules.of_text(last.definitions.get("profiles"))
    users = delta.read_or_empty(spark, s.warehouse, SILVER_USERS)
    features = delta.read(spark, s.warehouse, USER_FEATURES).where(tonight).drop("run_id", "ds")
    features = features.join(consents.refusing(users, "profiling"), "user_id", "left_anti")
    of_tags = tags.with_big_basket(rules.tags, source.thresholds.big_basket, features)
    rules = rules.model_copy(update={"tags": of_tags})
    vectors = seen_by(spark, s, model)
    before = erasures.with_segments(last.read(spark, s, USER_SEGMENTS), last.gone)
    labels = source.category_labels()
    traits = all_traits(model.departments, labels)
    members = frames.kept(placed(features, vectors, before, scorer, traits))

    portrayed, by_segment = Portraits.of(members, traits), summary.totals(members)
    segments_before = last.rows(s, SEGMENTS)
    sizes = {group: row["size"] for group, row in by_segment.items()}
    size = sum(sizes.values())
    sequences = with_days(delta.read(spark, s.warehouse, USER_SEQUENCES).where(tonight))
    sample = frames.kept(journeys.sampled(members, size))
    counts = tastes.counts(sequences, sample, {*source.labels, *source.labels_zh})
    labels = with_titles(labels, counts, spark, s)
    naming = naming_of(model, portrayed, sizes, counts, labels, segments_before, highest_family(s))
    names = naming.names
    described = explained(members, portrayed, names).withColumn("model_version", F.lit(model.version))
    former, since = changes.last_scorer(s, last, former_rules, scorer), (s.ds - last.day).days if last.day else 0
    again = changes.scored_again(spark, s, last.day, before, former, scorer, features, vectors)
    changed = changes.with_changes(
        described, before, again, unchanged=former is scorer, since=since, gone=last.gone,
        spoken=consents.spoken(users, "profiling", last.day) if last.day else None,
    )  # fmt: skip
    changed = frames.kept(changed.withColumn("model_version", F.lit(model.version)))
    here = put_members(changed, s, last)

    moves, expected = flows.flows(changed, since) if last.day else [], predictions(spark, s, model)
    ways = journeys.typical(sequences, sample, s.ds, counts.sizes, labels, counts.nothing)
    of_night = summary.Night(
        by_segment, of_model, portrayed, counts, labels, summary.expected(members, expected), moves, ways
    )
    writer = LanguageModel.load()
    told = counts.labels(labels, Pages.load().with_tables())
    living = summary.living_rows(
        of_night, model, naming, lambda facts: written.portraits(s, writer, facts, told), writer.model
    )
    ended = summary.ended_rows(summary.names(segments_before), model, moves)
    staging.put_rows(living + ended, s, SEGMENTS)

    people = profiles.build(features, users, here, expected, last.read(spark, s, USER_PROFILES), rules, former_rules)
    put_profiles(people, s, last, rules, names.values(), size)
    frames.free(members, changed, sample)  # a standing Spark would keep them
    against = f"{last.day}: {flows.steadiness(moves)}" if last.day else "no night before"
    died = f"; ended: {[row['segment_id'] for row in ended]}" if ended else ""
    return f"{size:,} users in {len(living)} segments by model version {model.version}, held against {against}{died}"
