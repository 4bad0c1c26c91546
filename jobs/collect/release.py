"""release: ops.quarantine -> bronze. Refused records that the mapping reads by now are loaded, each once.

They count as delivered in the night ds, so that `clean` of ds puts them into their own days; the rest stay in
quarantine, with the reason of today, but for those of users who were erased, which go. Nothing is read from the landing
folder: the files may be gone.
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.collect import counts, dedupe, late, ledger, parse, refusals, states
from jobs.collect import run as collect
from jobs.collect.counts import Left
from jobs.lake import delta, erasures, turns
from jobs.lake.engine import frames, options
from jobs.lake.erasures import Suppressed
from jobs.settings import Settings
from jobs.sources import keys, reading, shops
from jobs.sources.keys import Keys
from jobs.sources.spec import Feed, Source, load
from jobs.tables import LOADS, QUARANTINE

_FROM_ITS_FILE = "; what is no record is read from its file: mend that or the mapping, then `collect --again`"


def as_records(refused: DataFrame, feed: Feed) -> DataFrame:
    """Rows of ops.quarantine as records again: raw, record, source_file, landed_ds, written_ds, file_ds, fault.
    Personal data were hashed before they came there, and are not hashed again.
    """
    fault = F.nullif(F.regexp_extract("reason", f"^{counts.NO_RECORD}(.*)", 1), F.lit("")).alias("fault")
    days = [F.col("ds").alias("landed_ds"), F.col("ds").alias("written_ds")]
    return collect.with_file_ds(reading.with_objects(refused.select("raw", "source_file", *days, fault), feed))


def _release_kind(
    spark: SparkSession, s: Settings, source: Source, own: Keys, kind: str, suppressed: Suppressed | None
) -> str:
    slice_ = f"source = '{source.name}' AND kind = '{kind}' AND stage = 'collect' AND ds <= DATE'{s.ds}'"
    if kind == "events":
        slice_ += f" AND {_of_feed(source)}"
    if s.since != s.ds:
        slice_ += f" AND ds >= DATE'{s.since}'"
    refused = delta.read_or_empty(spark, s.warehouse, QUARANTINE).where(slice_)
    records, left = collect.left_out(as_records(refused, source.feeds()[kind]), source, own, kind, suppressed)
    keyed = dedupe.with_key(records, source, kind, s.ds)
    parsed = parse.parse(keyed, source, own, kind, s.since, s.since, s.ds)
    parsed = frames.kept(parsed.withColumn("refused_ds", F.col("landed_ds")))
    try:
        feed, replaced = source.feeds()[kind], None
        identity = dedupe.keys(kind, feed)
        frame = dedupe.one_of_each(dedupe.numbered(parsed, feed), feed, identity)
        if kind == "events" and feed.version:
            stood = states.stored(spark, s, parsed, feed, "false")
            frame = frames.kept(frame if stood is None else dedupe.mark_beaten(frame, stood, feed))
            replaced = None if stood is None else frames.kept(dedupe.replaced(frame, stood, feed))
        else:
            loaded = _loaded(spark, s, kind, parsed)
            frame = frames.kept(frame if loaded is None else dedupe.mark_loaded(frame, identity, loaded))
        rows = _counts(frame, left)
        why = _why(frame) if any(row["refused"] for row in rows) else ""
        if any(any(row[name] for name in ("released", "duplicates", "ignored", "suppressed")) for row in rows):
            _write(spark, s, source, kind, frame, replaced, rows, slice_)
    finally:
        frames.free(frame, parsed, replaced)
    sums = {name: sum(row[name] for row in rows) for name in ("released", "duplicates", "refused")}
    line = f"{kind}: {sums['released']:,} released, {sums['duplicates']:,} were there already, {sums['refused']:,} stay"
    return line + why + (f", {sum(left.values()):,} of erased users dropped" if left else "")


def _loaded(spark: SparkSession, s: Settings, kind: str, parsed: DataFrame) -> DataFrame | None:
    """The rows of bronze that may be the records of `parsed`: of the same days, or of the same files."""
    if kind == "events":
        return collect.already_loaded(spark, s, parsed, "false")
    files = [row[0] for row in parsed.where("reason IS NULL").select("source_file").distinct().collect()]
    if not files:
        return None
    rows = delta.read_or_empty(spark, s.warehouse, collect.TARGETS[kind]).where(f"source = '{s.source}'")
    return rows.where(F.col("source_file").isin(files))


def _why(frame: DataFrame) -> str:
    """Why records stay: how many of each rule, and one of its reasons."""
    reasons = refusals.by_rule(frame)
    if not reasons:
        return ""
    said = "; ".join(f"{records:,} {example}" for _, records, example in reasons)
    no_record = any(example.startswith(counts.NO_RECORD) for _, _, example in reasons)
    return f" ({said}{_FROM_ITS_FILE if no_record else ''})"


def _of_feed(source: Source) -> str:
    """Which refused records of events a feed brought, by their files."""
    if source.events.name:
        return f"source_file LIKE '%[{source.events.name}]'"
    return " AND ".join(["true", *[f"source_file NOT LIKE '%[{name}]'" for name in source.more_events]])


def _counts(frame: DataFrame, left: Left) -> list[dict]:
    """One row a file and day of refusal: released, duplicates (there already), refused still, ignored, suppressed."""
    good = F.col("reason").isNull() & ~F.col("ignored")
    counted = frame.groupBy("source_file", "refused_ds").agg(
        F.count_if(good & ~F.col("duplicate")).alias("released"),
        F.count_if(good & F.col("duplicate")).alias("duplicates"),
        F.count_if(F.col("ignored")).alias("ignored"),
        F.count_if(F.col("reason").isNotNull()).alias("refused"),
        counts.repeats().alias("repeats"),
    )
    none = dict.fromkeys(("released", "duplicates", "refused", "ignored", "suppressed"), 0) | {"repeats": []}
    rows = [none | row.asDict() for row in counted.collect()]
    erased = [{"source_file": name, "refused_ds": day, "suppressed": number} for (name, day), number in left.items()]
    return rows + [none | row for row in erased]


def _write(
    spark: SparkSession, s: Settings, source: Source, kind: str, frame: DataFrame, replaced: DataFrame | None,
    rows: list[dict], slice_: str,
) -> None:  # fmt: skip
    """The quarantine last: a run that is killed finds its records there again. By then bronze may have them, as
    duplicates; so they are counted before.
    """
    stamp = {"source": F.lit(s.source), "kind": F.lit(kind), "stage": F.lit("collect"), "run_id": F.lit(s.run_id)}
    free = frame.where("reason IS NULL AND NOT ignored AND NOT duplicate").withColumn("landed_ds", F.lit(s.ds))
    tonight = replace(s, since=s.ds)
    if kind == "events":
        changes = late.restated(free, tonight, s.ds)
        if replaced is not None:
            changes = changes.unionByName(late.restated(replaced, tonight, s.ds))
        late.note_restated(changes, s)
    _enter(s, kind, rows, [] if replaced is None else states.by_file(replaced))
    came_late = [] if replaced is None else states.late_landings(replaced)
    if replaced is not None:  # before the newer states: they are in quarantine until then
        states.take_back(replaced, s)
    free = free.withColumns(stamp).withColumn("ingested_at", F.current_timestamp())
    delta.append(free, s.warehouse, collect.TARGETS[kind])
    if kind == "events":
        late.note_lateness(spark, tonight, source.shop_zone, came_late)
    kept = frame.where("reason IS NOT NULL").withColumns(stamp).withColumn("ds", F.col("refused_ds"))
    delta.replace_where(kept, s.warehouse, QUARANTINE, slice_)


def _enter(s: Settings, kind: str, rows: list[dict], replaced: list[dict]) -> None:
    """Move the counts of the records that leave the quarantine, and of states that they replace, in ops.loads: rows in
    stay the sum of the others. In one commit; where no more are quarantined than stay, a killed run has done it.
    """
    moved = {(row["source_file"], row["refused_ds"]): row for row in rows}
    names = delta.listed({row["source_file"] for row in [*rows, *replaced]})
    same = f"source = '{s.source}' AND kind = '{kind}' AND source_file IN ({names})"
    entries = delta.rows(s.warehouse, LOADS, same)
    leaving = [(entry, moved.get((entry["source_file"], entry["landed_ds"]))) for entry in entries]
    leaving = [(entry, row) for entry, row in leaving if row and entry["quarantined"] > row["refused"]]
    if not leaving:
        return
    ledger.as_duplicates(entries, replaced)
    for entry, row in leaving:
        ledger.add_repeats(entry, row["repeats"])
        entry["released"] = (entry.get("released") or 0) + row["released"]
        entry["loaded"] += row["released"]
        entry["duplicates"] += row["duplicates"]
        for name in ("suppressed", "ignored"):
            entry[name] = (entry.get(name) or 0) + row[name]
        entry["quarantined"] -= sum(row[n] for n in ("released", "duplicates", "suppressed", "ignored"))
    delta.replace_rows(entries, s.warehouse, LOADS, same)


@turns.one_at_a_time("bronze")
def run(spark: SparkSession, s: Settings) -> str:
    """Release what can be read of all that was refused by ds (with --since: from that day on)."""
    source, suppressed = load(s.source), erasures.suppressed(s)
    shops.require_days(s.warehouse, source)
    own = keys.known(s.warehouse).get(source.name, Keys())
    with options.changed(spark, options.STEP_BY_STEP):
        return "; ".join(
            _release_kind(spark, s, part, own, kind, suppressed) for part in source.parts() for kind in part.feeds()
        )
