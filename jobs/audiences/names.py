"""Names in rules that the shop does not know: such a rule is empty, or holds for all, and nobody sees why.

Held are categories, departments, brands, products, segments, and texts of profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.audiences.book import Book
from jobs.audiences.rule import conditions as c
from jobs.audiences.rule.measures import USER_FIELDS
from jobs.audiences.rule.parts import Part, Test
from jobs.conf import nearest
from jobs.lake import delta
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import SEGMENTS, SILVER_PRODUCTS, USER_PROFILES

_OF_PRODUCTS: dict[str, Column | str] = {"product": "product_id", "department": "department", "brand": "brand"}
_SEGMENTS = {"segment_name": "segment", "segment_name_zh": "segment"}
_AS_FILED = 10_000  # names of a kind among which a nearest is looked for
_SHOWN = 5  # names that hold the one that is asked for


def named(said: Part) -> Iterator[tuple[str, str]]:
    """(kind, name) of all that a rule names: a field of products, segment, or a column of profiles."""
    for part in c.walk(said):
        if isinstance(part, c.MovedFrom | c.Segment):
            name = part.moved_from if isinstance(part, c.MovedFrom) else part.segment
            yield from [("segment", name)] if isinstance(name, str) else []
            continue
        for field, test in _tests(part):
            kind = "text" if field in (*_OF_PRODUCTS, "category") and not isinstance(part, c.Is) else ""
            if isinstance(part, c.Is) and field in USER_PROFILES.column_names:
                kind = USER_FIELDS.get(field, "")
            if kind in ("text", "texts"):
                yield from ((_SEGMENTS.get(field, field), str(name)) for name in (*test.is_, *test.not_))


def _tests(said: Part) -> Iterator[tuple[str, Test]]:
    """Fields and their tests, in whatever part of a condition they stand; not in the conditions that it holds."""
    for name in type(said).model_fields:
        value = getattr(said, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, dict):
                yield from one.items()
            elif isinstance(one, Part) and c.key_of(one) is None:
                yield from _tests(one)


def unknown(spark: SparkSession, s: Settings, book: Book, people: DataFrame) -> list[str]:
    """A sentence for each name that the shop does not know; none of a warehouse without products or people.

    people: rows of user_profiles.
    """
    asked: dict[tuple[str, str], list[str]] = {}
    for audience in book:
        rule = book[audience].rule
        for pair in dict.fromkeys(named(rule)) if rule is not None else ():
            asked.setdefault(pair, []).append(audience)
    if not asked:
        return []
    kinds = {kind: {name for other, name in asked if other == kind} for kind, _ in asked}
    known = _known(spark, s, kinds, people)
    return [
        f"audience{'s' if len(whose) > 1 else ''} {', '.join(whose)}: the shop knows no {kind} {name!r}"
        f"{_hint(name, known[kind])}"
        for (kind, name), whose in asked.items()
        if known[kind] and name not in known[kind]
    ]  # fmt: skip


def _hint(name: str, known: set[str]) -> str:
    """Some names of which its words are a part, else the nearest."""
    words = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    if around := sorted(filter(words.search, known)):
        first = ", ".join(map(repr, around[:_SHOWN]))
        return f"; there {'are' if len(around) > 1 else 'is'} {first}{', ..' if len(around) > _SHOWN else ''}"
    return nearest(name, sorted(known)) if len(known) < _AS_FILED else ""


def _known(spark: SparkSession, s: Settings, kinds: dict[str, set[str]], people: DataFrame) -> dict[str, set[str]]:
    """By kind the names that the shop knows; of products only those that are asked for, of which there may be many."""
    path = F.coalesce(F.col("category_path"), F.array().cast("array<string>"))
    products = delta.read_or_empty(spark, s.warehouse, SILVER_PRODUCTS)
    lists = {kind: (products, F.array(_OF_PRODUCTS[kind])) for kind in kinds if kind in _OF_PRODUCTS}
    if "category" in kinds:
        lists["category"] = (products, F.concat(F.array("department", "category"), path))
    for kind in kinds.keys() - lists.keys():
        columns = F.array("segment_name", "segment_name_zh") if kind == "segment" else F.col(kind)
        lists[kind] = (people, columns if USER_FIELDS.get(kind) == "texts" or kind == "segment" else F.array(columns))
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    rows = [
        frame.select(F.lit(kind).alias("kind"), F.explode(names).alias("name")).where("name IS NOT NULL").distinct()
        for kind, (frame, names) in lists.items() if kind != "product"
    ]  # fmt: skip
    for row in frames.union(rows).collect() if rows else ():
        found[row["kind"]].add(row["name"])
    if "product" in kinds:
        some = products.where(F.col("product_id").isin(*sorted(kinds["product"]))).select("product_id").collect()
        found["product"] = {row["product_id"] for row in some} or ({""} if not products.isEmpty() else set())
    if "segment" in kinds:
        ever = delta.rows(s.warehouse, SEGMENTS, "true", "DISTINCT segment_name, segment_name_zh")
        found["segment"] |= {name for row in ever for name in row.values()}
    return found


def newest_people(spark: SparkSession, s: Settings) -> DataFrame:
    """The profiles of the last published night; none where there is none."""
    people = delta.read_or_empty(spark, s.warehouse, USER_PROFILES)
    newest = delta.rows(s.warehouse, USER_PROFILES, "true", "max(ds) AS ds")
    return people.where(F.col("ds") == F.lit(newest[0]["ds"])) if newest else people
