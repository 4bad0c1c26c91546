"""`python -m jobs VERB --ds 2017-12-01 ...`: every hop by hand, the same line that the DAG runs.

Exit codes: 0 done, 1 crash (worth a retry), 2 wrong usage or configuration, 3 the data failed a critical check.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any

from simulate import plan

from jobs.checks.hops import JUDGED
from jobs.errors import EXIT_CRASH, EXIT_DATA, EXIT_DONE, EXIT_USAGE, DataError, UnavailableError, UsageError
from jobs.settings import Settings
from jobs.tables import STANDING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NO_MEMORY = "Failed to allocate"  # how Sail says that its pool is spent

# verb: what it does. Each is `run` of its module in MODULES.
SPARK_VERBS = {
    "collect": "landing -> bronze: load, or quarantine with a reason",
    "release": "ops.quarantine -> bronze: refused records that the mapping reads by now",
    "clean": "bronze -> silver: once each, sessions, product facts",
    "features": "silver -> gold.user_daily, gold.user_features",
    "sequences": "silver -> gold.user_sequences",
    "definitions": "hold conf/audiences: names, predicates, examples; writes nothing",
    "segment": "embeddings + features -> staged segments, profiles, changes",
    "audiences": "staged profiles + conf/audiences -> staged audiences, members, changes, overlap",
    "publish": "staged -> gold, then one row in ops.runs",
    "lift": "audiences of 28 days ago: treated against holdout -> ops.audience_lift",
    "check": "hold tables against their suites; exit 3 where a critical expectation fails",
}
MODULES = {
    "audience": "jobs.audiences.preview",
    "audiences": "jobs.audiences.run",
    "clean": "jobs.clean.run",
    "collect": "jobs.collect.run",
    "definitions": "jobs.audiences.validate",
    "erase": "jobs.erasure.run",
    "features": "jobs.features.run",
    "lift": "jobs.audiences.lift",
    "maintain": "jobs.lake.maintain",
    "migrate": "jobs.migrate",
    "publish": "jobs.publish.run",
    "release": "jobs.collect.release",
    "report": "jobs.publish.report",
    "segment": "jobs.segments.run",
    "sequences": "jobs.features.sequences",
    "simulate": "simulate.run",
    "source": "jobs.collect.trial",
}
ERASE = "erase users for good: suppress, delete, prove; they are never loaded again"
MAINTAIN = "put small files together and delete what no version of the last days needs; run it between nights"
MIGRATE = "bring a warehouse of an earlier release to this one's types and days: once, while no night runs"
PREVIEW = "what an audience's file would make: size, overlap, who would come and go; writes nothing"
EXPORT = "the members of a published night as a file: without who may not be addressed or is held out; logged"
DELIVER = "tell the destinations of conf/destinations.yaml by HTTP who entered and left; nothing twice"
ASK = "the definition that a sentence asks for, and how many it holds; exit 2 where it says no one thing"
DRAFT = "the first draft of a mapping, from a sample of a file of events: YAML with what was seen as comments"
SEARCH = "products, or queries of users, that come nearest to a few words: by meaning, or by letters; starts no engine"
TRY = "ten records of a mapping before and after, counts and reasons; writes nothing"
SIMULATE = "make click-stream data of any size in a landing folder, with the hidden truth beside them"
PLAIN_VERBS = {
    "report": "pictures and tables of a night, as one HTML page and in MLflow",
    "sql": "run a SQL query over the published tables, without a JVM",
}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day as YYYY-MM-DD, found {text!r}") from None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"expected a share above 0 and at most 1, found {text!r}")
    return share


def _add_night(one: argparse.ArgumentParser) -> None:
    one.add_argument("--ds", type=_day, required=True, help="the day that is processed")
    one.add_argument("--since", type=_day, help="first day of a range that is processed in one pass")
    one.add_argument("--source", default=os.environ.get("HUAXIANG_SOURCE", "complete_journey"))
    one.add_argument("--landing", default=os.environ.get("HUAXIANG_LANDING", "landing"), help="folder of the logs")
    one.add_argument("--run-id", default=os.environ.get("HUAXIANG_RUN_ID", "by-hand"))


def _add_source(one: argparse.ArgumentParser) -> None:
    actions = one.add_subparsers(dest="action", required=True, metavar="draft|try")
    draft = actions.add_parser("draft", help=DRAFT, description=DRAFT)
    draft.add_argument("file", metavar="FILE", help="CSV, JSON lines or Parquet, packed or not")
    draft.add_argument("--name", required=True, help="of the source, such as my_shop")
    draft.add_argument("--write", action="store_true", help="into conf/sources/NAME.yaml, where there is none yet")
    trial = actions.add_parser("try", help=TRY, description=TRY)
    trial.add_argument("name", metavar="NAME", help="of a source in conf/sources")
    trial.add_argument("--landing", default=os.environ.get("HUAXIANG_LANDING", "landing"), help="folder of the logs")
    trial.add_argument("--ds", type=_day, help="the day whose files are read (default: the newest)")


def _add_audience(verbs: Any, where: str) -> None:
    audience = verbs.add_parser(
        "audience", help=f"ask SENTENCE: {ASK}; preview FILE: {PREVIEW}; export ID: {EXPORT}; deliver: {DELIVER}",
        description="audiences, one at a time",
    )  # fmt: skip
    actions = audience.add_subparsers(dest="action", required=True, metavar="ask|preview|export|deliver")
    ask = actions.add_parser("ask", help=ASK, description=ASK)
    ask.add_argument("sentence", help="such as: bought milk in each of the last 6 months, but not in the last 14 days")
    ask.add_argument("--lang", choices=("en", "zh"), help="of the sentence (default: by its letters)")
    ask.add_argument("--json", action="store_true", help="one object: definition, size, parts, left_out, readings")
    ask.add_argument("--members", type=Path, metavar="FILE.csv", help="write the ids that the rule holds, one a line")
    ask.add_argument("--write", action="store_true", help="write the definition into conf/audiences")
    ask.add_argument("--model", action="store_true", help="ask the model of conf/language_model.yaml too")
    preview = actions.add_parser("preview", help=PREVIEW, description=PREVIEW)
    preview.add_argument("file", type=Path, help="an audience, in conf/audiences or not yet")
    preview.add_argument("--exact", action="store_true", help="ask everybody, not a sample")
    preview.add_argument("--sample", type=_share, help="share of the users to ask, such as 0.1")
    preview.add_argument("--explain", metavar="USER", help="why this user is in it or not, condition by condition")
    export = actions.add_parser("export", help=EXPORT, description=EXPORT)
    export.add_argument("id", help="of an audience of the published night, such as win_back")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="FILE.csv, .parquet or .xlsx")
    export.add_argument("--changes", action="store_true", help="who entered and left on the night, not who is in it")
    export.add_argument("--holdout", choices=("left out", "marked"), default="left out", help="(default: %(default)s)")
    deliver = actions.add_parser("deliver", help=DELIVER, description=DELIVER)
    deliver.add_argument("--to", metavar="NAME", help="this destination alone")
    deliver.add_argument("--anew", action="store_true", help="of all members, whatever was told before")
    for one in (ask, preview, export, deliver):
        one.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
        _add_night(one)


def parser() -> argparse.ArgumentParser:
    """The command line; argparse ends a wrong one with exit 2 and one line."""
    top = argparse.ArgumentParser(prog="python -m jobs", description=__doc__.split("\n")[0])
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    where = os.environ.get("HUAXIANG_WAREHOUSE", "warehouse")
    for verb, meaning in (SPARK_VERBS | PLAIN_VERBS).items():
        one = verbs.add_parser(verb, help=meaning, description=meaning)
        one.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
        if verb == "sql":
            one.add_argument("query", help="e.g. SELECT segment_name, size FROM gold.segments")
            one.add_argument("--format", choices=("table", "csv", "json"), default="table")
            one.add_argument("--out", type=Path, metavar="FILE", help="write all rows to FILE.csv, .parquet or .xlsx")
            continue
        _add_night(one)
        if verb == "collect":
            one.add_argument("--again", action="store_true", help="load the files of these days anew, known or not")
        if verb == "check":
            one.add_argument("--table", action="append", required=True, help="layer.table; may be given several times")
    erase = verbs.add_parser("erase", help=ERASE, description=ERASE)
    erase.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
    erase.add_argument("--ds", type=_day, required=True, help="the day on which it was asked for")
    who = erase.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", action="append", metavar="ID", help="as in silver.users; may be given several times")
    who.add_argument("--users", type=Path, metavar="FILE", help="one id a line: ids in a command are logged elsewhere")
    erase.add_argument("--verify", action="store_true", help="delete nothing, only look for the ids again")
    erase.add_argument("--run-id", default=os.environ.get("HUAXIANG_RUN_ID", "by-hand"))
    maintain = verbs.add_parser("maintain", help=MAINTAIN, description=MAINTAIN)
    maintain.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
    maintain.add_argument("--keep-days", type=plan.count, default=30, help="of versions (default: %(default)s)")
    maintain.add_argument("--ds", type=_day, help="taken as by every verb; what goes is told by the files' own age")
    migrate = verbs.add_parser("migrate", help=MIGRATE, description=MIGRATE)
    migrate.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
    _add_audience(verbs, where)
    search = verbs.add_parser("search", help=SEARCH, description=SEARCH)
    search.add_argument("words", help="in any language, such as 'fruit for children'")
    search.add_argument("--warehouse", default=where, help="folder or URI of the tables (default: %(default)s)")
    search.add_argument("--in", dest="among", choices=("products", "queries"), default="products",
                        help="(default: %(default)s)")  # fmt: skip
    search.add_argument("--by", choices=("meaning", "letters"), help="default: meaning where it is installed")
    search.add_argument("--top", type=plan.count, default=10, help="(default: %(default)s)")
    search.add_argument("--json", action="store_true", help="JSON lines, for other programs")
    _add_source(verbs.add_parser("source", help=f"draft FILE, try NAME: {DRAFT}; {TRY}", description="mappings"))
    plan.add_arguments(verbs.add_parser("simulate", help=SIMULATE, description=SIMULATE))
    return top


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).resolve())


def _settings(given: argparse.Namespace) -> Settings:
    since = given.since or given.ds
    if since > given.ds:
        raise UsageError(f"expected --since not after --ds, found --since {since} --ds {given.ds}")
    places = _absolute(given.warehouse), given.source, _absolute(given.landing)
    return Settings(given.ds, since, *places, given.run_id, getattr(given, "again", False))


def _ids(given: argparse.Namespace) -> list[str]:
    """The users to erase, each once; UsageError where the file has none."""
    if given.user:
        return sorted(set(given.user))
    try:
        lines = given.users.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"expected a file of ids, one a line, at {given.users}, found: {error}") from None
    if not (found := sorted({line.strip() for line in lines} - {""})):
        raise UsageError(f"expected ids in {given.users}, one a line, found none")
    return found


def _end_when_killed() -> None:
    """End with spark-submit, whose death leaves us behind; SIGTERM unwinds, so that a query elsewhere is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def watch() -> None:
        while os.read(0, 1024):  # a pipe that spark-submit never writes to: its end is the parent's
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    if "PYSPARK_GATEWAY_PORT" in os.environ:
        Thread(target=watch, daemon=True).start()


