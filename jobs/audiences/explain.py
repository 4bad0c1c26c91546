"""audience preview FILE --explain USER: why he is in the audience or not, condition by condition, with his numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from jobs.audiences import members
from jobs.audiences.behaviour import answered, questions
from jobs.audiences.book import Book
from jobs.audiences.people import with_last_night
from jobs.audiences.rule import conditions as c
from jobs.audiences.rule import words
from jobs.audiences.rule.parts import Part
from jobs.audiences.rule.truth import Questions, truth
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import USER_PROFILES


@dataclass(frozen=True, slots=True)
class Line:
    """A condition as one line: how deep it lies, in words, whether it holds, and his own numbers (none of a branch)."""

    depth: int
    words: str
    holds: Column
    own: Column | None


def lines(said: Part, q: Questions, depth: int = 0) -> Iterator[Line]:
    """A condition and all in it."""
    if parts := c.children(said):
        head = "not" if isinstance(said, c.Not) else "all of" if isinstance(said, c.AllOf) else "any of"
        yield Line(depth, head, truth(said, q), None)
        for part in parts:
            yield from lines(part, q, depth + 1)
    else:
        yield Line(depth, words.leaf(said), truth(said, q), words.own(said, q))


def explained(spark: SparkSession, s: Settings, path: Path, user: str) -> tuple[list[tuple[int, str, bool, str]], str]:
    """(lines: depth, words, whether it holds, his numbers; what becomes of him) by the published night of ds."""
    book, audience = Book.load(beside=path), path.stem
    rule = book[audience].rule
    if rule is None:
        raise UsageError(f"{path}: expected an audience with a rule to explain, found one of {book[audience].kind}")
    everybody = delta.read(spark, s.warehouse, USER_PROFILES).where(f"ds = DATE'{s.ds}'")
    people = everybody.where(F.col("user_id") == user)
    if people.isEmpty():
        raise DataError(f"expected a user of gold.user_profiles of {s.ds}, found none of the id {user!r}")
    needed = book.with_needs({audience})
    q = questions([needed], s.ds, s.ds)
    q.inside = lambda other: members.has("now", other)
    asked = list(lines(rule, q))
    rows = with_last_night(spark, s, people, book, s.ds).where(F.col("user_id") == user)
    rows = members.evaluate(answered(spark, s, rows, q, ranked=everybody), needed, "now", ds=s.ds)
    facts = {f"holds_{k}": line.holds for k, line in enumerate(asked)}
    facts |= {f"own_{k}": line.own for k, line in enumerate(asked) if line.own is not None}
    facts |= {"inside": members.has("now", audience), "out": F.map_from_entries("now_out")}
    row = rows.select(*[value.alias(name) for name, value in facts.items()]).first().asDict()
    told = [(line.depth, line.words, row[f"holds_{k}"], row.get(f"own_{k}", "")) for k, line in enumerate(asked)]
    reason = (row["out"] or {}).get(audience)
    return told, "in it" if row["inside"] else f"kept out: {reason}" if reason else "not in it"


def run(spark: SparkSession, s: Settings, path: Path, user: str) -> str:
    """The explanation as a text."""
    told, outcome = explained(spark, s, path, user)
    title = f"{user} and {path.stem} as of {s.ds}: {outcome}"
    grid = Grid("", "condition", "his numbers", title=title, title_justify="left")
    for depth, text, holds, own in told:
        mark = Text("yes", style="bold green") if holds else Text("no", style="bold red")
        grid.add_row(mark, "  " * depth + text, own)
    console = Console()
    with console.capture() as captured:
        console.print(grid)
    return captured.get().rstrip("\n")
