"""segment: embeddings + features -> staged segments, memberships, changes and profiles.

The centres come with the model version (gold.segment_models), so that a night only assigns: the same user with the
same behaviour is in the same segment, and days may run in any order.
"""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import io, portraits, profiles, traits
from jobs.assign import SegmentModel, nearest, standardised
from jobs.errors import DataError
from jobs.settings import Settings
from jobs.sources import load
from jobs.tables import (
    RUNS,
    SEGMENT_CHANGES,
    SEGMENT_MODELS,
    SEGMENTS,
    SILVER_USERS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_PROFILES,
    USER_SEGMENTS,
)


def load_model(spark: SparkSession, s: Settings) -> SegmentModel:
    """The segment model of the version that encoded ds; DataError where either is missing."""
    vectors = io.read(spark, s.warehouse, USER_EMBEDDINGS).where(f"ds = DATE'{s.ds}'")
    versions = sorted(row[0] for row in vectors.select("model_version").distinct().collect())
    if len(versions) != 1:
        raise DataError(f"expected the embeddings of {s.ds} by one model version, found {versions}; run ml.encode")
    rows = io.read(spark, s.warehouse, SEGMENT_MODELS).where(F.col("model_version") == versions[0]).collect()
    if not rows:
        raise DataError(f"expected segments of model version {versions[0]} in gold.segment_models, found none")
    return SegmentModel.from_rows(versions[0], rows)


def previous_night(spark: SparkSession, s: Settings) -> tuple[date | None, DataFrame, DataFrame]:
    """(day, user_segments, segments) of the last night published before ds; no rows where there is none."""
    nights = io.read_or_empty(spark, s.warehouse, RUNS).where(f"ds < DATE'{s.ds}'")
    day = nights.agg(F.max("ds")).first()[0]
    where = f"ds = DATE'{day}'" if day else "false"
    return (
        day,
        io.read_or_empty(spark, s.warehouse, USER_SEGMENTS).where(where),
        io.read_or_empty(spark, s.warehouse, SEGMENTS).where(where),
    )


def with_changes(members: DataFrame, before: DataFrame, version: str) -> DataFrame:
    """One row a user of either night: previous_segment_id, change (enter, stay, move, exit) and cause.

    With the same model version a move can only come from behaviour (its events, or their absence as days pass); with
    another version a user who is in another segment is put down to the model.
    """
    old = before.select(
        "user_id", F.col("segment_id").alias("previous_segment_id"), F.col("model_version").alias("before_version")
    )
    change = (
        F.when(F.col("previous_segment_id").isNull(), "enter")
        .when(F.col("segment_id").isNull(), "exit")
        .when(F.col("segment_id") == F.col("previous_segment_id"), "stay")
        .otherwise("move")
    )
    by_model = (F.col("change") == "move") & (F.col("before_version") != F.lit(version))
    cause = F.when(by_model, "model").when(F.col("change") != "stay", "behaviour")
    return members.join(old, "user_id", "full").withColumn("change", change).withColumn("cause", cause)


def names_of(
    groups: dict[int, dict[str, float]],
    base: dict[str, tuple[float, float]],
    known: list[traits.Trait],
    before: dict[int, tuple[str, str]],
) -> dict[int, tuple[str, str]]:
    """A name for each segment: last night's, while tonight's traits still say part of it, else a new one."""
    z = {group: portraits.z_scores(means, base) for group, means in groups.items()}
    fresh = traits.name_groups(z, known)
    names = {}
    for group, name in fresh.items():
        old = before.get(group)
        said = {text for text, _ in traits.phrases(z[group], known)}
        still = old is not None and any(part.lower() in {t.lower() for t in said} for part in old[0].split(" · "))
        names[group] = old if still else name
    taken = [en for en, _ in names.values()]
    return names if len(set(taken)) == len(taken) else fresh