def _spark_verb(given: argparse.Namespace) -> str:
    if given.verb == "simulate":
        job, name, long_job = (plan.of(given), _absolute(given.landing)), "huaxiang simulate", True
    elif given.verb == "maintain":
        job, name, long_job = (_absolute(given.warehouse), given.keep_days), "huaxiang maintain", True
    elif given.verb == "migrate":
        job, name, long_job = (_absolute(given.warehouse),), "huaxiang migrate", True
    elif given.verb == "source":
        job, name, long_job = (given.name, _absolute(given.landing), given.ds), "huaxiang source try", False
    elif given.verb == "erase":
        settings = Settings(given.ds, given.ds, _absolute(given.warehouse), "", "", given.run_id)
        job, name, long_job = (settings, _ids(given), given.verify), "huaxiang erase", True
    else:
        settings = _settings(given)
        extra = {"audience": ("file", "exact", "sample", "explain")}.get(given.verb, ())
        job = (settings, *[getattr(given, name) for name in extra])
        name, long_job = f"huaxiang {given.verb} {settings.days}", settings.since != settings.ds

    hop = importlib.import_module(MODULES[given.verb])
    if isinstance(job[0], Settings) and given.verb != "erase":
        importlib.import_module("jobs.lake.contracts").require(job[0].warehouse)
    with _session(name, long_job) as spark:
        said = _judged(spark, given.verb, hop, job) if given.verb in JUDGED else hop.run(spark, *job)
        if given.verb in STANDING:
            importlib.import_module("jobs.lake.delta").stand(_absolute(given.warehouse), STANDING[given.verb])
        return said


