"""What is read as the mapping says, though it was hardly meant so: counted, and said after the load."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.collect import fields
from jobs.lake.engine import frames
from jobs.sources import called, marks
from jobs.sources.consent import is_unknown
from jobs.sources.mapping import CONSENTS
from jobs.sources.patterns import EPOCHS
from jobs.sources.spec import EVENT_FIELDS, Feed

_WORDS = ["null", "nan", "none", "nil", "undefined", "unknown", "n/a", "#n/a", "na", "nat", "<na>", "(null)", "\\n",
          "(not set)", "-", "?", "anonymous", "guest", "#value!", "#ref!", "[object object]", "[]", "{}", "true",
          "false", "0", "-1"]  # fmt: skip
_MAY_BE_AN_ID = re.compile(" is (0|-1), ")  # of few records
_ROUNDED = r"^[0-9](\.[0-9]+)?E\+[0-9]+\z"  # by a program for sheets
_SHORTENED = r"^([0-9](\.[0-9]+)?e\+[0-9]+|[0-9]+\.0)\z"  # or made a float, by a language
_LISTED = r'(?s)^(\[.*\]|\{ *".*\})\z'
_GROUPED = r"^[0-9]{1,3}(,[0-9]{3})+\z"
_SIGN = "[^0-9A-Za-z_-]"  # that every doubtful id has, but for the words
_MASKED = r"[*•]"
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DATED = (
    rf"(?i)^([0-9]{{1,2}}-{_MONTH}|{_MONTH}-[0-9]{{2}}|[0-9]{{1,2}}月[0-9]{{1,2}}日)\z"  # MARCH1, SEP-2, 3-1 in a sheet
)
_LOST = "\ufffd"  # stands for bytes that were no text
_COMMA = r"bad_(money|count): [^;]* is [^;]*[0-9],[0-9]+( |;|\z)"
_CURRENCIES = ("currency", "currencycode", "ordercurrency", "isocurrency", "币种", "货币")
_ZONES = ("timezone", "timezonename", "tz", "zone", "时区")
_GOOD = "reason IS NULL AND NOT ignored"
_SHOWN = 5
_MOST_CODES, _ALIKE = 40, 0.85  # of a column that `ignore` asks, and how alike two of them are that one was meant


def of_event(feed: Feed) -> Column:
    """What is doubtful about an event, null where nothing is. Reads `reason` and the columns of `fields.with_texts`."""
    named = [_of_id(name, fields.operands(name, feed)) for name in ("user_id", "product_id") if name in feed.fields]
    comma = F.when(F.col("reason").rlike(_COMMA), F.lit('numbers have a decimal comma, which `decimal: ","` reads'))
    return F.coalesce(comma, *named)


def of_dimension(feed: Feed, kind: str) -> Column:
    """The same of a user or a product; reads the texts of the feed's columns and `ours`."""
    doubts = [_of_id("id", [fields.Operand("", fields.text(feed.id[0]), "")])] if len(feed.id) == 1 else []
    for name in CONSENTS if kind == "users" else ():
        if name in feed.fields:
            said = F.col("ours").getItem(name)
            words = F.concat(F.lit(f"{name} is "), F.substring(said, 1, 80), F.lit(", which counts as no"))
            doubts.append(F.when(is_unknown(said), words))
    return F.coalesce(*doubts, F.lit(None).cast("string"))


