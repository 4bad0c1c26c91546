"""What a training reads, frozen: a folder with Delta versions, settings, vocabularies, the catalogue and the users."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.tables import SILVER_PRODUCTS, SILVER_USERS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.arrays import find_sorted
from ml.common.cli import DataError, UsageError
from ml.common.files import write_json
from ml.common.hashing import first_by_hash, stable_hash
from ml.common.model_settings import Config
from ml.common.settings import validated
from ml.common.warehouse import warehouse_id
from ml.data.catalogue import PRODUCT_COLUMNS, Catalogue
from ml.data.consents import refusing
from ml.data.events import day_number
from ml.data.sequences import DATED_COLUMNS, Sequences, days_of, pack, pack_into
from ml.data.vocabulary import Vocabularies

HELD_OUT_DAYS = 7
USERS = pa.schema({
    "user_id": pa.string(), "hash": pa.uint32(), "train_events": pa.int32(), "events": pa.int32(), "part": pa.int32(),
    "row": pa.int32(),
})  # fmt: skip
UNFOLDED = 1_000_000  # counts of names that are kept before those of a name are added up


@dataclass(frozen=True)
class Snapshot:
    """What snapshot.json in the folder says. versions: Delta version by table. rows: rows read by table. cutoff: the
    first day of the held-out week.
    """

    folder: Path
    warehouse: str
    ds: datetime.date
    cutoff: datetime.date
    versions: dict[str, int]
    rows: dict[str, int]
    git_sha: str
    config: Config
    warehouse_id: str | None = None

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        path = folder / "snapshot.json"
        if not path.is_file():
            raise UsageError(f"expected a snapshot at {path}, found none; make it with `python -m ml.snapshot --help`")
        values = json.loads(path.read_text(encoding="utf-8"))
        config = validated(Config, values["config"], str(path))
        if isinstance(values["cutoff"], int):  # of before days were the shop's: seconds
            values["cutoff"] = str(datetime.datetime.fromtimestamp(values["cutoff"], datetime.UTC).date())
        days = {name: datetime.date.fromisoformat(values[name]) for name in ("ds", "cutoff")}
        return cls(folder, **values | days | {"config": config})

    def save(self) -> None:
        values = {key: value for key, value in vars(self).items() if key != "folder"}
        values |= {"ds": str(self.ds), "cutoff": str(self.cutoff), "config": self.config.model_dump()}
        write_json(self.folder / "snapshot.json", values)

    def tags(self) -> dict[str, str]:
        """What an MLflow run says of the data that it was trained on."""
        versions = {f"delta.{name}": str(version) for name, version in self.versions.items()}
        return versions | {
            "warehouse": self.warehouse,
            "ds": str(self.ds),
            "cutoff": str(self.cutoff),
            "mlflow.source.git.commit": self.git_sha,
        }

    def vocabularies(self) -> Vocabularies:
        return Vocabularies.load(self.folder / "vocabulary.parquet")

    def catalogue(self) -> Catalogue:
        return Catalogue.load(self.folder / "catalogue.parquet")

    def users(self, columns: list[str] = USERS.names) -> pa.Table:
        """USERS: longest training part first, then by the hash. hash: stable, of the id. events: of the sequence, of
        which train_events are before the held-out week. part, row: the row group of gold.user_sequences, and the row in
        it. Raises UsageError where an earlier version took the snapshot.
        """
        path = self.folder / "users.parquet"
        if lacking := [name for name in columns if name not in pq.read_schema(path).names]:
            raise UsageError(
                f"{path}: expected the columns {columns}, found none of {lacking}; an earlier version took the "
                "snapshot: take it again with `python -m ml.snapshot`"
            )
        return pq.read_table(path, columns=columns)

    def sample(self, most: int) -> pa.Table:
        """Rows of `users` of at most `most` users, the first by their hashes, in that order: always the same."""
        hash_U = self.users(["hash"])["hash"].to_numpy()
        return self.users().take(np.argsort(hash_U, kind="stable")[:most])

    def products(self) -> pa.Table:
        return lake.read(self.opened(SILVER_PRODUCTS), PRODUCT_COLUMNS)

    def features(
        self, columns: list[str] = USER_FEATURES.column_names, ds: datetime.date | None = None,
        users: pa.Array | None = None,
    ) -> pa.Table:  # fmt: skip
        """Rows of gold.user_features at ds (None: the snapshot's) of `users` (None: of all), less those who refuse that
        is learned from them.
        """
        among = None if users is None else pc.field("user_id").isin(users)
        rows = lake.read(self.opened(USER_FEATURES), columns, ds or self.ds, among)
        return rows.filter(pc.invert(pc.is_in(rows["user_id"], value_set=self.refusing())))

    def some_features(
        self, most: int, columns: list[str] = USER_FEATURES.column_names, ds: datetime.date | None = None
    ) -> pa.Table:
        """The same of at most `most` users, the first by a stable hash; no others are read."""
        user_ids = self.features(["user_id"], ds)["user_id"].combine_chunks()
        drawn = user_ids.take(pa.array(first_by_hash(user_ids, most))) if len(user_ids) > most else None
        return self.features(columns, ds, drawn)

    def refusing(self) -> pa.Array:
        """The users who refused training when it was taken."""
        version = self.versions.get(SILVER_USERS.full_name)
        return pa.array([], pa.string()) if version is None else refusing(self.warehouse, "training", version)

    def sequences_among(
        self, catalogue: Catalogue, vocabularies: Vocabularies, user_ids: pa.Array | None = None
    ) -> Sequences:
        """Packed sequences of those of user_ids who have one (None: of all), in the order of the files."""
        batches = (batch for _, _, batch in self._sequence_batches())
        if user_ids is not None:
            batches = (batch.filter(pc.is_in(batch["user_id"], value_set=user_ids)) for batch in batches)
        return pack(batches, catalogue, vocabularies)

    def sequences(self, catalogue: Catalogue, vocabularies: Vocabularies, users: pa.Table) -> Sequences:
        """Packed sequences of users, rows of `users`, in their order.

        Only the row groups that they lie in are read, and beside what is given back a batch is held.
        """
        part_U, row_U = (users[name].to_numpy() for name in ("part", "row"))
        order = np.lexsort((row_U, part_U))
        parts, starts = np.unique(part_U[order], return_index=True)
        users_of = dict(zip(parts.tolist(), np.split(order, starts[1:]), strict=True))

        def placed() -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
            for part, rows, batch in self._sequence_batches(parts):
                there = find_sorted(rows, row_U[users_of[part]])
                yield users_of[part][there[there >= 0]], batch.filter(pa.array(there >= 0))

        return pack_into(users["events"].to_numpy(), placed(), catalogue, vocabularies)

    def _sequence_batches(self, parts: np.ndarray | None = None) -> Iterator[tuple[int, np.ndarray, pa.RecordBatch]]:
        """(row group, rows of it, batch) of gold.user_sequences at ds, less those who refuse training."""
        groups, refused = lake.row_groups(self.opened(USER_SEQUENCES), self.ds), self.refusing()
        for part in range(len(groups)) if parts is None else parts:
            first = 0
            for batch in lake.read_row_group(groups[part], DATED_COLUMNS):
                rows = np.arange(first, first + batch.num_rows)
                first += batch.num_rows
                if len(refused):
                    kept = pc.invert(pc.is_in(batch["user_id"], value_set=refused))
                    rows, batch = rows[kept.to_numpy(zero_copy_only=False)], batch.filter(kept)
                if batch.num_rows:
                    yield int(part), rows, batch

    def opened(self, table: lake.Table) -> lake.DeltaTable:
        """One of the tables of `versions`, as it was."""
        return lake.open_table(table, self.warehouse, self.versions[table.full_name])


class _Counts:
    """Events by name, added up now and then, so that what is held grows with the names alone."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._rows = 0

    def add(self, names: pa.Array) -> None:
        counted = pc.value_counts(names)
        self._parts.append(pa.table({"name": counted.field("values"), "count": counted.field("counts")}))
        self._rows += len(counted)
        if self._rows > max(UNFOLDED, 2 * self._parts[0].num_rows):
            self._fold()

    def _fold(self) -> None:
        summed = pa.concat_tables(self._parts).group_by("name").aggregate([("count", "sum")])
        self._parts = [summed.rename_columns({"count_sum": "count"})]
        self._rows = summed.num_rows

    def by_name(self) -> dict[str, int]:
        if not self._parts:
            return {}
        self._fold()
        return dict(zip(*(column.to_pylist() for column in self._parts[0].columns), strict=True))


def _count(
    batches: Iterator[tuple[int, np.ndarray, pa.RecordBatch]], cutoff: datetime.date
) -> tuple[dict[str, int], dict[str, int], pa.Table]:
    """Events before the cutoff by product and by type, and the rows of USERS, in the order of the batches."""
    products, types, users = _Counts(), _Counts(), []
    for part, rows, batch in batches:
        before = pa.array(days_of(batch) < day_number(cutoff))
        products.add(batch["product_ids"].flatten().filter(before))
        types.add(batch["event_types"].flatten().filter(before))
        lengths = batch["event_times"].value_lengths().to_numpy(zero_copy_only=False)
        ends, passed = np.cumsum(lengths), np.concatenate([[0], np.cumsum(before.to_numpy(zero_copy_only=False))])
        trained = passed[ends] - passed[ends - lengths]
        columns = {"user_id": batch["user_id"], "hash": stable_hash(batch["user_id"]), "train_events": trained,
                   "events": lengths, "part": np.full(len(rows), part), "row": rows}  # fmt: skip
        users.append(pa.table(columns).cast(USERS))
    return products.by_name(), types.by_name(), pa.concat_tables(users) if users else USERS.empty_table()


def _in_order(users: pa.Table) -> pa.Table:
    return users.sort_by([("train_events", "descending"), ("hash", "ascending"), ("user_id", "ascending")])


def _git_sha() -> str:
    """HUAXIANG_GIT_SHA, else what git says, else "unknown" (an image without a repository)."""
    if sha := os.environ.get("HUAXIANG_GIT_SHA"):
        return sha
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip()


def take(warehouse: str, ds: datetime.date, folder: Path, config: Config) -> Snapshot:
    """Makes the snapshot folder. Raises DataError where no user has an event to train on."""
    if "://" not in warehouse:
        warehouse = str(Path(warehouse).resolve())  # later commands may run in another folder
    tables = {
        table.full_name: lake.open_table(table, warehouse) for table in (USER_SEQUENCES, USER_FEATURES, SILVER_PRODUCTS)
    }
    held_out = ds - datetime.timedelta(days=HELD_OUT_DAYS - 1)
    versions = {name: opened.version() for name, opened in tables.items()}
    if lake.exists(SILVER_USERS, warehouse):
        versions[SILVER_USERS.full_name] = lake.open_table(SILVER_USERS, warehouse).version()
    of = warehouse_id(warehouse)
    if (folder / "snapshot.json").is_file() and Snapshot.open(folder).warehouse_id != of:
        shutil.rmtree(folder)  # what was trained there, or half trained, was on the users of another shop
    snapshot = Snapshot(folder, warehouse, ds, held_out, versions, {}, _git_sha(), config, of)
    counts, types, users = _count(snapshot._sequence_batches(), snapshot.cutoff)
    if not counts:
        raise DataError(
            f"expected events before {held_out} in {USER_SEQUENCES.full_name} at ds={ds}, found none for "
            f"{users.num_rows} users; run `python -m jobs sequences` for that day, or load more history"
        )
    products = snapshot.products()
    vocabularies = Vocabularies.fit(products, counts, types, config.model.min_count)
    snapshot.rows.update({USER_SEQUENCES.full_name: users.num_rows, SILVER_PRODUCTS.full_name: products.num_rows})
    snapshot.rows[USER_FEATURES.full_name] = (
        tables[USER_FEATURES.full_name].to_pyarrow_dataset().count_rows(pc.field("ds") == ds)
    )
    folder.mkdir(parents=True, exist_ok=True)
    vocabularies.save(folder / "vocabulary.parquet")
    Catalogue.of(products, vocabularies, config.model).save(folder / "catalogue.parquet")
    pq.write_table(_in_order(users), folder / "users.parquet")
    snapshot.save()
    return snapshot