def _judged(spark: SparkSession, verb: str, hop: ModuleType, job: tuple) -> str:
    """The hop's line, once it has judged what it wrote."""
    # One after the other: two threads in the middle of one package would each see it half made.
    importlib.import_module("pandas")  # which hop and judge both take, and pyarrow with it
    # Great Expectations takes more than a second to import: that goes beside the engine's work.
    with ThreadPoolExecutor(1) as aside:
        judge = aside.submit(importlib.import_module, "jobs.checks.judge")
        said = hop.run(spark, *job)
        judge.result().after_hop(spark, job[0], verb)
    return said


def _ask(given: argparse.Namespace) -> int:
    """Print what a sentence asks for; EXIT_USAGE where that is no one rule."""
    from jobs.audiences.ask import model, read, run, vocabulary

    settings, wanted = _settings(given), run.Wanted(given.json, given.members, given.write)
    names = vocabulary.load(settings.warehouse, settings.ds, settings.source)
    answer = read(given.sentence, names, given.lang)
    if answer.rule is None and not given.model:
        run.told(answer, wanted)
        return EXIT_USAGE
    importlib.import_module("jobs.lake.contracts").require(settings.warehouse)
    with _session("huaxiang audience ask", False) as spark:
        if given.model:
            answer, became = model.ask(settings, given.sentence, names, answer)
            print(f"language model: {became}", file=sys.stderr)
        if answer.rule is None:
            run.told(answer, wanted)
            return EXIT_USAGE
        print(run.asked(spark, settings, given.sentence, answer, wanted))
    return EXIT_DONE


