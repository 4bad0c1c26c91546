"""What a training reads, frozen: a folder with Delta versions, settings, vocabularies, the catalogue and the users."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.tables import SILVER_PRODUCTS, USER_FEATURES, USER_SEQUENCES
from ml.common import lake
from ml.common.cli import DataError, UsageError
from ml.common.files import write_json
from ml.common.hashing import stable_hash
from ml.common.model_settings import Config, validated
from ml.data import vocabulary
from ml.data.catalogue import PRODUCT_COLUMNS, Catalogue, describe, load_catalogue, save_catalogue
from ml.data.sequences import SEQUENCE_COLUMNS, Sequences, pack
from ml.data.vocabulary import Vocabularies

HELD_OUT_DAYS = 7


@dataclass(frozen=True)
class Snapshot:
    """What DIR/snapshot.json says. `versions`: Delta version by table; `rows`: rows read by table."""

    folder: Path
    warehouse: str
    ds: datetime.date
    cutoff: int
    versions: dict[str, int]
    rows: dict[str, int]
    git_sha: str
    config: Config

    @classmethod
    def open(cls, folder: Path) -> Snapshot:
        path = folder / "snapshot.json"
        if not path.is_file():
            raise UsageError(f"expected a snapshot at {path}, found none; make it with `python -m ml.snapshot --help`")
        said = json.loads(path.read_text(encoding="utf-8"))
        said |= {"ds": datetime.date.fromisoformat(said["ds"]), "config": validated(said["config"], str(path))}
        return cls(folder, **said)

    def save(self) -> None:
        said = {key: value for key, value in vars(self).items() if key != "folder"}
        said |= {"ds": self.ds.isoformat(), "config": self.config.model_dump()}
        write_json(self.folder / "snapshot.json", said)

    def vocabularies(self) -> Vocabularies:
        return Vocabularies.load(self.folder / "vocabulary.parquet")

    def catalogue(self) -> Catalogue:
        return load_catalogue(self.folder / "catalogue.parquet")

    def users(self) -> pa.Table:
        """user_id, train_events, part (row group of gold.user_sequences): longest training part first, then by a stable
        hash.
        """
        return pq.read_table(self.folder / "users.parquet")

    def products(self) -> pa.Table:
        return lake.read(self._open(SILVER_PRODUCTS), PRODUCT_COLUMNS)

    def features(self) -> pa.Table:
        return lake.read(self._open(USER_FEATURES), USER_FEATURES.column_names, self.ds)

    def sequences(
        self,
        catalogue: Catalogue,
        vocabularies: Vocabularies,
        keep: pa.Array | None = None,
        parts: np.ndarray | None = None,
    ) -> Sequences:
        """Packed sequences of the users in `keep`, in its order (None: of all, in the order of the files).

        parts: the row groups to read (None: all of them).
        """
        batches = (batch for _, batch in self._sequence_batches(parts))
        return pack(batches, catalogue, vocabularies, keep)

    def _sequence_batches(self, parts: np.ndarray | None = None) -> Iterator[tuple[int, pa.RecordBatch]]:
        """(row group, batch) of gold.user_sequences at ds."""
        groups = lake.row_groups(self._open(USER_SEQUENCES), self.ds)
        for part in range(len(groups)) if parts is None else parts:
            for batch in lake.read_row_group(groups[part], SEQUENCE_COLUMNS):
                yield int(part), batch

    def _open(self, table: lake.Table) -> lake.DeltaTable:
        return lake.open_table(table, self.warehouse, self.versions[table.full_name])


def _count(
    batches: Iterator[tuple[int, pa.RecordBatch]], cutoff: int
) -> tuple[dict[str, int], dict[str, int], pa.Table]:
    """Events before the cutoff by product and by type, and (user_id, train_events, part) of every user."""
    totals: dict[str, list[pa.Table]] = {"product_ids": [], "event_types": []}
    users = []
    for part, batch in batches:
        before = pc.less(batch["event_times"].flatten(), cutoff)
        for name, parts in totals.items():
            counted = pc.value_counts(batch[name].flatten().filter(before))
            parts.append(pa.table({"name": counted.field("values"), "count": counted.field("counts")}))
        ends = np.cumsum(batch["event_times"].value_lengths().to_numpy(zero_copy_only=False))
        passed = np.concatenate([[0], np.cumsum(before.to_numpy(zero_copy_only=False))])
        starts = np.concatenate([[0], ends[:-1]])
        events = (passed[ends] - passed[starts]).astype(np.int32)
        columns = {"user_id": batch["user_id"], "train_events": events, "part": np.full(len(events), part, np.int32)}
        users.append(pa.table(columns))
    if not users:
        types = {"user_id": pa.string(), "train_events": pa.int32(), "part": pa.int32()}
        return {}, {}, pa.schema(types).empty_table()
    summed = []
    for parts in totals.values():
        table = pa.concat_tables(parts).group_by("name").aggregate([("count", "sum")])
        summed.append(dict(zip(table["name"].to_pylist(), table["count_sum"].to_pylist(), strict=True)))
    return summed[0], summed[1], pa.concat_tables(users)


def _in_order(users: pa.Table) -> pa.Table:
    users = users.append_column("hash", pa.array(stable_hash(users["user_id"].combine_chunks())))
    order = [("train_events", "descending"), ("hash", "ascending"), ("user_id", "ascending")]
    return users.sort_by(order).drop_columns(["hash"])


def _git_sha() -> str:
    """HUAXIANG_GIT_SHA, else what git says, else "unknown" (an image without a repository)."""
    if sha := os.environ.get("HUAXIANG_GIT_SHA"):
        return sha
    try:
        said = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def take(warehouse: str, ds: datetime.date, folder: Path, config: Config) -> Snapshot:
    """Makes the snapshot folder. Raises DataError where no user has an event to train on."""
    if "://" not in warehouse:
        warehouse = str(Path(warehouse).resolve())  # later commands may run in another folder
    tables = {
        table.full_name: lake.open_table(table, warehouse) for table in (USER_SEQUENCES, USER_FEATURES, SILVER_PRODUCTS)
    }
    held_out = datetime.datetime.combine(ds, datetime.time(), datetime.UTC) - datetime.timedelta(days=HELD_OUT_DAYS - 1)
    versions = {name: opened.version() for name, opened in tables.items()}
    snapshot = Snapshot(folder, warehouse, ds, int(held_out.timestamp()), versions, {}, _git_sha(), config)
    counts, types, users = _count(snapshot._sequence_batches(), snapshot.cutoff)
    if not counts:
        raise DataError(
            f"expected events before {held_out.date()} in {USER_SEQUENCES.full_name} at ds={ds}, found none for "
            f"{users.num_rows} users; run `python -m jobs sequences` for that day, or load more history"
        )
    products = snapshot.products()
    vocabularies = vocabulary.fit(products, counts, types, config.model.min_count)
    snapshot.rows.update({USER_SEQUENCES.full_name: users.num_rows, SILVER_PRODUCTS.full_name: products.num_rows})
    snapshot.rows[USER_FEATURES.full_name] = (
        tables[USER_FEATURES.full_name].to_pyarrow_dataset().count_rows(pc.field("ds") == ds)
    )
    folder.mkdir(parents=True, exist_ok=True)
    vocabularies.save(folder / "vocabulary.parquet")
    save_catalogue(describe(products, vocabularies, config.model), folder / "catalogue.parquet")
    pq.write_table(_in_order(users), folder / "users.parquet")
    snapshot.save()
    return snapshot
