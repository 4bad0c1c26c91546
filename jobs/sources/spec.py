"""A source of conf/sources: what its files look like and how its columns map to ours, typed and validated."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from jobs.conf import CONF, Strict, nearest, read
from jobs.errors import UsageError
from jobs.language import Labels, gathered
from jobs.sources import globs, patterns
from jobs.sources.dialect import OF_CSV, Dialect
from jobs.sources.mapping import (
    EVENT_FIELDS,
    PRODUCT_FIELDS,
    USER_FIELDS,
    Currency,
    FieldSpec,
    Formats,
    check_zone,
    kind_of,
)
from jobs.sources.origins import Jdbc, Kafka
from jobs.tables import EVENT_TYPES

_OF_FILES = {
    "files": set(),
    "jdbc": {"format", "explode", *Dialect.model_fields},
    "kafka": {"format", *Dialect.model_fields},
}  # what a feed of another origin may not say
_REQUIRED = ("user_id", "event_time", "event_type")


def _listed(given: object) -> object:
    return {k: [v] if isinstance(v, str) else v for k, v in given.items()} if isinstance(given, dict) else given


def _version(given: object) -> object:
    return ({} if given == "delivery" else {"column": given}) if isinstance(given, str) else given


class Version(Strict):
    """What tells which of the records of one id is the newest state: the largest value of `column`, or, without one,
    the order of delivery. A value is a number, a time by ISO 8601, or as `format` says (see `FieldSpec`), or a text.
    Events are looked for `days` before and after their own day.
    """

    column: str | None = None
    format: Formats = ()
    zone: str = "UTC"
    days: int = Field(90, ge=0, le=3660)

    @model_validator(mode="after")
    def _time_of_a_column(self) -> Version:
        if self.format and self.column is None:
            raise ValueError("format says how the times of a column are written: expected column beside it")
        for pattern in self.format:
            patterns.check(pattern, year=False)
        if "days" in self.format:
            raise ValueError("format: days counts from a day, which a version has none of; numbers compare as such")
        check_zone(self.zone)
        return self


Values = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_listed)]


class Feed(Dialect):
    """One kind of record of a source. It lies in `files`, globs under the landing folder (`{ds}` in them stands for the
    day of delivery, without it a file holds any days), or in a database (`jdbc`), or comes by a topic (`kafka`), which
    becomes files. `id` lists the columns that identify a record; one of them is empty in a record only where
    `may_be_empty` lists it.

    A column `a.b` is the field b of the JSON object a, or the value of the key b where a is a list of {key, value};
    `a[0].b` is of a list's first entry. `explode` is a column that holds a list: each entry is a record of its own,
    with the columns beside it; its fields are `<explode>.<field>`, its place in the list `<explode>.position`. `null`
    lists the texts that mean nothing is known, in all columns, or a column ("*": all others); `whole` the columns whose
    ids were written as numbers with a fraction (266079.0 is 266079), `lower` those in which case tells nothing.
    `where` lists the values of a column whose records alone are taken, `ignore` those whose records are left out ("" is
    an empty one). `fill_down` lists, for a column that groups records, those in which an empty one says what the record
    above in its file and group says. `number_equal`: of equal ids in a file each is a record of its own. `version`: of
    several records of one id the newest state counts, and takes back what it replaces.
    `pii` says of a column that it is hashed with the shop's key, or dropped, before anything is written.
    """

    files: tuple[str, ...] | None = Field(default=None, min_length=1)
    jdbc: Jdbc | None = None
    kafka: Kafka | None = None
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    explode: str | None = None
    null: tuple[str, ...] | dict[str, tuple[str, ...]] = ()
    whole: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    where: Values = Field(default_factory=dict)
    ignore: Values = Field(default_factory=dict)
    fill_down: Values = Field(default_factory=dict)
    number_equal: bool = False
    version: Annotated[Version | None, BeforeValidator(_version)] = None
    currency: Currency | None = None
    pii: dict[str, Literal["hash", "drop"]] = Field(default_factory=dict)
    id: tuple[str, ...] = Field(min_length=1)
    may_be_empty: tuple[str, ...] = ()
    fields: dict[str, FieldSpec]
    optional: bool = False
    name: str = ""  # of one of a source's `more_events`

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_several(cls, files: object) -> object:
        return (files,) if isinstance(files, str) else files

    @field_validator("files")
    @classmethod
    def _are_globs(cls, files: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for glob in files or ():
            globs.compiled(glob)
        if len({globs.is_dated(glob) for glob in files or ()}) > 1:
            raise ValueError("expected {ds} in each of them or in none")
        return files

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, fields: object) -> object:
        if not isinstance(fields, dict):
            raise ValueError(f"expected a mapping of our columns to theirs, found {type(fields).__name__}")
        for name, spec in fields.items():
            if not isinstance(spec, (str, dict, FieldSpec)):
                hint = f" (sum: {spec}?)" if isinstance(spec, list) else "; YAML reads no text here without quotes"
                raise ValueError(f"{name}: expected a column's name, or keys such as column and first{hint}")
        return {name: {"column": spec} if isinstance(spec, str) else spec for name, spec in fields.items()}

    @model_validator(mode="before")
    @classmethod
    def _one_origin(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        origins = [name for name in ("files", "jdbc", "kafka") if given.get(name) is not None]
        if len(origins) != 1:
            raise ValueError(f"expected exactly one of files, jdbc, kafka; found {origins or 'none'}")
        if of_files := sorted(_OF_FILES[origins[0]] & given.keys()):
            raise ValueError(f"{', '.join(of_files)} say how files are read; the feed comes by {origins[0]}")
        if origins == ["kafka"] and isinstance(given["kafka"], dict):  # as jobs/collect/streams.py lands it
            return given | {"files": f"kafka/{given['kafka'].get('topic')}/*/ds={{ds}}/*.gz"}
        return given

    @model_validator(mode="after")
    def _fits_its_format(self) -> Feed:
        if self.format != "csv" and (of_csv := sorted(OF_CSV & self.model_fields_set)):
            raise ValueError(f"{', '.join(of_csv)} say how a CSV is written; the format is {self.format}")
        if self.format == "parquet" and "encoding" in self.model_fields_set:
            raise ValueError("encoding says how a text is written; the format is parquet")
        if self.explode and self.format == "csv":
            raise ValueError("explode takes a list apart; the format is csv")
        if self.version and self.number_equal:
            raise ValueError(
                "number_equal takes equal ids as several records, version as states of one; say one of them"
            )
        if stray := set(self.may_be_empty) - set(self.id):
            raise ValueError(f"may_be_empty lists columns of id, found {sorted(stray)}")
        if deep := [column for column in self.pii if column.count(".") > 1]:
            raise ValueError(f"pii reaches one level into an object, found {deep}; declare the object that holds it")
        dropped = {column for column, treatment in self.pii.items() if treatment == "drop"}
        dropped &= self.mapped_columns | {self.version.column if self.version else None}
        dropped |= {
            column for column in self.mapped_columns if column.startswith(tuple(f"{name}." for name in self.pii))
        }
        if dropped:
            raise ValueError(f"pii drops {sorted(dropped)}, which the mapping reads; hash it, or leave it out")
        return self

    @property
    def dated(self) -> bool:
        return any(globs.is_dated(glob) for glob in self.files or ())

    def nulls(self, column: str) -> tuple[str, ...]:
        """The texts that mean in a column that nothing is known."""
        return self.null.get(column, self.null.get("*", ())) if isinstance(self.null, dict) else self.null

    @property
    def asked_columns(self) -> set[str]:
        """The columns that are read, also those that then stay in `attributes`."""
        filled = {name for names in self.fill_down.values() for name in names}
        chosen = {*self.where, *self.ignore, *self.fill_down, *filled}
        chosen |= {asked.column for asked in (self.currency, self.version) if asked and asked.column}
        return self.mapped_columns | chosen

    @property
    def mapped_columns(self) -> set[str]:
        return {column for spec in self.fields.values() for column in spec.columns} | set(self.id)

    @property
    def key_columns(self) -> set[str]:
        """Those without which no record can be loaded."""
        fields = [self.fields[name] for name in _REQUIRED if name in self.fields]
        alone = {column for spec in fields if not spec.first for column in spec.columns}
        return alone | set(self.id) - set(self.may_be_empty)

    @property
    def optional_columns(self) -> set[str]:
        """Those that a file may lack."""
        needed = {column for spec in self.fields.values() if not spec.optional for column in spec.columns}
        return self.mapped_columns - needed - set(self.id)


def _check_fields(place: str, kind: str, feed: Feed) -> None:
    """ValueError where a feed maps what is none of ours, or what its kind cannot be."""
    ours = {"events": tuple(EVENT_FIELDS), "users": USER_FIELDS, "products": PRODUCT_FIELDS}[kind]
    for name, form in feed.fields.items():
        if name not in ours:
            raise ValueError(f"field {name!r} is none of ours{nearest(name, ours, 'ours are')}")
        try:
            form.check_form(kind_of(kind, name))
        except ValueError as error:
            raise ValueError(f"{place}.fields.{name}: {error}") from None
    if kind != "events":
        return
    if missing := set(_REQUIRED) - set(feed.fields):
        raise ValueError(f"{place}.fields must map {sorted(missing)}")
    if feed.jdbc:
        raise ValueError(f"{place}.jdbc: a database brings users and products; expected files or kafka")
    told = feed.fields["event_type"]
    for code in [told.constant, *(told.map or {}).values()]:
        if code is not None and code not in EVENT_TYPES:
            raise ValueError(f"event type {code!r} is none of {', '.join(EVENT_TYPES)}")


class Thresholds(Strict):
    """What counts as large or as barred in this shop, by its currency and its names. `big_basket`: spend an order of
    who has the tag large basket; without it, of the highest tenth of buyers. `never_suggested`: categories, of any
    level of a product's path.
    """

    big_basket: float | None = Field(None, gt=0)
    never_suggested: tuple[str, ...] = ()


class Source(Strict):
    """A shop's logs: where its files lie, what is in them, whose they are. Sources of one `namespace` share the ids of
    their users, products and sessions; see jobs/sources/keys.py. `more_events` are further feeds of events, by name: of
    other files, or of the same ones where a record tells two events. Their ids and files carry the name. A night is a
    day in `shop_zone`; an event before the day `shop_opened` is impossible.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    namespace: str | None = Field(None, pattern=r"^[a-z0-9_]*$")
    title: str
    origin: str
    licence: str
    shop_zone: str = "UTC"
    shop_opened: date = date(1990, 1, 1)
    events: Feed
    more_events: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Feed] = Field(default_factory=dict)
    users: Feed | None = None
    products: Feed | None = None
    thresholds: Thresholds = Thresholds()
    labels_zh: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    further: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)  # of labels_<language>

    @model_validator(mode="before")
    @classmethod
    def _languages(cls, document: object) -> object:
        return gathered(document, "labels")

    def category_labels(self) -> Labels:
        """What categories are called, in every language."""
        further = {code: fields["labels"] for code, fields in self.further.items()}
        return Labels(self.labels, self.labels_zh, further=further)

    @field_validator("shop_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return check_zone(zone)

    @field_validator("more_events", mode="before")
    @classmethod
    def _named(cls, feeds: object) -> object:
        if not isinstance(feeds, dict):
            return feeds
        return {name: feed | {"name": name} if isinstance(feed, dict) else feed for name, feed in feeds.items()}

    @model_validator(mode="after")
    def _known_fields(self) -> Source:
        for place, kind, feed in self._places():
            if feed.name and place == kind:
                raise ValueError(f"{place}: a feed has no 'name'; one of more_events is called as its key")
            _check_fields(place, kind, feed)
        if (self.users and self.users.kafka) or (self.products and self.products.kafka):
            raise ValueError("kafka: a topic brings events; expected files or jdbc for users and products")
        return self

    def _places(self) -> list[tuple[str, str, Feed]]:
        """(where it stands in the file, events, users or products) of each feed."""
        more = [(f"more_events.{name}", "events", feed) for name, feed in self.more_events.items()]
        return [*[(kind, kind, feed) for kind, feed in self.feeds().items()], *more]

    def parts(self) -> list[Source]:
        """The source with one feed of events each; users and products are in the first."""
        alone = {"users": None, "products": None, "more_events": {}}
        return [self, *[self.model_copy(update=alone | {"events": feed}) for feed in self.more_events.values()]]

    @property
    def products_are_in_events(self) -> bool:
        """Whether what is known of a product stands in the records of events, which are some user's."""
        return (
            self.products is not None and self.products.files is not None and self.products.files == self.events.files
        )

    @property
    def user_columns(self) -> set[str]:
        """The source's own columns that hold a user's id."""
        of_events = {column for part in self.parts() for column in part.events.fields["user_id"].columns}
        return of_events | set(self.users.id if self.users else ())

    def feeds(self) -> dict[str, Feed]:
        """The feeds that the source has, by kind."""
        kinds = {"events": self.events, "users": self.users, "products": self.products}
        return {kind: feed for kind, feed in kinds.items() if feed is not None}


def load(name: str, folder: Path = CONF / "sources") -> Source:
    """The source `name`; UsageError says which file, which key, what was expected and what was found."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        hint = nearest(name, names, "ours are") if names else "; the folder is empty"
        raise UsageError(f"no source {name!r} in {folder}{hint}")
    source = read(path, Source, "source")
    if source.name != name:
        raise UsageError(f"{path}: expected name: {name}, found {source.name}")
    return source