def _export(given: argparse.Namespace) -> str:
    from jobs.audiences import export

    wanted = export.Wanted(given.id, given.ds, given.changes, given.holdout == "marked")
    with _session("huaxiang audience export", False):  # which knows the types of the log's columns
        return export.run(_absolute(given.warehouse), wanted, given.out)


def _deliver(given: argparse.Namespace) -> str:
    from jobs.audiences.delivery import destinations, run

    if not destinations.load(given.to):
        return "no destinations in conf/destinations.yaml: nobody is told"
    with _session("huaxiang audience deliver", False):  # as above
        return run.run(_absolute(given.warehouse), given.ds, given.to, anew=given.anew)


def _check(given: argparse.Namespace) -> str:
    from jobs.checks import run as checks

    settings = _settings(given)
    session = _session(f"huaxiang check {settings.days}", settings.since != settings.ds)
    return checks.run(session, settings, given.table)


@contextmanager
def _session(name: str, long_job: bool) -> Iterator[SparkSession]:
    from jobs.lake import session

    _end_when_killed()
    spark = session.build(name, long_job=long_job)
    try:
        yield spark
    finally:
        spark.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the last line on stderr says why where it failed."""
    # Python looks for circles of objects after every 700 new ones: a tenth of a small verb, and it makes few.
    gc.set_threshold(100_000, 50, 100)
    given = parser().parse_args(arguments)
    try:
        if given.verb == "sql":
            from jobs.lake import sql

            print(sql.run(given.query, given.warehouse, given.format, given.out))
        elif given.verb == "search":
            from jobs import search

            print(search.run(given.words, given.warehouse, given.among, given.by, given.top, given.json))
        elif given.verb == "source" and given.action == "draft":
            from jobs.sources.draft import run as draft

            print(draft.run(given.file, given.name, given.write))
        elif given.verb == "audience" and given.action == "ask":
            return _ask(given)
        elif given.verb == "audience" and given.action == "export":
            print(_export(given))
        elif given.verb == "audience" and given.action == "deliver":
            print(_deliver(given))
        elif given.verb in PLAIN_VERBS:
            print(importlib.import_module(MODULES[given.verb]).run(_settings(given)))
        elif given.verb in ("audience", "erase", "maintain", "migrate", "source"):
            print(_spark_verb(given))
        elif given.verb == "check":
            print(f"check {given.ds}: {_check(given)}")
        else:
            print(f"{given.verb} {given.ds}: {_spark_verb(given)}")
    except UsageError as error:
        print(f"usage: {error}", file=sys.stderr)
        return EXIT_USAGE
    except DataError as error:
        print(f"data: {error}", file=sys.stderr)
        return EXIT_DATA
    except UnavailableError as error:
        print(f"unavailable: {error}", file=sys.stderr)
        return EXIT_CRASH
    except Exception as error:
        traceback.print_exc()
        said = str(error).strip().splitlines()[0] if str(error) else ""
        hint = "; HUAXIANG_DRIVER_MEMORY gives the engine more, such as 6g" if _NO_MEMORY in said else ""
        print(f"crash: {type(error).__name__}: {said}{hint}", file=sys.stderr)
        return EXIT_CRASH
    return EXIT_DONE


if __name__ == "__main__":
    code = main()
    gc.freeze()  # else Python looks among all that was imported for circles as it ends: half a second
    sys.exit(code)
