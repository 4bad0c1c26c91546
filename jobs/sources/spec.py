"""A source of conf/sources: what its files look like and how its columns map to ours, typed and validated."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from jobs.conf import CONF, Strict, nearest, read
from jobs.errors import UsageError
from jobs.sources import globs
from jobs.sources.dialect import OF_CSV, Dialect
from jobs.sources.mapping import EVENT_FIELDS, PRODUCT_FIELDS, USER_FIELDS, FieldSpec, check_zone, kind_of
from jobs.sources.origins import Jdbc, Kafka
from jobs.tables import EVENT_TYPES

_OF_FILES = {
    "files": set(),
    "jdbc": {"format", "explode", *Dialect.model_fields},
    "kafka": {"format", *Dialect.model_fields},
}  # what a feed of another origin may not say
_REQUIRED = ("user_id", "event_time", "event_type")


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
    `pii` says of a column that it is hashed with the shop's key, or dropped, before anything is written.
    """

    files: tuple[str, ...] | None = None
    jdbc: Jdbc | None = None
    kafka: Kafka | None = None
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    explode: str | None = None
    null: tuple[str, ...] | dict[str, tuple[str, ...]] = ()
    whole: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    pii: dict[str, Literal["hash", "drop"]] = Field(default_factory=dict)
    id: tuple[str, ...] = Field(min_length=1)
    may_be_empty: tuple[str, ...] = ()
    fields: dict[str, FieldSpec]
    optional: bool = False

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
        if stray := set(self.may_be_empty) - set(self.id):
            raise ValueError(f"may_be_empty lists columns of id, found {sorted(stray)}")
        if deep := [column for column in self.pii if column.count(".") > 1]:
            raise ValueError(f"pii reaches one level into an object, found {deep}; declare the object that holds it")
        dropped = {column for column, treatment in self.pii.items() if treatment == "drop"} & self.mapped_columns
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


class Source(Strict):
    """A shop's logs: where its files lie, what is in them, whose they are. Sources of one `namespace` share the ids of
    their users, products and sessions; see jobs/sources/keys.py.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    namespace: str | None = Field(None, pattern=r"^[a-z0-9_]*$")
    title: str
    origin: str
    licence: str
    shop_zone: str = "UTC"
    shop_opened: str | None = None
    events: Feed
    users: Feed | None = None
    products: Feed | None = None
    labels_zh: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("shop_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return check_zone(zone)

    @model_validator(mode="after")
    def _known_fields(self) -> Source:
        ours = {"events": tuple(EVENT_FIELDS), "users": USER_FIELDS, "products": PRODUCT_FIELDS}
        for kind, feed in self.feeds().items():
            for name, form in feed.fields.items():
                if name not in ours[kind]:
                    raise ValueError(f"field {name!r} is none of ours{nearest(name, ours[kind], 'ours are')}")
                try:
                    form.check_form(kind_of(kind, name))
                except ValueError as error:
                    raise ValueError(f"{kind}.fields.{name}: {error}") from None
        missing = set(_REQUIRED) - set(self.events.fields)
        if missing:
            raise ValueError(f"events.fields must map {sorted(missing)}")
        if self.events.jdbc:
            raise ValueError("events.jdbc: a database brings users and products; expected events.files or events.kafka")
        if (self.users and self.users.kafka) or (self.products and self.products.kafka):
            raise ValueError("kafka: a topic brings events; expected files or jdbc for users and products")
        told = self.events.fields["event_type"]
        for code in [told.constant, *(told.map or {}).values()]:
            if code is not None and code not in EVENT_TYPES:
                raise ValueError(f"event type {code!r} is none of {', '.join(EVENT_TYPES)}")
        return self

    @property
    def products_are_in_events(self) -> bool:
        """Whether what is known of a product stands in the records of events, which are some user's."""
        return (
            self.products is not None and self.products.files is not None and self.products.files == self.events.files
        )

    @property
    def user_columns(self) -> set[str]:
        """The source's own columns that hold a user's id."""
        return {*self.events.fields["user_id"].columns, *(self.users.id if self.users else ())}

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