def segment_rows(
    members: DataFrame, model: SegmentModel, rules: dict[int, dict], s: Settings, known: list[traits.Trait],
    base: dict, groups: dict, names: dict, moved: dict[int, tuple[int, int]],
) -> list[tuple]:  # fmt: skip
    """Rows of gold.segments, in the order of its contract."""
    sums = members.groupBy("segment_id").agg(
        F.count("*").alias("size"), F.sum("monetary_28d").alias("s28"), F.sum("monetary_365d").alias("s365")
    )
    found = {row["segment_id"]: row for row in sums.collect()}
    total, spend = sum(r["size"] for r in found.values()), float(sum(r["s365"] for r in found.values()))
    rows = []
    for group, row in sorted(found.items()):
        said = traits.phrases(portraits.z_scores(groups[group], base), known)
        share = row["size"] / total
        english, chinese = traits.sentence(row["size"], share, float(row["s365"]), spend, said)
        table = portraits.trait_table(groups[group], base, known)
        rule = rules[group]
        rows.append(
            (group, s.ds, *names[group], english, chinese, row["size"], share, row["s28"], row["s365"], table,
             *moved.get(group, (0, 0)), rule["rule"], rule["rule_fidelity"], rule["parents"], rule["status"],
             model.version, s.run_id)
        )  # fmt: skip
    return rows


def _moved(changed: DataFrame) -> dict[int, tuple[int, int]]:
    """Users who came to and went from each segment since the night before."""
    rows = changed.where("change IN ('enter', 'move', 'exit')").select("previous_segment_id", "segment_id").collect()
    found: dict[int, list[int]] = {}
    for row in rows:
        if row["segment_id"] is not None:
            found.setdefault(row["segment_id"], [0, 0])[0] += 1
        if row["previous_segment_id"] is not None:
            found.setdefault(row["previous_segment_id"], [0, 0])[1] += 1
    return {group: (came, went) for group, (came, went) in found.items()}


def run(spark: SparkSession, s: Settings) -> str:
    """Stage the night's segments; nothing is published here."""
    tonight, source, stamp = f"ds = DATE'{s.ds}'", load(s.source), {"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}
    model = load_model(spark, s)
    features = io.read(spark, s.warehouse, USER_FEATURES).where(tonight).drop("run_id", "ds")
    vectors = io.read(spark, s.warehouse, USER_EMBEDDINGS).where(tonight).select("user_id", "embedding")
    inputs = features.join(vectors, "user_id", "left").select("user_id", standardised(model).alias("x"))
    members = features.join(nearest(inputs, model), "user_id").persist()

    departments = [name.removeprefix("dept:") for name in model.inputs if name.startswith("dept:")]
    known = traits.all_traits(departments, source.labels, source.labels_zh)
    base = portraits.base_statistics(members, known)
    groups = portraits.group_means(members, known)
    day, before, old_segments = previous_night(spark, s)
    old_names = {r["segment_id"]: (r["segment_name"], r["segment_name_zh"]) for r in old_segments.collect()}
    names = names_of(groups, base, known, old_names)
    named = spark.createDataFrame(
        [(g, *n) for g, n in sorted(names.items())], "segment_id int, segment_name string, segment_name_zh string"
    )
    english, chinese = portraits.reasons(known, base, groups)
    explained = members.withColumns({"reasons": english, "reasons_zh": chinese}).join(F.broadcast(named), "segment_id")
    changed = with_changes(explained, before, model.version).withColumn("model_version", F.lit(model.version)).persist()

    here = changed.where("segment_id IS NOT NULL").withColumns(stamp)
    _stage(here, s, USER_SEGMENTS)
    changes = changed.where("change != 'stay'").withColumns(
        stamp | {"previous_ds": F.lit(day).cast("date"), "from_segment_id": F.col("previous_segment_id"),
                 "to_segment_id": F.col("segment_id")}
    )  # fmt: skip
    _stage(changes if day else changes.where("false"), s, SEGMENT_CHANGES)
    version = F.col("model_version") == model.version
    rules = {r["segment_id"]: r.asDict() for r in io.read(spark, s.warehouse, SEGMENT_MODELS).where(version).collect()}
    rows = segment_rows(members, model, rules, s, known, base, groups, names, _moved(changed) if day else {})
    rows = [dict(zip(SEGMENTS.column_names, row, strict=True)) for row in rows]
    io.replace_rows(rows, s.warehouse, SEGMENTS.staged(), f"ds = '{s.ds}'")
    users = io.read(spark, s.warehouse, SILVER_USERS)
    _stage(profiles.build(features, users, here, profiles.load_lines()).withColumns(stamp), s, USER_PROFILES)
    size = sum(row["size"] for row in rows)
    against = day or "no night before"
    return f"{size:,} users in {len(rows)} segments by model version {model.version}, held against {against}"


def _stage(frame: DataFrame, s: Settings, table) -> None:
    io.replace_where(frame.coalesce(1), s.warehouse, table.staged(), f"ds = DATE'{s.ds}'")
