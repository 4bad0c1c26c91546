"""The last published night, and tonight held against it: what segments and audiences share.

Where a user was on that night is an input of tonight: the same night after the same night gives the same rows, whenever
it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs import features
from jobs.lake import delta, erasures
from jobs.settings import Settings
from jobs.tables import RESTATED, RUNS, SILVER_USERS, USER_DAILY, Table


def last_published(s: Settings) -> date | None:
    """The last night published before ds; None where there is none."""
    return max((row["ds"] for row in delta.rows(s.warehouse, RUNS, f"ds < '{s.ds}'", "DISTINCT ds")), default=None)


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last night published before ds. Without one: no day, no rows.

    version: of its model; definitions: by name, as a text, what it was made by (see ops.runs); gone: rows of
    ops.erasures of those who were in it and were erased since.
    """

    day: date | None = None
    version: str | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)
    gone: Sequence[dict] = ()

    @classmethod
    def before(cls, s: Settings) -> LastNight:
        if (day := last_published(s)) is None:
            return cls()
        run = max(delta.rows(s.warehouse, RUNS, f"ds = '{day}'"), key=lambda row: row["published_at"])
        return cls(day, run["model_version"], dict(run.get("definitions") or ()), erasures.leavers(s, day))

    def read(self, spark: SparkSession, s: Settings, table: Table) -> DataFrame:
        """The night's rows of a table."""
        return of_night(spark, s, table, self.day)

    def rows(self, s: Settings, table: Table) -> list[dict]:
        """The night's rows of a small table, read without Spark."""
        return delta.rows(s.warehouse, table, f"ds = '{self.day}'") if self.day else []


def of_night(spark: SparkSession, s: Settings, table: Table, night: date | None) -> DataFrame:
    """The rows of a table of one night; none without a night, or where the table was never written."""
    return delta.read_or_empty(spark, s.warehouse, table).where(f"ds = DATE'{night}'" if night else "false")


def _came_late(s: Settings, night: date) -> str:
    since = f"landed_ds > '{night}' AND landed_ds <= '{s.ds}'"
    if delta.has_column(s.warehouse, RESTATED, "known_ds"):  # and what an earlier night brought that was run after it
        since += f" OR known_ds > landed_ds AND known_ds >= '{night}'"
    return f"ds <= '{night}' AND ({since})"


def came_late(s: Settings, night: date) -> bool:
    """Whether records of `night`, or of days before it, came since and up to ds."""
    return bool(delta.rows(s.warehouse, RESTATED, f"{_came_late(s, night)} LIMIT 1", "user_id"))


def late_features(spark: SparkSession, s: Settings, night: date) -> DataFrame:
    """Rows of user_features as of `night`, as it is known tonight, of the users whom late records touch since."""
    late = delta.read(spark, s.warehouse, RESTATED).where(_came_late(s, night)).select("user_id").distinct()
    daily, users = (
        delta.read(spark, s.warehouse, table).join(F.broadcast(late), "user_id", "left_semi")
        for table in (USER_DAILY, SILVER_USERS)
    )
    return features.build(daily, users, night)


def change(old: Column, new: Column) -> Column:
    """enter, exit, stay or move: from the state `old` to `new`; null where the user is not there."""
    return F.when(old.isNull(), "enter").when(new.isNull(), "exit").when(old == new, "stay").otherwise("move")


def both_nights(
    spark: SparkSession, s: Settings, table: Table, with_gone: Callable[[DataFrame, Sequence[dict]], DataFrame]
) -> tuple[DataFrame, DataFrame]:
    """Rows of a table of members: of the last published night, by `with_gone` with who was erased since, and staged for
    ds. The first night is held against itself: it has no changes.
    """
    night = last_published(s)
    now = delta.read(spark, s.warehouse, table.staged()).where(f"ds = DATE'{s.ds}'")
    before = of_night(spark, s, table, night) if night else now
    return with_gone(before, erasures.leavers(s, night)), now


def balance(before: DataFrame, changes: DataFrame, now: DataFrame, key: Sequence[str]) -> DataFrame:
    """One row a row of `changes`, and a member whom they leave out: with `balanced`, whether both nights and the change
    agree: `before`, changed, is `now`.

    before, now: `key` and `_state` of the members of the two nights; changes: `key`, change, the states `_from` and
    `_to`, which are dropped, and more.
    """
    old = before.select(*key, F.col("_state").alias("_old"))
    new = now.select(*key, F.col("_state").alias("_new"))
    rows = old.join(new, [*key], "full").join(changes.withColumn("_listed", F.lit(True)), [*key], "full")
    stayed = F.col("_old").eqNullSafe(F.col("_new"))
    agrees = (
        F.col("_from").eqNullSafe(F.col("_old"))
        & F.col("_to").eqNullSafe(F.col("_new"))
        & F.col("change").eqNullSafe(change(F.col("_old"), F.col("_new")))
    )
    balanced = F.when(F.col("_listed"), ~stayed & agrees).otherwise(stayed)
    rows = rows.withColumn("balanced", balanced).where("_listed OR NOT balanced")
    return rows.drop("_old", "_new", "_listed", "_from", "_to")
