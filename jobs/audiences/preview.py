"""audience preview FILE: what an audience would be, before its file is merged: size, overlap, who would come and go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from jobs.audiences import estimate, explain, members, names, overlap, validate
from jobs.audiences.behaviour import with_behaviour
from jobs.audiences.book import Book
from jobs.audiences.estimate import Estimate
from jobs.audiences.lookalike import Found
from jobs.audiences.people import with_last_night, with_lookalikes
from jobs.audiences.rule import words
from jobs.errors import DataError
from jobs.lake import delta
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import USER_PROFILES

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file would make on ds. Counts are of the sample: `sample` of `users` users."""

    audience: str
    users: int
    sample: int
    size: int
    holdout: int
    suppressed: dict[str, int]
    known: bool  # the audience was published for ds
    enter: int
    leave: int
    entering: list[str]
    leaving: list[str]
    overlaps: list[dict]
    found: Found | None
    warnings: list[str]  # names that the shop does not know

    def of_all(self, count: int) -> Estimate:
        return estimate.estimate(count, self.sample, self.users)


def preview(spark: SparkSession, s: Settings, path: Path, *, exact: bool, share: float | None) -> tuple[Preview, Book]:
    """Ask the file's rule of the published profiles of ds, as if it were due; nothing is written.

    share: of the users that are asked (a stable hash says who); default: `estimate.sample_share`. exact:
    everybody, as always where a lookalike is asked, which nobody can tell from some.
    """
    book, audience = Book.load(beside=path), path.stem
    validate.validate(spark, book)
    people = delta.read(spark, s.warehouse, USER_PROFILES).where(f"ds = DATE'{s.ds}'")
    if not (users := people.count()):
        raise DataError(f"expected published profiles of {s.ds} in gold.user_profiles, found none; publish it first")
    share = 1.0 if exact or book.reads_vectors(audience) else share or estimate.sample_share(users)
    rows = with_last_night(spark, s, people, book, s.ds)
    needed, everybody = book.with_needs({audience}), rows
    if share < 1:
        rows = rows.where(estimate.sampled(s.ds, share))
    rows = with_behaviour(spark, s, rows, [needed], s.ds, ranked=everybody if share < 1 else None)
    wanted = {other for other in needed if book[other].lookalike}
    rows, lookalikes = with_lookalikes(spark, s, rows, book, wanted)
    made = {other for other, found in lookalikes.items() if found.members is not None}
    evaluated = members.evaluate(rows.where("here"), needed, "now", alike=made, ds=s.ds)
    evaluated = frames.kept(evaluated.withColumns({
        "inside": members.has("now", audience),
        "was": F.coalesce(F.map_contains_key("_since", audience), F.lit(False)),
    }).select("user_id", "global_holdout", "inside", "was", "_since", "now_out"))  # fmt: skip
    counts = _counted(evaluated, audience, book)
    overlaps = _overlaps(evaluated, audience, counts["size"])
    enters, leaves = "inside AND NOT was", "was AND NOT inside"
    result = Preview(
        audience=audience, users=users, suppressed=_suppressed(evaluated, audience), known=counts.pop("known") > 0,
        entering=_some(evaluated, enters), leaving=_some(evaluated, leaves), overlaps=overlaps,
        found=lookalikes.get(audience), warnings=names.unknown(spark, s, Book({audience: book[audience]}), people),
        **counts,
    )  # fmt: skip
    frames.free(evaluated)
    return result, book


def _counted(evaluated: DataFrame, audience: str, book: Book) -> dict[str, int]:
    row = evaluated.agg(
        F.count("*").alias("sample"), F.count_if("inside").alias("size"),
        F.count_if(F.col("inside") & members.held_out(audience, book[audience].holdout)).alias("holdout"),
        F.count_if(F.expr("inside AND NOT was")).alias("enter"),
        F.count_if(F.expr("was AND NOT inside")).alias("leave"), F.count_if("was").alias("known"),
    ).first()  # fmt: skip
    return row.asDict()


def _suppressed(evaluated: DataFrame, audience: str) -> dict[str, int]:
    reasons = evaluated.select(F.inline("now_out")).where(F.col("audience_id") == audience).groupBy("reason").count()
    return {row["reason"]: row["count"] for row in reasons.orderBy("reason").collect()}


