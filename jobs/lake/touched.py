"""What a run makes anew: its own days and those of files that came after their night whole, and the days of those users
whom late records touch.

Users' days are named by a hash in the predicate of a write, so that Delta finds and replaces their rows alone, and the
table's log does not tell who came late. (Of 200,000 users, two share one of 64 bits in one night of some 10^11.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.lake import deliveries, delta, engine
from jobs.lake.engine import frames
from jobs.settings import Settings
from jobs.tables import RESTATED, SILVER_EVENTS, Table

ONE = timedelta(days=1)
MOST_NAMED = 20_000  # users' days in one predicate: the text is parsed several times; of more, whole days are written


def between(since: date, ds: date) -> list[date]:
    """The days since..ds, both included."""
    return [since + timedelta(days=n) for n in range((ds - since).days + 1)]


@dataclass(frozen=True, slots=True)
class Touched:
    """`whole`: days that are made anew for everybody. `users`: one row a (user_id, ds) that is made anew beside them,
    on the days `others`; None where there is none. `named`: xxhash64(user_id, ds) of each, `eves`: of the day before
    each; None where they are too many.
    """

    whole: list[date]
    others: list[date]
    users: DataFrame | None
    named: list[int] | None = None
    eves: list[int] | None = None

    @property
    def days(self) -> list[date]:
        return sorted({*self.whole, *self.others})

    @property
    def where(self) -> str:
        """The days of `days`, as a predicate."""
        return delta.ds_list(self.days)

    @property
    def rows(self) -> str | None:
        """The touched users' days, as a predicate; None where they are too many to be named."""
        if self.users is None:
            return self.where
        return self.singles and f"{delta.ds_list(self.whole)} OR ({self.singles})"

    @property
    def singles(self) -> str | None:
        """The same of the days `others` alone."""
        return None if self.named is None else _named(self.others, self.named)

    def of(self, frame: DataFrame) -> DataFrame:
        """The rows of the touched users' days."""
        if self.rows is not None:
            return frame.where(self.rows)
        rows = frame.where(self.where)
        mark = F.broadcast(self.users.withColumn("touched", F.lit(True)))
        rows = rows.join(mark, ["user_id", "ds"], "left")
        return rows.where(F.col("touched") | F.expr(delta.ds_list(self.whole))).drop("touched")

    def untouched(self, frame: DataFrame) -> DataFrame:
        """The rows of other users on the days `others`: they stay as they are."""
        return frame.where(delta.ds_list(self.others)).join(F.broadcast(self.users), ["user_id", "ds"], "left_anti")


def touched(spark: SparkSession, s: Settings) -> Touched:
    """What the deliveries of since..ds touch.

    A session may run on past midnight, so a changed day also touches the user's next one; the day after ds as a whole,
    where it was made already (nights may be run in any order). By the records that a file brings in time, all lines of
    its day are measured (medians, usual prices): so that day is whole, also where a later night loads the file.
    """
    whole = between(s.since, s.ds) + sorted({row["landed_ds"] for row in deliveries.of_other_days(s, "events")})
    if delta.rows(s.warehouse, SILVER_EVENTS, f"ds = '{s.ds + ONE}' LIMIT 1"):
        whole.append(s.ds + ONE)
    late = f"landed_ds >= '{s.since}' AND landed_ds <= '{s.ds}'"
    days = [row["ds"] for row in delta.rows(s.warehouse, RESTATED, late, "DISTINCT ds")]
    others = sorted({near for day in days for near in (day, day + ONE)} - set(whole))
    if not others:
        return Touched(whole, [], None)
    pairs = (
        delta.read(spark, s.warehouse, RESTATED)
        .where(delta.ds_range(s.since, s.ds, "landed_ds"))
        .select("user_id", "ds")
    )
    both = pairs.unionByName(pairs.withColumn("ds", F.date_add("ds", 1)))
    users = both.where(delta.ds_list(others)).distinct()
    eve = F.xxhash64("user_id", F.date_sub("ds", 1)).alias("eve")
    named = users.select("user_id", "ds", F.xxhash64("user_id", "ds").alias("name"), eve).take(MOST_NAMED + 1)
    if len(named) > MOST_NAMED:
        return Touched(whole, others, users)
    known = spark.createDataFrame([(row["user_id"], row["ds"]) for row in named], "user_id string, ds date")
    names, eves = (sorted({row[what] for row in named}) for what in ("name", "eve"))
    return Touched(whole, others, known, names, eves)


