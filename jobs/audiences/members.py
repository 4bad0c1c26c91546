"""Who is in which audience: the definitions of a book, asked of each user's row. No row looks at another."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta
from functools import reduce
from operator import and_, or_

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.book import Book
from jobs.audiences.definition import Definition
from jobs.audiences.rule.facts import Asked
from jobs.audiences.rule.truth import Questions, truth
from jobs.audiences.rule.values import any_of
from jobs.chance import Chance
from jobs.lake import delta, erasures, expressions
from jobs.segments import of_night
from jobs.settings import Settings
from jobs.tables import AUDIENCE_CHANGES, AUDIENCE_MEMBERS, AUDIENCE_SUPPRESSED, USER_PROFILES

CONSENT = "consent"
ONCE = "entered before"  # once_in_days
# What an evaluation reads of a user beside his profile. since: the night of entry by audience, of the last published
# night; held: audiences that he was kept out of then; refused: those of them by his consent; recent: audiences that he
# entered within their once_in_days; alike: similarity by lookalike that he is among tonight.
BESIDE = {
    "_since": "map<string,date>", "_held": "array<string>", "_refused": "array<string>", "_recent": "array<string>",
    "_alike": "map<string,double>",
}  # fmt: skip


def alone(people: DataFrame) -> DataFrame:
    """`people` with no night before them."""
    return people.withColumns({name: F.lit(None).cast(kind) for name, kind in BESIDE.items()})


def last_members(spark: SparkSession, s: Settings, night: date | None) -> DataFrame:
    """One row a user who was in an audience on the last published night, or kept out of one: user_id, _since, _held,
    _refused. Who was erased since is in it by his subject.
    """
    inside, outside = (of_night(spark, s, table, night) for table in (AUDIENCE_MEMBERS, AUDIENCE_SUPPRESSED))
    inside = erasures.with_audiences(inside, erasures.leavers(s, night))
    pair = F.struct("audience_id", "since_ds")
    since = inside.groupBy("user_id").agg(F.map_from_entries(F.array_sort(F.collect_list(pair))).alias("_since"))
    refused = F.when(F.col("reason") == CONSENT, F.col("audience_id"))
    held = outside.groupBy("user_id").agg(
        F.sort_array(F.collect_set("audience_id")).alias("_held"),
        F.sort_array(F.collect_set(refused)).alias("_refused"),
    )
    return since.join(held, "user_id", "full")


def recent_entries(spark: SparkSession, s: Settings, book: Book) -> DataFrame:
    """One row a user: `_recent`, the audiences that he entered so recently that he may not enter them again."""
    capped = {audience: days for audience in book if (days := book[audience].suppress.once_in_days)}
    since = {audience: s.ds - timedelta(days=days) for audience, days in capped.items()}
    within = [f"(audience_id = '{audience}' AND ds > DATE'{day}')" for audience, day in since.items()]
    longest = s.ds - timedelta(days=max(capped.values(), default=0))
    entered = delta.read_or_empty(spark, s.warehouse, AUDIENCE_CHANGES).where(
        f"ds > DATE'{longest}' AND ds < DATE'{s.ds}' AND change = 'enter'"
    )
    entered = entered.where(" OR ".join(within) or "false")
    return entered.groupBy("user_id").agg(F.sort_array(F.collect_set("audience_id")).alias("_recent"))


def has(array: str, audience: str) -> Column:
    return F.coalesce(F.array_contains(array, audience), F.lit(False))


def _was(audience: str) -> Column:
    return F.coalesce(F.map_contains_key("_since", audience), F.lit(False))


def _rule(
    audience: str, definition: Definition, asked: bool, alike: bool, part: Callable[[str], Column], ds: date | None
) -> Column:
    """Whether the audience's rule holds for a row; where it is not asked tonight, whether it held when it was. part:
    whether the row is in an audience that this one is made from.
    """
    if not asked:
        return _was(audience) | has("_held", audience)
    if definition.lookalike:
        return F.coalesce(F.map_contains_key("_alike", audience), F.lit(False)) if alike else _was(audience)
    if definition.where:
        return F.coalesce(F.expr(expressions.condition(definition.where, USER_PROFILES)), F.lit(False))
    if definition.rule is not None:
        if ds is None:
            raise ValueError(f"audience {audience} asks of behaviour, which needs a night")
        return truth(definition.rule, Questions(Asked(ds, ds), part))
    first, *rest = definition.parts
    if definition.kind == "except":
        return reduce(lambda inside, other: inside & ~F.col(f"_in_{other}"), rest, part(first))
    return reduce(or_ if definition.kind == "union" else and_, map(part, rest), part(first))


def kept_out(audience: str, definition: Definition, inside: Callable[[str], Column]) -> Column:
    """Why a row is kept out though the rule may hold; null where nothing does. inside: whether it is in another."""
    rules, reasons = definition.suppress, []
    if rules.consent != "any":
        refused = F.col("marketing_consent").eqNullSafe(False)
        reasons.append(F.when(refused if rules.consent == "not_refused" else ~_true("marketing_consent"), CONSENT))
    reasons += [F.when(inside(other), f"audience {other}") for other in rules.audiences]
    if rules.once_in_days:
        reasons.append(F.when(has("_recent", audience) & ~_was(audience), ONCE))
    return F.coalesce(*reasons, F.lit(None).cast("string"))


def held_out(audience: str | Column, share: float | Column) -> Column:
    """Whether a row (user_id, global_holdout) of an audience is held out: by a hash of audience and user."""
    which = F.lit(audience) if isinstance(audience, str) else audience
    return Chance(0).happens(share, "audience holdout", which, "user_id") | _true("global_holdout")


def _true(column: str) -> Column:
    return F.coalesce(F.col(column), F.lit(False))


def evaluate(
    people: DataFrame, book: Book, into: str, *, asked: Collection[str] | None = None, alike: Collection[str] = (),
    ds: date | None = None,
) -> DataFrame:  # fmt: skip
    """`people` with two columns more: `into`, the ids of the audiences that a row is in (array<string>), and
    `into`_out, those whose rule holds and that it is kept out of, with the reason (array<struct>); a set operation's
    rule holds also where a row is kept out of its parts.

    people: rows of gold.user_profiles with BESIDE; asked: audiences whose rule is asked tonight (default: all), others
    stand as on the last published night; alike: lookalikes that `_alike` speaks of, others stand too. Suppression is
    asked always. ds: the night, for rules of behaviour, of which `people` have the facts (behaviour.with_behaviour).
    """
    frame, reasons, why = people, {}, {}
    inherited = {part for audience in book for part in book[audience].parts}
    for level in book.levels():
        apart, columns = {}, {}
        for audience in level:
            definition, tonight = book[audience], (asked is None or audience in asked, audience in alike)
            # Most audiences keep out the same users: asked once for all of them.
            same = definition.suppress, audience if definition.suppress.once_in_days else None
            if same not in reasons:
                reasons[same] = f"_apart_{len(reasons)}"
                apart[reasons[same]] = kept_out(audience, definition, lambda other: F.col(f"_in_{other}"))
            own = F.col(reasons[same])
            inside = _rule(audience, definition, *tonight, lambda part: F.col(f"_in_{part}"), ds) & own.isNull()
            would = _rule(audience, definition, *tonight, lambda part: F.col(f"_would_{part}"), ds)
            if definition.lookalike:  # who is kept out was no candidate; who was in it is told why he is no more
                would = would | (_was(audience) & own.isNotNull())
            columns |= {f"_in_{audience}": inside, f"_would_{audience}": would}
            parts = () if definition.lookalike else definition.parts
            out = F.col(f"_would_{audience}") & ~F.col(f"_in_{audience}")
            why[audience] = F.when(out, F.coalesce(own, *[F.col(f"_out_{part}") for part in parts]))
        passed_on = {f"_out_{audience}": why[audience] for audience in level if audience in inherited}
        for made in filter(None, (apart, columns, passed_on)):
            frame = frame.withColumns(made)
    members = [F.when(F.col(f"_in_{audience}"), audience) for audience in book]
    held = [F.when(reason.isNotNull(), F.struct(F.lit(audience).alias("audience_id"), reason.alias("reason")))
            for audience, reason in why.items()]  # fmt: skip
    nobody, nothing = F.array().cast("array<string>"), F.array().cast("array<struct<audience_id:string,reason:string>>")
    # Of who is kept out of nothing, no list of reasons is made: it would have a place for each audience.
    beside = [*reasons.values(), *[f"_out_{audience}" for audience in inherited]]
    somewhere = any_of([F.lit(False), *[F.col(name).isNotNull() for name in beside]])
    sides = [f"_{side}_{audience}" for side in ("in", "would") for audience in book]
    return frame.withColumns({
        into: F.array_compact(F.array(*members)) if members else nobody,
        f"{into}_out": F.when(somewhere, F.array_compact(F.array(*held))).otherwise(nothing) if held else nothing,
    }).drop(*sides, *beside)  # fmt: skip
