"""The names that a sentence may use: what the tables of a warehouse hold as of a night, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from jobs.audiences.book import Book
from jobs.audiences.parameters import FILE
from jobs.audiences.parameters import load as parameters_of
from jobs.errors import UsageError
from jobs.lake import sql
from jobs.sources import spec
from jobs.tables import EVENT_TYPES

_MOST_TITLES = 5000  # beyond it nobody names a product by its whole title
_MOST_VALUES = 200  # of a column: more are no groups
_COLUMNS = ("age_band", "gender", "region", "occupation", "income_band", "price_tier", "lifecycle_stage")
_NOTHING: Mapping = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """ds: the night that is asked, from which calendar words count. paths: of the products' categories, from the root.
    labels: what a category is called, by its name in the tables. values: of columns of a profile, also of
    `attributes.KEY` and `device`. tags, segments: English and Chinese. audiences: both names by id. parameters: lists of
    categories. types: of events that the shop logs; empty: not known.
    """

    ds: date
    paths: tuple[tuple[str, ...], ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    brands: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    tags: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    segments: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)
    types: frozenset[str] = frozenset()


def load(warehouse: str, ds: date, source: str | None = None) -> Vocabulary:
    """The names of a warehouse as of a published night; UsageError where it was not published. source: whose mapping
    says what categories are called.
    """
    night = f"ds = DATE '{ds}'"

    def rows(query: str) -> list[tuple]:
        with sql.connect(warehouse, query) as connection:
            return connection.sql(query).fetchall()

    if not rows(f"SELECT 1 FROM gold.user_profiles WHERE {night} LIMIT 1"):
        days = ", ".join(str(d) for (d,) in rows("SELECT DISTINCT ds FROM gold.user_profiles ORDER BY ds DESC LIMIT 5"))
        raise UsageError(f"expected a published night, found none of {ds} in {warehouse}; there are {days or 'none'}")
    values = {}
    for column in _COLUMNS:
        found = rows(f"SELECT DISTINCT {column} FROM gold.user_profiles WHERE {night} AND {column} IS NOT NULL")
        values[column] = tuple(sorted(value for (value,) in found))
    keyed: dict[str, list[str]] = {}
    for key, value in rows(
        "SELECT DISTINCT e.key, e.value FROM (SELECT unnest(map_entries(attributes)) AS e FROM gold.user_profiles"
        f" WHERE {night}) ORDER BY ALL"
    ):
        keyed.setdefault(f"attributes.{key}", []).append(value)
    values |= {key: tuple(found) for key, found in keyed.items() if len(found) <= _MOST_VALUES}
    logged = rows("SELECT DISTINCT event_type, device FROM silver.events")
    values["device"] = tuple(sorted({device for _, device in logged if device and device != "unknown"}))
    titles = [title for (title,) in rows("SELECT DISTINCT title FROM silver.products WHERE title IS NOT NULL")]
    labels: dict[str, list[str]] = {}
    if source is not None:
        said = spec.load(source)
        for names in (said.labels, said.labels_zh):
            for category, label in names.items():
                labels.setdefault(category, []).append(label)
    paths = rows("SELECT DISTINCT category_path FROM silver.products WHERE category_path IS NOT NULL")
    return Vocabulary(
        ds,
        paths=tuple(sorted(tuple(path) for (path,) in paths)),
        labels={category: tuple(names) for category, names in labels.items()},
        brands=tuple(b for (b,) in rows("SELECT DISTINCT brand FROM silver.products WHERE brand IS NOT NULL")),
        titles=tuple(sorted(titles)) if len(titles) <= _MOST_TITLES else (),
        values={column: found for column, found in values.items() if found},
        tags=dict(rows(f"SELECT tag, tag_zh FROM gold.tags WHERE {night} AND kind <> 'mined'")),
        segments=dict(rows(f"SELECT segment_name, segment_name_zh FROM gold.segments WHERE {night}")),
        audiences={one: (book.name, book.name_zh) for one, book in Book.load().by_id.items()},
        parameters={name: tuple(found) for name, found in parameters_of(FILE).items() if isinstance(found, list)},
        types=frozenset(kind for kind, _ in logged) & frozenset(EVENT_TYPES),
    )  # fmt: skip
