"""segment: embeddings + features -> staged segments, memberships, changes, profiles and tags.

The centres come with the model version (gold.segment_models), so that a night only assigns. Where a user was on the
last published night is an input: the same night after the same night gives the same rows, whenever it is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import ValidationError
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from jobs.errors import DataError
from jobs.lake import delta, erasures, staging
from jobs.lake.engine import frames
from jobs.segments import changes, journeys, profiles, reasons, tags, traits
from jobs.segments.assign import Scorer, SegmentModel
from jobs.settings import Settings
from jobs.sources.spec import load
from jobs.tables import (
    PREDICTIONS,
    RUNS,
    SEGMENT_CHANGES,
    SEGMENT_MODELS,
    SEGMENTS,
    SILVER_USERS,
    TAGS,
    USER_EMBEDDINGS,
    USER_FEATURES,
    USER_PROFILES,
    USER_SEGMENTS,
    USER_SEQUENCES,
)

_OF_MODEL = ("rule", "rule_zh", "rule_fidelity", "parents", "status")  # columns that a night takes over
SUCCESSOR = 0.25  # of an ended segment's users, from which on where they went is a successor


def model_rows(s: Settings, version: str) -> list[dict]:
    """The rows of gold.segment_models of a model version."""
    return delta.rows(s.warehouse, SEGMENT_MODELS, f"model_version = '{version}'")


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


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last night published before ds: its rows of user_segments and user_profiles, the coverage of its tags, the
    names of its living segments, the rules that made its profiles, and who was erased since (`gone`; in `members` by
    their subjects). Without one: no day, no rows.
    """

    day: date | None
    members: DataFrame
    profiles: DataFrame
    tags: dict[str, float]
    names: dict[int, tuple[str, str]]
    version: str | None
    rules: profiles.Lines | None
    gone: tuple[dict, ...] = ()

    @classmethod
    def before(cls, spark: SparkSession, s: Settings) -> LastNight:
        day = changes.last_published(s)
        where = f"ds = DATE'{day}'" if day else "false"
        members, people = (
            delta.read_or_empty(spark, s.warehouse, t).where(where) for t in (USER_SEGMENTS, USER_PROFILES)
        )
        if day is None:
            return cls(None, members, people, {}, {}, None, None)
        segments, tagged, runs = (delta.rows(s.warehouse, t, f"ds = '{day}'") for t in (SEGMENTS, TAGS, RUNS))
        living = [row for row in segments if row["status"] != "died"]
        names = {row["segment_id"]: (row["segment_name"], row["segment_name_zh"]) for row in living}
        coverage = {row["tag"]: row["coverage"] for row in tagged}
        newest = max(runs, key=lambda run: run["published_at"])
        gone = tuple(erasures.leavers(s, day))
        members = erasures.with_segments(members, gone)
        return cls(day, members, people, coverage, names, newest["model_version"], _rules(newest), gone)

    def scorer(self, s: Settings, now: Scorer) -> Scorer | None:
        """By what the night scored, `now` itself where that is the same; None without a night, or where it is gone."""
        margin = self.rules.segments.margin if self.rules else now.margin
        if self.version == now.model.version:
            return now if margin == now.margin else Scorer(now.model, margin)
        rows = model_rows(s, self.version) if self.version else []
        return Scorer(SegmentModel.from_rows(self.version, rows), margin) if rows else None


def _rules(run: dict) -> profiles.Lines | None:
    """The rules of conf/profiles.yaml that a row of ops.runs names; None where they cannot be read any more."""
    told = dict(run.get("definitions") or ())
    try:
        return profiles.Lines.model_validate_json(told["profiles"]) if "profiles" in told else None
    except ValidationError:
        return None


@dataclass(frozen=True, slots=True)
class Flow:
    """Users by where they were and are: `users` of one previous_segment_id, segment_id (None: nowhere) and change."""

    old: int | None
    new: int | None
    change: str
    users: int
    quiet: int  # those of them of whom no event is new: none since the last night, and none that came late


def flows(changed: DataFrame, since: int) -> list[Flow]:
    """The flows of rows of `changes.with_changes` with inactive_days; since: days since the last night."""
    quiet = (F.coalesce(F.col("inactive_days"), F.lit(365)) >= since) & F.col("corrected_segment_id").isNull()
    rows = changed.groupBy("previous_segment_id", "segment_id", "change").agg(
        F.count("*").alias("users"), F.count_if(quiet).alias("quiet")
    )
    return [Flow(*row) for row in rows.collect()]