def _of_id(name: str, operands: list[fields.Operand]) -> Column:
    if not operands:
        return F.lit(None).cast("string")
    said = operands[0].value.cast("string")
    word = F.concat(F.lit(f"{name} is "), said, F.lit(", a word for nothing that `null` may list"))
    rounded = F.concat(F.lit(f"{name} is "), said, F.lit(", which a program for sheets has rounded"))
    shortened = F.concat(F.lit(f"{name} is "), said, F.lit(", a number that `whole` writes out"))
    marked = F.concat(F.lit(f"{name} is "), said, F.lit(", marked as a text for a program for sheets"))
    grouped = F.lit(f"{name} is a number with commas between its thousands, which other files may lack")
    lost = F.lit(f"{name} has letters that another program lost: \ufffd or ?? stands for them")
    listed = F.concat(F.lit(f"{name} is "), F.substring(said, 1, 80), F.lit(", a list or an object"))
    masked = F.lit(f"{name} is masked by * or •, so that several people may be one")
    dated = F.concat(F.lit(f"{name} is "), said, F.lit(", which a program for sheets may have made a date"))
    first = F.substring(said, 1, 1)
    is_listed = first.isin(["[", "{"]) & said.rlike(_LISTED)
    may_be = F.lower(said).contains("e+") | said.endswith(".0")  # which is asked quicker
    number = F.when(said.rlike(_ROUNDED), rounded).when(said.rlike(_SHORTENED), shortened)
    strange = (
        F.when(may_be, number)
        .when(first.isin(["'", "`"]), marked)
        .when(is_listed, listed)
        .when(said.contains(_LOST) | (said.startswith("??") & said.rlike(r"^\?+\z")), lost)
        .when(said.contains(",") & said.rlike(_GROUPED), grouped)
        .when(said.rlike(_DATED), dated)
    )
    if name != "product_id":
        strange = F.when(said.rlike(_MASKED), masked).otherwise(strange)
    is_short = F.length(said).between(5, 6) & said.contains("-")  # which is asked quicker
    return (
        F.when(F.lower(said).isin(_WORDS), word)
        .when(said.rlike(_SIGN), strange)
        .when(is_short & said.rlike(_DATED), dated)
    )


def said(frame: DataFrame, feed: Feed, counts: list[dict], stood: DataFrame | None = None) -> list[str]:
    """The doubts about a load, each with the number of its records; asked where there are any alone. `stood` are the
    rows of bronze.events, of other deliveries, that its duplicates may repeat.
    """
    found = _all_ignored(feed, counts)
    if any(row["doubtful"] for row in counts):
        by_doubt = frame.where("doubt IS NOT NULL").groupBy("doubt").count().orderBy(F.desc("count"), "doubt")
        rows = by_doubt.limit(_SHOWN + 1).collect()
        most = sum(row["rows_in"] for row in counts) / 100
        rows = [row for row in rows if row["count"] > most or not _MAY_BE_AN_ID.search(row["doubt"])]
        found += [f"{row['count']:,} records: {row['doubt']}" for row in rows[:_SHOWN]]
        found += ["and more such words"] if len(rows) > _SHOWN else []
    found += _entries(frame, feed, counts) or _unlike(frame, feed, counts, stood)
    return [*found, *_currencies(frame, feed, counts), *_zones(frame, feed, counts), *_void(frame, feed, counts),
            *_misspelt(frame, feed, counts)]  # fmt: skip


def _all_ignored(feed: Feed, counts: list[dict]) -> list[str]:
    rows, ignored = (sum(row[name] for row in counts) for name in ("rows_in", "ignored"))
    return [f"all {rows:,} records are left out by where and ignore"] if rows == ignored > 0 and not feed.name else []


def _entries(frame: DataFrame, feed: Feed, counts: list[dict]) -> list[str]:
    """Entries of one list that have the same id, though each was to be a record."""
    if not (feed.explode and {"event_id", "line"} <= set(frame.columns)) or not any(
        row["duplicates"] for row in counts
    ):
        return []
    same = frame.where("reason IS NULL AND NOT ignored").groupBy("source_file", "line", "event_id").count()
    more = same.where("count > 1").agg(F.sum(F.col("count") - 1)).first()[0]
    column = f"{feed.explode}.position"
    said = f"entries of a list have the id of another one, and count as its duplicates; {column} in id tells them apart"
    return [f"{more:,} {said}"] if more else []


