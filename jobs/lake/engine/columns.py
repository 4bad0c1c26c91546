"""Expressions that the two engines would answer differently, written so that they answer the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DecimalType

from jobs.lake import engine

# Casts read more than this, each engine something else: digits of other scripts, 1.5d, wide blanks, a NUL behind.
_NUMBER = r"^[ \t\r\n]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\r\n]*\z"
_OBJECT = r'(?s)^[ \t\r\n]*\{[ \t\r\n]*(".*)?\}[ \t\r\n]*\z'
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}  # Sail's JSON is so by itself
_HASHED_DIGITS = 18  # of a decimal whose hash is the same on both engines
_DAY = r"^[ \t\r\n]*[0-9]{4}-[0-9]{1,2}-[0-9]"
# Names of IANA's zones that end in T, as do all of the old short ones that Java knows beside them.
_ZONE_NAMES = r"(GMT|[CEMW]ET|[EHM]ST|[0-9][A-Z]DT)\z"
_LOCAL = r"^[ \t\r\n]*[0-9-]+([T ]([0-9]{1,2}(:[0-9]{1,2}(:[0-9]{1,2}([.,][0-9]*)?)?)?)?)?[ \t\r\n]*\z"


def divided(part: Column | str, whole: Column | str) -> Column:
    """part / whole; null where `whole` is 0 or null. (Sail's `try_divide` knows whole numbers only.)

    A quotient of decimals has at least 6 digits behind the point, which Sail cuts and Apache Spark rounds later: cast
    it to 4 or fewer.
    """
    part, whole = (F.col(value) if isinstance(value, str) else value for value in (part, whole))
    return F.when(whole != 0, part / whole)


def summed(parts: list[Column]) -> Column:
    """The sum of columns, as halves of halves: one from left to right nests so deep that a message to the engine, which
    may have 100 levels, takes some 40 of them.
    """
    half = len(parts) // 2
    return summed(parts[:half]) + summed(parts[half:]) if half else parts[0]


def number(text: Column, kind: str) -> Column:
    """A text as a decimal type; null where it is no number or does not fit. Halves are rounded away from zero.

    Sail's cast to a decimal reads no exponents, and its cast from a double rounds otherwise than one from a text.
    """
    found = text.try_cast(kind)
    if engine.is_sail():
        double = text.try_cast("double")
        scientific = F.when(F.abs(double) < 1e-6, F.lit(0).cast("decimal(38,12)"))
        scientific = scientific.otherwise(double.cast("string").try_cast("decimal(38,12)"))
        found = F.coalesce(found, scientific.try_cast(kind))
    return F.when(text.rlike(_NUMBER), found)


def without_fraction(text: Column) -> Column:
    """A text that is a whole number written with a fraction (266079.0) or an exponent (1.2345678E7, 1e+05) without
    them; any other text as it is, as is 6.93217E+12, which a program for sheets has rounded.
    """
    exact = number(text, "decimal(38,4)")
    scientific = F.when(exact == F.floor(exact), exact.cast("decimal(38,0)").cast("string"))
    return (
        F.when(text.rlike(r"^[+-]?[0-9]+\.0+\z"), F.regexp_replace(text, r"\.0+\z", ""))
        .when(text.rlike(r"^[+-]?[0-9](\.[0-9]+)?([eE]|e\+)[0-9]{1,2}\z"), F.coalesce(scientific, text))
        .otherwise(text)
    )


def time(text: Column, pattern: str | None) -> Column:
    """A text as a timestamp, by a pattern or ISO 8601 with a day in it; null where it is none. (10:00 alone would be
    today's, 46183 a year.) Zones are offsets or names of the IANA database: CST is of America to both engines, and of
    China to who writes it there.
    """
    if pattern is not None:
        return F.try_to_timestamp(text, F.lit(pattern))
    # What ISO 8601 and Java may write and no engine reads: a comma before the fraction, a zone's name behind an offset.
    said = F.regexp_replace(text, r"(:[0-9]{2}),([0-9]+)", "$1.$2")
    said = F.regexp_replace(said, r"([0-9]Z|[+-][0-9]{2}:?[0-9]{2})\[[A-Za-z_/+-]+\]\z", "$1")
    text = F.when(text.contains(",") | text.endswith("]"), said).otherwise(text)
    # Both engines read a zone behind seconds alone.
    with_seconds = F.regexp_replace(text, r"^([^T ]+[T ][0-9]{1,2}:[0-9]{2})( ?[A-Z+-].*)\z", "$1:00$2")
    is_named = text.endswith("T") & ~text.rlike(_ZONE_NAMES)
    return F.when(text.rlike(_DAY) & ~is_named, F.coalesce(F.try_to_timestamp(text), F.try_to_timestamp(with_seconds)))


def is_local(text: Column) -> Column:
    """True where a text that `time` reads as ISO 8601 carries no zone: a day, with or without a time of day, and
    nothing behind. All else that is read has one, whatever it is called.
    """
    return text.rlike(_LOCAL)


def weekday(day: Column) -> Column:
    """ISO weekday of a date, 1 = Monday to 7 = Sunday. (Sail's `weekday` of a Sunday is -1.)"""
    return F.pmod(F.weekday(day), F.lit(7)) + 1


def whole(value: Column) -> Column:
    """A double as the nearest bigint, halves away from zero (`rint` rounds them to even on one engine); null where none
    is so large.
    """
    return F.when(F.abs(value) < 2.0**63, (F.signum(value) * F.floor(F.abs(value) + 0.5)).cast("bigint"))


def rounded(value: Column, digits: int) -> Column:
    """A double rounded half away from zero as people write it: 1.005 to two digits is 1.01, though the double is a bit
    less. As a decimal.
    """
    # By the shortest text that tells the double, which has no exponent here.
    written = F.when(F.abs(value) >= 1e-6, value.cast("string").cast("decimal(38,12)"))
    return F.round(F.coalesce(written, F.when(value.isNotNull(), F.lit(0).cast("decimal(38,12)"))), digits)


def near(value: Column, digits: int) -> Column:
    """A double with so many digits behind the point, halves up, by doubles alone: quicker than `rounded`, but 1.005 to
    two digits is 1.0. (`round` of doubles is the one on Apache Spark, the other on Sail.)
    """
    return F.floor(value * 10.0**digits + 0.5) / 10.0**digits


def json_object(text: Column) -> Column:
    """map<string,string> of the fields of a JSON object; null where the text is none, or has more behind it. (Apache
    Spark also takes single quotes, NaN, and what stands behind.)
    """
    return F.when(text.rlike(_OBJECT), F.from_json(text, "map<string,string>", _STRICT))


def json_field(text: Column, path: str) -> Column:
    """What a JSON object has at `a`, or at `a.b` where a is one too; numbers without zeros behind. Null where the text
    is no object. (Sail's `get_json_object` leaves numbers as they stand, and finds fields in half an object.)
    """
    if not engine.is_sail():  # where a map is a large piece of code, for each look-up
        return F.when(text.rlike(_OBJECT), F.get_json_object(text, f"$.{path}"))
    for name in path.split("."):
        text = json_object(text).getItem(name)
    return text


def hashed(record: Column, types: Mapping[str, DataType]) -> Column:
    """xxhash64 of a struct. Decimals of more than 18 digits count as texts: Sail hashes them otherwise."""
    return F.xxhash64(_with_texts(record, types, lambda kind: kind.precision > _HASHED_DIGITS))


def as_json(record: Column, types: Mapping[str, DataType]) -> Column:
    """A struct as a JSON object, null where it is null. Decimals are texts, "1.50": Sail writes 1.5, and Spark 1.50."""
    return F.to_json(_with_texts(record, types, lambda _: True))


def _with_texts(record: Column, types: Mapping[str, DataType], chosen: Callable[[DecimalType], bool]) -> Column:
    """The struct with the `chosen` ones of its decimals as texts."""
    texts = {name for name, kind in types.items() if isinstance(kind, DecimalType) and chosen(kind)}
    if not texts:
        return record
    held = {name: record.getField(name) for name in types}
    fields = [(value.cast("string") if name in texts else value).alias(name) for name, value in held.items()]
    return F.when(record.isNotNull(), F.struct(*fields))