def came_and_went(found: list[Flow], group: int) -> tuple[int, int]:
    """Users who came to a segment and went from it since the night before."""
    moved = [flow for flow in found if flow.change != "stay"]
    return sum(f.users for f in moved if f.new == group), sum(f.users for f in moved if f.old == group)


def successors(found: list[Flow], ended: int) -> list[int]:
    """Where at least SUCCESSOR of an ended segment's users went, most first."""
    into = sorted(
        ((f.users, f.new) for f in found if f.old == ended and f.new is not None), key=lambda x: (-x[0], x[1])
    )
    return [group for users, group in into if users >= SUCCESSOR * sum(f.users for f in found if f.old == ended)]


def steadiness(found: list[Flow]) -> str:
    """How many users without a new event kept their segment, in words."""
    kept = sum(f.quiet for f in found if f.change == "stay")
    quiet = kept + sum(f.quiet for f in found if f.change == "move")
    return (
        f"of {quiet:,} users without a new event {kept / quiet:.2%} kept their segment" if quiet else "nobody was quiet"
    )


def names_of(
    groups: dict[int, dict[str, float]],
    base: dict[str, tuple[float, float]],
    known: list[traits.Trait],
    before: dict[int, tuple[str, str]],
) -> dict[int, tuple[str, str]]:
    """A name for each segment: last night's, while tonight's traits still say part of it, else a new one."""
    z = {group: reasons.z_scores(means, base) for group, means in groups.items()}
    names = {}
    for group in groups.keys() & before.keys():
        said = {text.lower() for text, _ in traits.phrases(z[group], known)} or {traits.PLAIN[0]}
        if any(part.lower() in said for part in before[group][0].split(" · ")):
            names[group] = before[group]
    fresh = {group: z[group] for group in groups if group not in names}
    return names | traits.name_groups(fresh, known, {en for en, _ in names.values()})


def sums(members: DataFrame) -> dict[int, Row]:
    """size, s28 and s365 (money of 28 and 365 days) by segment."""
    found = members.groupBy("segment_id").agg(
        F.count("*").alias("size"), F.sum("monetary_28d").alias("s28"), F.sum("monetary_365d").alias("s365")
    )
    return {row["segment_id"]: row for row in found.collect()}


def living_rows(
    of_group: dict[int, Row], model: SegmentModel, rules: dict[int, dict], known: list[traits.Trait], base: dict,
    groups: dict, names: dict, found: list[Flow], ways: dict[int, list[dict]],
) -> list[dict]:  # fmt: skip
    """Rows of gold.segments less the stamps: a segment with users each."""
    total, spend = sum(r["size"] for r in of_group.values()), float(sum(r["s365"] for r in of_group.values()))
    rows = []
    for group, row in sorted(of_group.items()):
        said = traits.phrases(reasons.z_scores(groups[group], base), known)
        share = row["size"] / total
        english, chinese = traits.sentence(row["size"], share, float(row["s365"]), spend, said)
        came, went = came_and_went(found, group)
        rows.append({
            "segment_id": group, "segment_name": names[group][0], "segment_name_zh": names[group][1],
            "description": english, "description_zh": chinese, "size": row["size"], "share": share,
            "spend_28d": row["s28"], "spend_365d": row["s365"],
            "traits": reasons.trait_table(groups[group], base, known), "entered": came, "left": went,
            "successors": [], "journeys": ways.get(group, []), "model_version": model.version,
        } | {name: rules[group].get(name) for name in _OF_MODEL})  # fmt: skip
    return rows


def ended_rows(last: LastNight, model: SegmentModel, found: list[Flow]) -> list[dict]:
    """Rows of gold.segments less the stamps: the segments of the last night whose id tonight's model has no more."""
    rows = []
    for group in sorted(last.names.keys() - set(model.ids.tolist())):
        into, (_, went) = successors(found, group), came_and_went(found, group)
        where = ", ".join(map(str, into))
        rows.append({
            "segment_id": group, "segment_name": last.names[group][0], "segment_name_zh": last.names[group][1],
            "description": f"Ended with model version {model.version}; most of its {went:,} users went to {where}.",
            "description_zh": f"随模型版本{model.version}结束；{went:,}位用户主要转入人群{where}。",
            "size": 0, "share": 0.0, "spend_28d": Decimal(0), "spend_365d": Decimal(0), "traits": [],
            "entered": 0, "left": went, "parents": [], "status": "died", "successors": into, "journeys": [],
            "model_version": model.version,
        })  # fmt: skip
    return rows