def _unlike(frame: DataFrame, feed: Feed, counts: list[dict], stood: DataFrame | None) -> list[str]:
    """Duplicates that say something else than the record that counts."""
    duplicates = sum(row["duplicates"] for row in counts)
    if feed.version or not duplicates or "event_id" not in frame.columns:
        return []
    same = ["event_id", "ds"]
    good = frame.where("reason IS NULL AND NOT ignored AND NOT outside")
    # The few that are held against each other are found first: JSON of every record is dear, and so is to look at each.
    repeated = F.broadcast(good.where("duplicate").select(*same).distinct())
    content = F.to_json(F.struct(*EVENT_FIELDS)).alias("content")
    several = good.where("duplicate OR NOT alone")
    held = [repeated.join(rows, same).select(*same, content) for rows in (several, stood) if rows is not None]
    differ = (F.min("content") != F.max("content")).alias("differ")
    said = frames.union(held).groupBy(*same).agg(F.count("*").alias("records"), differ)
    unlike = said.where("differ").agg(F.sum(F.col("records") - 1)).first()[0]
    if not unlike:
        return []
    return [
        f"{unlike:,} of {duplicates:,} duplicates say something else than the record that counts: does "
        f"{', '.join(feed.id)} name one record? (a line's number in id tells them apart, number_equal numbers them, "
        "version takes the newest)"
    ]


def _currencies(frame: DataFrame, feed: Feed, counts: list[dict]) -> list[str]:
    """A column of currencies that the mapping does not ask, where it holds several."""
    has_money = any(EVENT_FIELDS.get(name) == "money" for name in feed.fields)
    if feed.currency or not has_money:
        return []
    several = {name: _several(frame, F.upper(F.col("attributes")[name])) for name in _beside(counts, _CURRENCIES)}
    return [
        f"money of several currencies is added up: column {name!r} holds {', '.join(codes)}; "
        f"say currency: {{column: {name}, rates: {{{codes[0]}: 1, ..}}}}"
        for name, codes in several.items()
        if len(codes) > 1
    ]


def _zones(frame: DataFrame, feed: Feed, counts: list[dict]) -> list[str]:
    """A column of zones that the mapping does not ask, where it holds several, beside times that may carry none."""
    time = feed.fields.get("event_time")
    if time is None or set(time.format) & set(EPOCHS):
        return []
    several = {name: _several(frame, F.col("attributes")[name]) for name in _beside(counts, _ZONES)}
    return [
        f"times that carry no zone are all of {time.zone}: column {name!r} holds {', '.join(zones)}"
        for name, zones in several.items()
        if len(zones) > 1
    ]


def _void(frame: DataFrame, feed: Feed, counts: list[dict]) -> list[str]:
    """Records that a column beside them calls deleted, cancelled or a test, and that count all the same."""
    if "event_id" not in frame.columns or not (names := _beside(counts, marks.NAMES)):
        return []
    attributes = F.col("attributes")
    void = {name: F.count_if(marks.is_set(name, attributes[name])).alias(f"n{k}") for k, name in enumerate(names)}
    found = frame.where(_GOOD).agg(*void.values()).first()
    return [
        f"{found[k]:,} records that {name!r} calls void are loaded; {marks.left_out(name)} leaves them out"
        for k, name in enumerate(names)
        if found[k]
    ]


def _misspelt(frame: DataFrame, feed: Feed, counts: list[dict]) -> list[str]:
    """Values that `ignore` lists, and that the records write otherwise, which are loaded so."""
    there, found = {name for row in counts for name in row["columns"] or ()}, []
    for name in sorted(feed.ignore.keys() & there):
        known = {value.lower() for value in feed.ignore[name]}
        said = _several(frame, F.col("attributes")[name], _MOST_CODES)
        for value in said if len(said) < _MOST_CODES else ():
            if near := get_close_matches(value.lower(), known, n=1, cutoff=_ALIKE):
                found.append(f"ignore lists {near[0]}, and records are loaded whose {name} is {value}")
    return found


def _beside(counts: list[dict], names: Collection[str]) -> list[str]:
    """The columns that the mapping does not name and that are called so."""
    return sorted({name for row in counts for name in row["columns"] or () if called.plain(name) in names})


def _several(frame: DataFrame, value: Column, most: int = _SHOWN + 1) -> list[str]:
    """Some values of the records that are loaded."""
    values = frame.where(_GOOD).select(value.alias("value")).distinct().where("value IS NOT NULL")
    return sorted(row["value"] for row in values.limit(most).collect())
