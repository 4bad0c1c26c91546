"""The names that a sentence may use: what the tables of a warehouse hold as of a night, in both languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType

from jobs import tables
from jobs.audiences.book import Book
from jobs.audiences.parameters import FILE
from jobs.audiences.parameters import load as load_parameters
from jobs.errors import UsageError
from jobs.lake import delta, sql
from jobs.sources import spec
from jobs.tables import EVENT_TYPES, Table

_MOST_TITLES = 5000  # beyond it nobody names a product by its whole title
_MOST_RECORDS = 20_000  # of events, whose attributes tell which values there are
_DAYS = 28  # before the night, whose events tell what is logged
_MOST_VALUES = 200  # of a column: more are no groups
_COLUMNS = ("age_band", "gender", "region", "occupation", "income_band", "price_tier", "lifecycle_stage")
_NOTHING: Mapping = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """ds: the night that is asked, from which calendar words count. paths: of categories, from the root. labels: what a
    category is called, by its name in the tables; sizes: its products; shelves: titles and their categories. values:
    of columns of a profile and of its `attributes.KEY`; event_values: of `device` and `attributes.KEY` of events. tags,
    segments: English and Chinese.
    audiences: names by id. parameters: lists of categories. types: of events that the shop logs; empty: not known.
    """

    ds: date
    paths: tuple[tuple[str, ...], ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    brands: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    shelves: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    event_values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    sizes: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    tags: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    segments: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    types: frozenset[str] = frozenset()


def load(warehouse: str, ds: date, source: str | None = None) -> Vocabulary:
    """The names of a warehouse as of a night; UsageError where it has no profiles of it. source: whose mapping says
    what categories are called.
    """
    night, versions = f"ds = DATE '{ds}'", sql.manifest(warehouse)

    def read(table: Table, what: str, predicate: str) -> list[dict]:
        return delta.rows(warehouse, table, predicate, what, versions.get(table.full_name))

    people = read(tables.USER_PROFILES, f"DISTINCT {', '.join(_COLUMNS)}, attributes", night)
    if not people:
        days = read(tables.USER_PROFILES, "DISTINCT ds", "true ORDER BY ds DESC LIMIT 5")
        known = ", ".join(str(row["ds"]) for row in days) or "none"
        raise UsageError(f"expected profiles of {ds} in {warehouse}, found none; there are of {known}")
    values = {column: _distinct(row[column] for row in people) for column in _COLUMNS}
    values |= _keyed(people)
    recent = f"ds > DATE '{ds - timedelta(days=_DAYS)}' AND ds <= DATE '{ds}'"
    logged = read(tables.SILVER_EVENTS, "DISTINCT event_type, device", recent)
    devices = _distinct(row["device"] for row in logged if row["device"] != "unknown")
    records = read(tables.BRONZE_EVENTS, "DISTINCT attributes", f"{recent} LIMIT {_MOST_RECORDS}")
    paths = read(
        tables.SILVER_PRODUCTS, "category_path, count(*) AS n", "category_path IS NOT NULL GROUP BY category_path"
    )
    sizes: Counter[str] = Counter()
    for row in paths:
        sizes.update(dict.fromkeys(row["category_path"], row["n"]))
    titles = read(
        tables.SILVER_PRODUCTS,
        "title, any_value(category_path) AS path",
        f"title IS NOT NULL GROUP BY title ORDER BY title LIMIT {_MOST_TITLES + 1}",
    )
    said = (spec.load(source).labels, spec.load(source).labels_zh) if source else ()
    labels: dict[str, list[str]] = {}
    for names in said:
        for category, label in names.items():
            labels.setdefault(category, []).append(label)
    return Vocabulary(
        ds,
        paths=tuple(sorted(tuple(row["category_path"]) for row in paths)),
        sizes=dict(sizes),
        labels={category: tuple(names) for category, names in labels.items()},
        brands=_distinct(row["brand"] for row in read(tables.SILVER_PRODUCTS, "DISTINCT brand", "true")),
        titles=_distinct(row["title"] for row in titles) if len(titles) <= _MOST_TITLES else (),
        shelves={row["title"]: row["path"][-1] for row in titles if row["path"]},
        values={column: found for column, found in values.items() if found},
        event_values={field: found for field, found in {"device": devices, **_keyed(records)}.items() if found},
        tags={
            row["tag"]: row["tag_zh"] or "" for row in read(tables.TAGS, "tag, tag_zh", f"{night} AND kind <> 'mined'")
        },
        segments={
            row["segment_name"]: row["segment_name_zh"] or ""
            for row in read(tables.SEGMENTS, "segment_name, segment_name_zh", f"{night} AND segment_name IS NOT NULL")
        },
        audiences={one: (made.name, made.name_zh) for one, made in Book.load().by_id.items()},
        parameters={
            name: tuple(map(str, found)) for name, found in load_parameters(FILE).items() if isinstance(found, list)
        },
        types=frozenset(row["event_type"] for row in logged) & frozenset(EVENT_TYPES),
    )


def _distinct(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({one for one in found if one}))


def _keyed(rows: list[dict]) -> dict[str, tuple[str, ...]]:
    """The values of attributes by key, of those that have few."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row["attributes"] or ():
            if value is not None:
                found.setdefault(f"attributes.{key}", set()).add(value)
    return {key: tuple(sorted(values)) for key, values in found.items() if len(values) <= _MOST_VALUES}
