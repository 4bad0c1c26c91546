"""Why a user's behaviour moved him: the conditions of a rule that came out otherwise, with his numbers then and now."""

from __future__ import annotations

from collections.abc import Callable
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
    both = then.join(now, "user_id")
    texts = [F.when(F.col("audience_id") == audience, _text(rule)) for audience, rule in rules.items()]
    found = told.select("user_id", "audience_id").join(both, "user_id")
    found = frames.kept(found.select("user_id", "audience_id", F.coalesce(*texts).alias("why")))
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


def _text(rule: Part) -> Column:
    """The leaves that came out otherwise, with the numbers of both nights; null where none did."""
    parts = []
    for leaf in words.leaves(rule):
        name = named("leaf", leaf)
        numbers = F.concat_ws(" -> ", f"{name}_then_own", f"{name}_now_own")
        differs = F.col(f"{name}_then") != F.col(f"{name}_now")
        parts.append(F.when(differs, F.concat_ws(": ", F.lit(words.leaf(leaf)), numbers)))
    text = F.concat_ws("; ", *parts)
    return F.when(F.length(text) > 0, text)
