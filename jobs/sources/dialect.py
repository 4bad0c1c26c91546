"""How the text of a file is written: its encoding, and what a CSV says by which characters."""

from __future__ import annotations

import codecs

from pydantic import Field, field_validator, model_validator

from jobs.conf import Strict


class Dialect(Strict):
    """`encoding` of CSV and JSON lines; a mark at a file's start (BOM) overrules it. All else is of a CSV, RFC 4180 by
    default: `delimiter` of one or more characters; `quote` a character or `none`; `escape` the character that takes
    the meaning of the next one; `multiline: false` where no field holds a line break, so that large files are read in
    parts though they have quotes; `comment` the start of lines that are none of the table; `skip` lines before the
    header and `skip_last` rows at the end are left out; `columns` names those of a file without a header.
    """

    encoding: str = "UTF-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    multiline: bool = True
    comment: str | None = Field(default=None, min_length=1)
    skip: int = Field(default=0, ge=0)
    skip_last: int = Field(default=0, ge=0)
    columns: tuple[str, ...] | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            if "\n".encode(encoding) and codecs.lookup(encoding)._is_text_encoding:
                return encoding
        except (LookupError, UnicodeError):
            pass
        raise ValueError(f"no encoding {encoding!r}; such as UTF-8, GBK, ISO-8859-1")

    @field_validator("delimiter")
    @classmethod
    def _is_delimiter(cls, given: str) -> str:
        delimiter = given.encode("ascii", "backslashreplace").decode("unicode_escape") if "\\" in given[:-1] else given
        if not delimiter or set(delimiter) & set("\r\n\\") or delimiter.isalpha():
            raise ValueError(f"expected one or more characters of one line, found {given!r}; such as ',' or '\\t'")
        return delimiter

    @field_validator("quote")
    @classmethod
    def _is_quote(cls, quote: str) -> str:
        quote = "" if quote == "none" else quote
        if quote and (len(quote) != 1 or not quote.isascii() or quote.isspace()):
            raise ValueError(f"expected one character or none, found {quote!r}")
        return quote

    @field_validator("escape")
    @classmethod
    def _is_escape(cls, escape: str | None) -> str | None:
        if escape and (len(escape) != 1 or not escape.isascii() or escape.isspace()):
            raise ValueError(f"expected one character, found {escape!r}")
        return escape or None

    @model_validator(mode="after")
    def _each_character_means_one_thing(self) -> Dialect:
        if self.quote and self.quote in self.delimiter:
            raise ValueError(f"delimiter and quote are both {self.quote!r}; for a file without quotes say quote: none")
        if self.escape and self.escape in self.delimiter:
            raise ValueError(f"delimiter and escape are both {self.escape!r}")
        if self.columns and (twice := sorted({name for name in self.columns if self.columns.count(name) > 1})):
            raise ValueError(f"columns names {', '.join(twice)} twice")
        return self


# What only a CSV can say.
OF_CSV = frozenset(Dialect.model_fields) - {"encoding"}