def run(spark: SparkSession, s: Settings) -> str:
    """Stage the night's segments; nothing is published here."""
    tonight, source, stamp = f"ds = DATE'{s.ds}'", load(s.source), {"run_id": F.lit(s.run_id), "ds": F.lit(s.ds)}
    (model, rules), last = tonights_model(spark, s), LastNight.before(spark, s)
    features = delta.read(spark, s.warehouse, USER_FEATURES).where(tonight).drop("run_id", "ds")
    vectors = seen_by(spark, s, model)
    lines = profiles.load_lines()
    scorer = Scorer(model, lines.segments.margin)
    old = last.members.select("user_id", F.col("segment_id").alias("previous"))
    departments = [name.removeprefix("dept:") for name in model.inputs if name.startswith("dept:")]
    known = traits.all_traits(departments, source.labels, source.labels_zh)
    # What is kept of a user in memory: not all of some 200 features.
    told = sorted(reasons.columns(known) | {"monetary_28d", "monetary_365d", "tenure_days", "inactive_days"})
    members = frames.kept(features.select("user_id", *told).join(scorer(features, vectors, old), "user_id"))

    of_groups = reasons.moments(members, known)
    base, groups = reasons.base_statistics(of_groups, known), reasons.group_means(of_groups)
    names = names_of(groups, base, known, last.names)
    named = spark.createDataFrame(
        [(g, *n) for g, n in sorted(names.items())], "segment_id int, segment_name string, segment_name_zh string"
    )
    english, chinese = reasons.reasons(known, base, groups)
    explained = members.withColumns({"reasons": english, "reasons_zh": chinese}).join(F.broadcast(named), "segment_id")
    explained = explained.withColumn("model_version", F.lit(model.version))
    explained = explained.drop(*(set(told) - {"tenure_days", "inactive_days"}))
    since, former = (s.ds - last.day).days if last.day else 0, last.scorer(s, scorer)
    again = changes.scored_again(spark, s, last.day, last.members, former, scorer, features, vectors)
    changed = changes.with_changes(
        explained, last.members, again, unchanged=former is scorer, since=since, gone=last.gone
    )
    changed = frames.kept(changed.withColumn("model_version", F.lit(model.version)))

    here = changed.where("segment_id IS NOT NULL").withColumns(stamp)
    staging.put(here, s, USER_SEGMENTS)
    moved = changed.where("change != 'stay'").withColumns(
        stamp | {"previous_ds": F.lit(last.day).cast("date"), "from_segment_id": F.col("previous_segment_id"),
                 "to_segment_id": F.col("segment_id")}
    )  # fmt: skip
    staging.put(moved if last.day else moved.where("false"), s, SEGMENT_CHANGES)
    found, of_group = flows(changed, since) if last.day else [], sums(members)
    size = sum(row["size"] for row in of_group.values())
    sequences = delta.read(spark, s.warehouse, USER_SEQUENCES).where(tonight)
    ways = journeys.typical(sequences, members, s.ds, size)
    rows = living_rows(of_group, model, rules, known, base, groups, names, found, ways)
    ended = ended_rows(last, model, found)
    staging.put_rows(rows + ended, s, SEGMENTS)
    users = delta.read(spark, s.warehouse, SILVER_USERS)
    expected = predictions(spark, s, model)
    people = profiles.build(features, users, here, expected, last.profiles, lines, last.rules).withColumns(stamp)
    staging.put(people, s, USER_PROFILES)
    staged = delta.read(spark, s.warehouse, USER_PROFILES.staged()).where(tonight)
    staging.put_rows(tags.coverage(staged, size, last.tags, sorted(names.values()), lines.tags), s, TAGS)
    for frame in (members, changed):  # a standing Spark would keep them
        frames.free(frame)
    against = f"{last.day}: {steadiness(found)}" if last.day else "no night before"
    died = f"; ended: {[row['segment_id'] for row in ended]}" if ended else ""
    return f"{size:,} users in {len(rows)} segments by model version {model.version}, held against {against}{died}"
