"""What a source file looks like and how its columns map to ours: `conf/sources/*.yaml`, typed and validated."""

from __future__ import annotations

import codecs
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jobs.errors import UsageError
from jobs.tables import EVENT_TYPES

CONF = Path(__file__).resolve().parents[2] / "conf"

# Our columns that a mapping of events may fill, with what they are read as.
EVENT_FIELDS: dict[str, str] = {
    "user_id": "text", "event_time": "time", "event_type": "text", "product_id": "text", "quantity": "count",
    "price": "money", "amount": "money", "discount": "money", "session_id": "text", "query": "text",
    "user_agent": "text",
}  # fmt: skip
USER_FIELDS = ("age_band", "gender", "region", "occupation", "income_band", "marketing_consent")
PRODUCT_FIELDS = ("title", "category_path", "brand")

_VARIABLE = r"^[A-Z][A-Z0-9_]*$"  # the name of an environment variable
_OF_FILES = {
    "files": set(),
    "jdbc": {"format", "encoding", "delimiter", "columns", "explode"},
    "kafka": {"format", "encoding", "delimiter", "columns"},
}  # what a feed of another origin may not say


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldSpec(_Strict):
    """Where one of our columns comes from: exactly one of `column`, `constant`, `sum`, `path`.

    `column` one of the source's columns; `constant` the same text for every record; `sum` the sum of number columns
    (absent ones count 0); `path` a list of columns from root to leaf. `map` translates codes after reading.
    `split` cuts the text of a category path's one `column`.
    `format` is a Spark date pattern, or epoch_s, epoch_ms, epoch_us; none = ISO 8601. `zone` is the zone of times
    that carry none.
    """

    column: str | None = None
    constant: str | None = None
    sum: tuple[str, ...] | None = None
    path: tuple[str, ...] | None = None
    map: dict[str, str] | None = None
    split: str | None = Field(default=None, min_length=1)
    format: str | None = None
    zone: str = "UTC"

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSpec:
        given = [name for name in ("column", "constant", "sum", "path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of column, constant, sum, path; found {given or 'none'}")
        if self.split and not self.column:
            raise ValueError("split cuts the text of one column: expected column beside it")
        return self

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return _check_zone(zone)

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that this field reads."""
        return (self.column,) if self.column else (self.sum or self.path or ())


class Jdbc(_Strict):
    """A table of a database, or what a query finds there; `{ds}` in the query stands for the day of delivery.

    `user_env`, `password_env` name the environment variables that hold them: neither is ever in the file.
    `partitions` connections read at once, each a range of `partition_column`.
    """

    url: str = Field(pattern=r"^jdbc:\w+:")
    table: str | None = None
    query: str | None = None
    user_env: str | None = Field(default=None, pattern=_VARIABLE)
    password_env: str | None = Field(default=None, pattern=_VARIABLE)
    partition_column: str | None = None
    partitions: int | None = Field(default=None, ge=2)

    @field_validator("url")
    @classmethod
    def _without_login(cls, url: str) -> str:
        if re.search(r"(?i)[?&;](user|password)=|//[^/?]*@", url):
            raise ValueError("a login stands in it; user_env and password_env name the variables that hold it")
        return url

    @model_validator(mode="after")
    def _one_origin(self) -> Jdbc:
        if bool(self.table) == bool(self.query):
            raise ValueError(f"expected exactly one of table, query; found {'both' if self.table else 'none'}")
        if bool(self.partition_column) != bool(self.partitions):
            raise ValueError("partition_column and partitions go together: expected both or none")
        return self

    @property
    def name(self) -> str:
        """What stands for a file's name in our tables."""
        return f"jdbc:{self.table or 'query'}"

    @property
    def address(self) -> str:
        """The database without its connection's settings, for people to read."""
        return re.split("[?;]", self.url)[0]


class Kafka(_Strict):
    """A topic of JSON records, at the servers (host:port,host:port), or at those that the environment variable
    `servers_env` holds. `may_lose`: go on where the topic dropped records before a night took them.
    """

    servers: str | None = Field(default=None, min_length=1)
    servers_env: str | None = Field(default=None, pattern=_VARIABLE)
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    may_lose: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Kafka:
        if bool(self.servers) == bool(self.servers_env):
            raise ValueError(
                f"expected exactly one of servers, servers_env; found {'both' if self.servers else 'none'}"
            )
        return self


class Feed(_Strict):
    """One kind of record of a source. It lies in `files`, a glob under the landing folder (`{ds}` in it stands for the
    day of delivery, without it a file holds any days), or in a database (`jdbc`), or comes by a topic (`kafka`), which
    becomes files. `id` lists the columns that identify a record; one of them is empty in a record only where
    `may_be_empty` lists it.

    A column `a.b` is the field b of the JSON object a. `columns` names those of a CSV without a header. `explode` is a
    column that holds a JSON list of objects: each is a record of its own, with the columns beside it; its fields are
    `<explode>.<field>`, its place in the list `<explode>.position`. `null` lists the texts that mean nothing is known;
    `whole` the columns whose ids were written as numbers with a fraction (266079.0 is 266079).
    `pii` says of a column that it is hashed with the shop's key, or dropped, before anything is written.
    """

    files: str | None = None
    jdbc: Jdbc | None = None
    kafka: Kafka | None = None
    format: Literal["jsonl", "csv", "parquet"] = "jsonl"
    encoding: str = "UTF-8"
    delimiter: str = ","
    columns: tuple[str, ...] | None = None
    explode: str | None = None
    null: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    pii: dict[str, Literal["hash", "drop"]] = Field(default_factory=dict)
    id: tuple[str, ...] = Field(min_length=1)
    may_be_empty: tuple[str, ...] = ()
    fields: dict[str, FieldSpec]
    optional: bool = False

    @field_validator("fields", mode="before")
    @classmethod
    def _short_form(cls, fields: object) -> object:
        if not isinstance(fields, dict):
            raise ValueError(f"expected a mapping of our columns to theirs, found {type(fields).__name__}")
        return {name: {"column": spec} if isinstance(spec, str) else spec for name, spec in fields.items()}

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError(f"no encoding {encoding!r}; such as UTF-8, GBK, ISO-8859-1") from None
        return encoding

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
        if self.columns and self.format != "csv":
            raise ValueError(f"columns names those of a CSV without a header; the format is {self.format}")
        if self.explode and self.format != "jsonl":
            raise ValueError(f"explode takes a JSON list apart; the format is {self.format}")
        if stray := set(self.may_be_empty) - set(self.id):
            raise ValueError(f"may_be_empty lists columns of id, found {sorted(stray)}")
        if deep := [column for column in self.pii if column.count(".") > 1]:
            raise ValueError(f"pii reaches one level into an object, found {deep}; declare the object that holds it")
        dropped = {column for column, what in self.pii.items() if what == "drop"} & self.mapped_columns
        if dropped:
            raise ValueError(f"pii drops {sorted(dropped)}, which the mapping reads; hash it, or leave it out")
        return self

    @property
    def dated(self) -> bool:
        return "{ds}" in (self.files or "")

    @property
    def mapped_columns(self) -> set[str]:
        return {column for spec in self.fields.values() for column in spec.columns} | set(self.id)


class Source(_Strict):
    """A shop's logs: where its files lie, what is in them, whose they are."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
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
        return _check_zone(zone)

    @model_validator(mode="after")
    def _known_fields(self) -> Source:
        for feed, allowed in ((self.events, tuple(EVENT_FIELDS)), (self.users, USER_FIELDS),
                              (self.products, PRODUCT_FIELDS)):  # fmt: skip
            for name in feed.fields if feed else ():
                if name not in allowed:
                    near = get_close_matches(name, allowed, n=1)
                    raise ValueError(f"field {name!r} is none of ours; {_hint(near, allowed)}")
        missing = {"user_id", "event_time", "event_type"} - set(self.events.fields)
        if missing:
            raise ValueError(f"events.fields must map {sorted(missing)}")
        if self.events.jdbc:
            raise ValueError("events.jdbc: a database brings users and products; expected events.files or events.kafka")
        if (self.users and self.users.kafka) or (self.products and self.products.kafka):
            raise ValueError("kafka: a topic brings events; expected files or jdbc for users and products")
        kind = self.events.fields["event_type"]
        for code in [kind.constant, *(kind.map or {}).values()]:
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


def _hint(near: list[str], allowed: tuple[str, ...]) -> str:
    return f"did you mean {near[0]!r}?" if near else f"ours are {', '.join(allowed)}"


def _check_zone(zone: str) -> str:
    if zone not in available_timezones():
        near = get_close_matches(zone, available_timezones(), n=1)
        raise ValueError(f"no time zone {zone!r}{f'; did you mean {near[0]!r}?' if near else ''}")
    return str(ZoneInfo(zone))


def load(name: str, folder: Path = CONF / "sources") -> Source:
    """The source `name`; UsageError says which file, which key, what was expected and what was found."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        have = sorted(file.stem for file in folder.glob("*.yaml"))
        near = get_close_matches(name, have, n=1)
        raise UsageError(
            f"no source {name!r} in {folder}; {_hint(near, tuple(have)) if have else 'the folder is empty'}"
        )
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        source = Source.model_validate(document)
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'source'}: {e['msg']}" for e in error.errors()]
        raise UsageError(f"{path} is not a valid source:\n" + "\n".join(lines)) from error
    if source.name != name:
        raise UsageError(f"{path}: expected name: {name}, found {source.name}")
    return source