def _overlaps(evaluated: DataFrame, audience: str, size: int) -> list[dict]:
    """With each other audience as it was published for ds."""
    others = evaluated.select("inside", F.explode(F.map_keys("_since")).alias("other")).groupBy("other").agg(
        F.count("*").alias("size"), F.count_if("inside").alias("both")
    ).where(F.col("other") != audience).collect()  # fmt: skip
    sizes = {audience: size} | {row["other"]: row["size"] for row in others}
    both = {tuple(sorted((audience, row["other"]))): row["both"] for row in others}
    return list(overlap.with_one(sizes, both, audience))


def _some(evaluated: DataFrame, which: str) -> list[str]:
    return [row["user_id"] for row in evaluated.where(which).orderBy("user_id").limit(_EXAMPLES).collect()]


def _number(users: Estimate) -> str:
    if users.low == users.high:
        return f"{users.size:,.0f}"
    return f"about {users.size:,.0f} (95 %: {users.low:,.0f} to {users.high:,.0f})"


def shown(p: Preview, book: Book, s: Settings) -> Group:
    """The preview as a terminal shows it."""
    definition, size = book[p.audience], p.of_all(p.size)
    how = "exact: everybody was asked" if p.sample == p.users else (
        f"told from {p.sample:,} of {p.users:,} users; {estimate.METHOD}; --exact asks everybody"
    )  # fmt: skip
    rule = words.rule(definition.rule) if definition.rule else definition.where or ", ".join(definition.parts)
    if definition.lookalike:
        rule = f"the {definition.lookalike.size:,} users most like {rule}"
    facts = Grid.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_row("who", definition.description)
    facts.add_row("", definition.description_zh)
    facts.add_row(definition.kind, rule)
    facts.add_row("schedule", f"{definition.when} · owner {definition.owner} · definition {book.hash(p.audience)}")
    facts.add_row("size", f"[bold green]{_number(size)}[/], {size.size / p.users:.1%} of the users", end_section=True)
    facts.add_row("", Text(how, style="dim"))
    if definition.holdout:
        facts.add_row("holdout", f"{_number(p.of_all(p.holdout))} of them, so that an effect can be measured")
    for reason, count in p.suppressed.items():
        facts.add_row("kept out", f"{_number(p.of_all(count))}: {reason}")
    for warning in p.warnings:
        facts.add_row("warning", Text(warning, style="bold yellow"))
    if p.found and p.found.refused:
        facts.add_row("refused", Text(p.found.refused, style="bold red"))
    if p.found and p.found.curve:
        steps = ", ".join(f"{step['users']:,}: {step['similarity']:.2f}" for step in p.found.curve)
        facts.add_row("similarity", f"of the last of so many (seed {p.found.seed_size:,}): {steps}")
    title = f"{p.audience}: {definition.name} {definition.name_zh} as of {s.ds}"
    return Group(Panel(facts, title=title, title_align="left"), _moves(p, s), *_overlap_grid(p))


def _moves(p: Preview, s: Settings) -> Grid | Text:
    if not p.known:
        return Text(f"New: nobody is in it as published for {s.ds}; all of them would enter.\n")
    grid = Grid("", "users", f"for example (against the members published for {s.ds})", title_justify="left")
    grid.add_row("would enter", _number(p.of_all(p.enter)), ", ".join(p.entering) or "-")
    grid.add_row("would leave", _number(p.of_all(p.leave)), ", ".join(p.leaving) or "-")
    return grid


def _overlap_grid(p: Preview) -> list[Grid]:
    if not p.overlaps:
        return []
    grid = Grid("overlap with", "users in both", "Jaccard", "of the smaller")
    for row in p.overlaps:
        other = row["other_id"] if row["audience_id"] == p.audience else row["audience_id"]
        near = "bold yellow" if (row["jaccard"] or 0) >= 0.8 else ""
        grid.add_row(other, _number(p.of_all(row["both"])), f"{row['jaccard'] or 0:.0%}",
                     f"{row['share_of_smaller'] or 0:.0%}", style=near)  # fmt: skip
    return [grid]


def run(spark: SparkSession, s: Settings, path: Path, exact: bool, share: float | None, user: str | None = None) -> str:
    """The preview as a text; of a `user`, why he is in it or not."""
    with validate.computed():
        if user is not None:
            return explain.run(spark, s, path, user)
        result, book = preview(spark, s, path, exact=exact, share=share)
    console = Console()
    with console.capture() as captured:
        console.print(shown(result, book, s))
    return captured.get().rstrip("\n")
