"""Where records come from when not from files: a table of a database, a topic of Kafka."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from jobs.conf import Strict

_VARIABLE = r"^[A-Z][A-Z0-9_]*$"  # the name of an environment variable


class Jdbc(Strict):
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


class Kafka(Strict):
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
