"""Why a user's behaviour moved him: the conditions of a rule that came out otherwise, with his numbers then and now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.behaviour import answered
from jobs.audiences.book import Book
from jobs.audiences.former import Former
from jobs.audiences.members import has
from jobs.audiences.rule import words
from jobs.audiences.rule.facts import Asked, named
from jobs.audiences.rule.parts import Part
from jobs.audiences.rule.truth import Questions, truth
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import USER_PROFILES


def with_why(
    spark: SparkSession, s: Settings, moved: DataFrame, evaluated: DataFrame, people: DataFrame, book: Book,
    former: Former,
) -> DataFrame:  # fmt: skip
    """`moved` (see changes.changed) with `why`, null where the cause is another or no rule of behaviour was asked.

    evaluated: rows of counterfactual.nights; people: tonight's rows of user_profiles.
    """
    rules = {audience: rule for audience in book if (rule := book[audience].rule) is not None}
    told = moved.where(F.col("cause").eqNullSafe("behaviour") & F.col("audience_id").isin(*rules, ""))
    users = told.select("user_id").distinct()
    if former.day is None or not rules or users.isEmpty():
        return moved.withColumn("why", F.lit(None).cast("string"))
    users = frames.kept(users.join(evaluated.select("user_id", "now", "_since"), "user_id"))
    leaves = {named("leaf", leaf): leaf for rule in rules.values() for leaf in words.leaves(rule)}
    before = former.night.read(spark, s, USER_PROFILES)
    then = _asked(
        spark, s, users, before, leaves, former.day, lambda other: F.map_contains_key("_since", other), "then"
    )
    now = _asked(spark, s, users, people, leaves, s.ds, lambda other: has("now", other), "now")
    differing = _differing(then.join(now, "user_id"), leaves)
    found = frames.kept(_texts(told.select("user_id", "audience_id"), differing, rules))
    return moved.join(found, ["user_id", "audience_id"], "left")


def _asked(
    spark: SparkSession, s: Settings, users: DataFrame, people: DataFrame, leaves: dict[str, Part], ds: date,
    inside: Callable[[str], Column], when: str,
) -> DataFrame:  # fmt: skip
    """One row a user: of each leaf whether it holds and his numbers, as of ds as it was known then."""
    q = Questions(Asked(ds, ds), inside)
    columns = {}
    for name, leaf in leaves.items():
        columns |= {f"{name}_{when}": truth(leaf, q), f"{name}_{when}_own": words.own(leaf, q)}
    rows = answered(spark, s, people.join(users, "user_id"), q, ranked=people)
    return rows.select("user_id", *[column.alias(name) for name, column in columns.items()])


def _differing(both: DataFrame, leaves: dict[str, Part]) -> DataFrame:
    """user_id, leaf and text of each leaf that came out otherwise for a user, with his numbers of both nights."""
    both, rows = frames.kept(both), []
    for name, leaf in leaves.items():
        numbers = F.concat_ws(" -> ", f"{name}_then_own", f"{name}_now_own")
        text = F.concat_ws(": ", F.lit(words.leaf(leaf)), numbers)
        differs = both.where(F.col(f"{name}_then") != F.col(f"{name}_now"))
        rows.append(differs.select("user_id", F.lit(name).alias("leaf"), text.alias("text")))
    return frames.union(rows)


def _texts(told: DataFrame, differing: DataFrame, rules: Mapping[str, Part]) -> DataFrame:
    """`told` (user_id, audience_id) with `why`, the texts of the leaves of its rule in their order; only where there is
    one.
    """
    placed = [(audience, named("leaf", leaf), place)
              for audience, rule in rules.items() for place, leaf in enumerate(words.leaves(rule))]  # fmt: skip
    places = told.sparkSession.createDataFrame(placed, "audience_id string, leaf string, place int")
    rows = told.join(F.broadcast(places), "audience_id").join(differing, ["user_id", "leaf"])
    most = 1 + max(place for _, _, place in placed)
    texts = [F.max(F.when(F.col("place") == place, F.col("text"))).alias(f"_{place}") for place in range(most)]
    found = rows.groupBy("user_id", "audience_id").agg(*texts)
    return found.select(
        "user_id", "audience_id", F.concat_ws("; ", *[f"_{place}" for place in range(most)]).alias("why")
    )
