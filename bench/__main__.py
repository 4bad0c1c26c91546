"""`python -m bench build --events 20e6 --days 90`, `night --history 20e6 --new 200e3`, `training [--users 5e6]`,
`rivals FILE`, `personas`, `segment --users 1e6`, `audiences`, `ask`: each prints its tables.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from bench import builds, measure, shown, ways
from bench.builds import Place
from jobs.errors import UsageError
from simulate import plan
from simulate.plan import Plan

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
BYTES_AN_EVENT = 500  # of disk, for raw files, tables of both sides, shuffles and spills


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m bench", description="How fast our verbs are, beside DuckDB.")
    what = top.add_subparsers(dest="what", required=True)
    build = what.add_parser("build", help="raw files to user_features and user_sequences, beside one DuckDB script")
    build.add_argument("--events", type=plan.count, nargs="+", default=[20_000_000], help="one or several sizes")
    build.add_argument("--alone", action="store_true", help="without the DuckDB script, whose memory large logs exceed")
    build.add_argument("--days", type=plan.count, default=90)
    night = what.add_parser("night", help="one night of new events on a history, against the full build")
    night.add_argument("--history", type=plan.count, nargs="+", default=[20_000_000, 40_000_000], help="one or several")
    night.add_argument("--new", type=plan.count, default=200_000, help="events of the night (default: %(default)s)")
    training = what.add_parser("training", help="training step and encoding, against the processor's matrix rate")
    training.add_argument("--threads", type=plan.count, default=os.cpu_count(), help="(default: all cores)")
    training.add_argument("--users", type=plan.count, help="in place of it, what so many made-up users hold and take")
    training.add_argument("--seed", type=int, default=1)
    training.add_argument("--work", type=Path, help="folder for a temporary folder (default: the system's)")
    rivals = what.add_parser("rivals", help="ours beside rectools and RePlay on a file of ml.benchmark")
    rivals.add_argument("file", type=Path, help="lines of `user item item ...`, such as Amazon Beauty's")
    rivals.add_argument("--only", nargs="+", choices=("ours", "rectools", "replay"), default=["rectools", "replay"])
    rivals.add_argument("--epochs", type=plan.count, default=60, help="of a rival (default: %(default)s)")
    rivals.add_argument("--minutes", type=float, default=math.inf, help="of training, of a rival (default: no end)")
    rivals.add_argument("--share", type=float, default=0.99, help="of a rival's best NDCG@10 (default: %(default)s)")
    rivals.add_argument("--threads", type=plan.count, default=os.cpu_count(), help="(default: all cores)")
    rivals.add_argument("--environments", type=Path, default=Path(".tools/rivals"), help="(default: %(default)s)")
    addressed = what.add_parser("audiences", help="a night's audiences of behaviour, beside DuckDB over the same files")
    addressed.add_argument("--events", type=plan.count, default=20_000_000, help="(default: %(default)s)")
    addressed.add_argument("--users", type=plan.count, default=200_000, help="(default: %(default)s)")
    addressed.add_argument("--audiences", type=plan.count, nargs="+", default=[10, 100], help="one or several")
    segment = what.add_parser("segment", help="a night from features and vectors to the report, for a crowd of users")
    segment.add_argument("--users", type=plan.count, default=1_000_000, help="(default: %(default)s)")
    personas = what.add_parser("personas", help="segments and vectors against the hidden personas of a made-up shop")
    personas.add_argument("--users", type=plan.count, default=2_000, help="(default: %(default)s)")
    personas.add_argument("--events", type=plan.count, default=2_000_000, help="(default: %(default)s)")
    personas.add_argument("--days", type=plan.count, default=150, help="(default: %(default)s)")
    personas.add_argument("--nights", type=plan.count, default=14, help="after the training (default: %(default)s)")
    ask = what.add_parser("ask", help="sentences and what `audience ask` makes of them, by members of the right rule")
    ask.add_argument("--held-out", action="store_true", help="those that are set aside, in place of those to work with")
    ask.add_argument("--warehouse", default="warehouse", help="of the demo (default: %(default)s)")
    ask.add_argument("--made-up", help="of the made-up shop, where one lies ready (default: made anew)")
    ask.add_argument("--shops", choices=("demo", "simulate"), nargs="+", default=["demo", "simulate"])
    ask.add_argument("--model", action="store_true", help="with the model of conf/language_model.yaml too")
    ask.add_argument("--show", action="store_true", help="each failure, with what was right and what was answered")
    ask.add_argument("--work", type=Path, help="folder for a temporary folder (default: the system's)")
    for one in (segment, personas, addressed):
        one.add_argument("--seed", type=int, default=1)
        one.add_argument("--on", choices=tuple(ways.WAYS), default="sail", help="see build (default: sail)")
        one.add_argument("--work", type=Path, help="folder for a temporary folder (default: the system's)")
    for one in (build, night):
        one.add_argument("--users", type=plan.count)
        one.add_argument("--seed", type=int, default=1)
        one.add_argument("--repeat", type=plan.count, default=3, help="medians of so many (default: %(default)s)")
        said = "; ".join(f"{way}: {text}" for way, text in ways.WAYS.items())
        one.add_argument("--on", choices=tuple(ways.WAYS), nargs="+", default=["sail"], help=f"{said} (default: sail)")
        one.add_argument("--work", type=Path, help="folder for a temporary folder (default: the system's)")
    return top


@contextmanager
def place(given: argparse.Namespace, events: int) -> Iterator[Place]:
    """A folder that is gone afterwards; UsageError where the disk is too small."""
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-", dir=given.work) as folder:
        free, wanted = shutil.disk_usage(folder).free, events * BYTES_AN_EVENT
        if free < wanted:
            raise UsageError(
                f"expected {shown.size(wanted)} free in {folder}, found {shown.size(free)}: give --work DIR"
            )
        yield Place(Path(folder))


def say(text: str) -> None:
    out.print(text, style="dim")


def raw(where: Place, day: str = "*") -> list[Path]:
    """The files of events, of all days of delivery or of one folder."""
    return list((where.landing / "simulate" / "events").glob(f"{day}/*.parquet"))


def records(where: Place, day: str = "*") -> int:
    return sum(pq.read_metadata(file).num_rows for file in raw(where, day))


def make(where: Place, made: Plan) -> int:
    """Make the raw files; how many records there are."""
    line = [sys.executable, "-m", "jobs", "simulate", "--landing", str(where.landing)]
    for name in ("events", "days", "users", "products", "seed", "ds"):
        line += [f"--{name}", str(getattr(made, name))]
    cost = measure.run(line, ways.plain(), where.folder)
    rows, files = records(where), raw(where)
    say(
        f"simulate: {rows:,} records of {made.users:,} users, seed {made.seed}, {len(files)} files, "
        f"{shown.size(sum(file.stat().st_size for file in files))}, {cost.seconds:.0f} s (CPU {cost.cpu_seconds:.0f} s)"
    )
    return rows


def build(given: argparse.Namespace) -> None:
    """Print the table of the full build for each size, and how the time grows from the first size to the others."""
    out.print(shown.machine())
    seconds: dict[str, list[tuple[int, float]]] = {way: [] for way in given.on}
    for events in given.events:
        made = plan.made(events, given.days, given.users, seed=given.seed)
        with place(given, made.events) as where:
            rows, range_ = make(where, made), (made.first, made.ds)
            theirs = [] if given.alone else builds.duckdb_stages(where, *range_, given.repeat, say)
            for way, found in seconds.items():
                ours = builds.full(where, *range_, given.repeat, way, say)
                title = f"{rows:,} records of {made.days} days, median of {given.repeat}; {ways.WAYS[way]}"
                out.print(shown.build(title, ours, theirs, rows))
                found.append((rows, sum(stage.seconds for stage in ours)))
    for way, (first, *others) in seconds.items():
        for other in others:
            out.print(shown.growth(first, other, ways.WAYS[way]))


def night(given: argparse.Namespace) -> None:
    """Print a table for each history: one night on top of it."""
    out.print(shown.machine())
    for history in given.history:
        days = max(1, round(history / given.new))
        made = plan.made(history + given.new, days + 1, given.users, seed=given.seed)
        with place(given, made.events) as where:
            make(where, made)
            for way in given.on:
                out.print(_night(where, made, way, given.repeat))


def _night(where: Place, made: Plan, way: str, repeat: int) -> Table:
    full = builds.full(where, made.first, made.ds - timedelta(days=1), 1, way, say)
    history = {stage.name: stage.seconds for stage in full if stage.name in builds.STAGES}
    nights = [builds.night(where, made.ds, way) for _ in range(repeat)]
    middle = {name: statistics.median(one[name] for one in nights) for name in builds.STAGES}
    new, all_ = records(where, f"ds={made.ds}"), records(where)
    title = (
        f"a night of {new:,} records on {all_ - new:,} of {made.days - 1} days, median of {repeat}; {ways.WAYS[way]}"
    )
    return shown.night(title, history, middle)


def training(given: argparse.Namespace) -> None:
    """Print the table of the training step and the encoding; or that of a training of so many users."""
    if given.users:
        from bench import fed

        out.print(shown.machine())
        with place(given, given.users * fed.BYTES_A_USER // BYTES_AN_EVENT) as where:
            out.print(fed.run(where, given.users, given.seed, say))
        return
    import torch  # seconds to import, and only this verb needs it

    from bench import training as measured

    torch.set_num_threads(given.threads)
    out.print(shown.machine())
    out.print(measured.shown([measured.step(given.seed), measured.encoding(given.seed)], given.threads))
    out.print(measured.softmaxes(given.seed))


def race(given: argparse.Namespace) -> None:
    """Print the table of ours beside the rivals."""
    from bench.rivals import race as lanes

    if not given.file.is_file():
        raise UsageError(f"expected a file of lines `user item item ...` at {given.file}, found none")
    out.print(shown.machine())
    pythons = {name: lanes.environment(name, given.environments, say) for name in given.only if name != lanes.OURS}
    found = []
    with tempfile.TemporaryDirectory(prefix="huaxiang-bench-") as folder:
        for name, python in {lanes.OURS: Path(sys.executable), **pythons}.items():
            most = (given.epochs, given.minutes)
            one = lanes.run(name, python, given.file, *most, given.threads, Path(folder), say)
            say(f"{name}: {one.epoch_seconds:.1f} s an epoch, best validation NDCG@10 {one.best:.4f}")
            found.append(one)
    out.print(lanes.table(found, given.share, given.threads, given.file))


BYTES_A_USER = 12_000  # of disk, for a crowd's tables of two nights, shuffles and what is kept of them


def segment(given: argparse.Namespace) -> None:
    """Print the table of a night of a crowd."""
    from bench import segmenting

    out.print(shown.machine())
    with place(given, given.users * BYTES_A_USER // BYTES_AN_EVENT) as where:
        stages, said = segmenting.night(where, given.users, given.seed, given.on, say)
        say(said)
        title = f"a night of {given.users:,} users, from features and vectors on; {ways.WAYS[given.on]}"
        out.print(shown.verbs(title, stages, given.users))


def audiences(given: argparse.Namespace) -> None:
    """Print what so many audiences of behaviour take, beside DuckDB."""
    from bench import addressed

    out.print(shown.machine())
    with place(given, given.events // 5) as where, ways.opened(given.on, where.folder) as way:
        warehouse = addressed.make(where, given.events, given.users, given.seed)
        say(f"{given.events:,} events of {given.users:,} users, {addressed.DAYS} days, seed {given.seed}")
        found = [addressed.ask(where, warehouse, count, way.env) for count in given.audiences]
        out.print(addressed.table(found, ways.WAYS[given.on]))


def ask(given: argparse.Namespace) -> None:
    """Print what became of the sentences; the last line is one JSON object."""
    from bench.ask import phrasebook, run, score, shops

    with place(given, shops.PLAN.events) as where:
        warehouses = {"demo": given.warehouse, "simulate": given.made_up}
        if "simulate" in given.shops and not given.made_up:
            make(where, shops.PLAN)
            warehouses["simulate"] = shops.made_up(where, say)
        began, read = time.perf_counter(), run.with_model() if given.model else run.reader.read
        asked = {shop: warehouses[shop] for shop in given.shops}
        found = run.run(asked, read, held_out=given.held_out)
        said = phrasebook.run(run.vocabularies(asked), run.reader.read)
    if given.show:
        for failure in score.failures(found):
            out.print(failure, markup=False, soft_wrap=True)
    out.print(score.table(found, "sentences that are set aside" if given.held_out else "sentences to work with"))
    out.print(phrasebook.table(said, by_kind=given.show))
    seconds = round(time.perf_counter() - began, 1)
    print(json.dumps({"held_out": given.held_out, "shops": given.shops} | score.summary(found) | {"seconds": seconds}))


def personas(given: argparse.Namespace) -> None:
    """Print how far segments and vectors are the hidden personas."""
    from bench import personas as measured

    made = plan.made(given.events, given.days, given.users, seed=given.seed)
    course = measured.Course.of(made, given.nights)
    out.print(shown.machine())
    with place(given, made.events) as where:
        make(where, made)
        measured.run(where, course, given.on, say)
        for table in measured.tables(where, course):
            out.print(table)


def main() -> int:
    given = parser().parse_args()
    try:
        verbs = {"build": build, "night": night, "training": training, "rivals": race, "segment": segment,
                 "personas": personas, "audiences": audiences, "ask": ask}  # fmt: skip
        verbs[given.what](given)
    except (UsageError, measure.CommandError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