def parts(users: DataFrame) -> Callable[[DataFrame], tuple[DataFrame, DataFrame]]:
    """What parts a frame into the rows of `users`, which has their user_id, and those of all others. Few users are
    named, which is cheaper than a join.
    """
    ids = [row[0] for row in users.select("user_id").distinct().take(MOST_NAMED + 1)]

    def part(frame: DataFrame) -> tuple[DataFrame, DataFrame]:
        if len(ids) <= MOST_NAMED:
            named = F.col("user_id").isin(ids)
            return frame.where(named), frame.where(~named)
        known = F.broadcast(users.select("user_id").distinct())
        return frame.join(known, "user_id", "left_semi"), frame.join(known, "user_id", "left_anti")

    return part


def of_users(
    spark: SparkSession, s: Settings, table: Table, users: DataFrame, predicate: str,
    columns: Sequence[str] | None = None, version: int | None = None,
) -> DataFrame:  # fmt: skip
    """The rows of `users`, which has their user_id, in the slice of `table`, or of its `version`, that `predicate`
    describes; kept. With `columns`, these alone.
    """
    ids = [row[0] for row in users.select("user_id").distinct().take(MOST_NAMED + 1)]
    if len(ids) <= MOST_NAMED:
        return delta.few(spark, s.warehouse, table, predicate, ids, columns, version)
    known = F.broadcast(users.select("user_id").distinct())
    rows = delta.read(spark, s.warehouse, table, version).where(predicate).join(known, "user_id", "left_semi")
    return frames.kept(rows.select(*columns or rows.columns))


def put(frame: DataFrame, spark: SparkSession, s: Settings, table: Table, what: Touched) -> DataFrame:
    """Write the rows of the touched users' days, `frame`, into `table`; all others stay as they are, in one commit.
    What was written, to be read; rows that stood there just so may be among it.
    """
    stands = delta.exists(s.warehouse, table)
    if stands and what.named is not None and engine.is_sail():
        return _put_changes(frame, spark, s, table, what)
    if stands and what.rows is None:
        frame = delta.conform(frame, table).unionByName(what.untouched(delta.read(spark, s.warehouse, table)))
    delta.replace_where(frame, s.warehouse, table, what.rows or what.where)
    return what.of(delta.read(spark, s.warehouse, table))


def _put_changes(frame: DataFrame, spark: SparkSession, s: Settings, table: Table, what: Touched) -> DataFrame:
    """`put` on an engine that writes a file anew of which a row goes: a row of single users that stands just so stays.
    Late records bring rows, and change few of those that are there: else a night would write six weeks of a log anew.
    """
    frame = frames.kept(delta.conform(frame, table))
    whole, single = delta.ds_list(what.whole), what.singles
    users = what.users.select("user_id").unionByName(frame.where(single).select("user_id"))
    stood = of_users(spark, s, table, users, delta.ds_list(what.others)).where(single)
    values = [name for name in table.column_names if name != "run_id"]
    fresh, before = frame.where(single).select(values), stood.select(values)
    gone = before.subtract(fresh).select("ds", F.xxhash64("user_id", "ds").alias("name")).distinct().collect()
    goes = whole + (f" OR ({_named({row['ds'] for row in gone}, {row['name'] for row in gone})})" if gone else "")
    new = fresh.subtract(before).where(f"NOT ({goes})")
    if "run_id" in table.column_names:
        new = new.withColumn("run_id", F.lit(s.run_id))
    rows = frame.where(goes).unionByName(new)
    if table.partition_by:
        rows = rows.repartition(*table.partition_by)  # else each task writes a file a partition
    delta.replace_where(rows, s.warehouse, table, what.rows, goes)
    return frame


def _named(days: Collection[date], names: Collection[int]) -> str:
    """Users' days, as a predicate: those of the days by whose hashes they are named."""
    listed = ", ".join(map(str, sorted(names)))
    return f"{delta.ds_list(days)} AND xxhash64(user_id, ds) IN ({listed})"
