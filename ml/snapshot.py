"""Freezes what a training reads: python -m ml.snapshot --warehouse W --ds 2017-12-01 --snapshot DIR

DIR/snapshot.json    Delta versions, ds, rows, git sha, settings
DIR/vocabulary.parquet, DIR/catalogue.parquet, DIR/users.parquet   names, products as numbers, the order of the users
The last 7 days that end at ds are held out: a model trains on events before `cutoff`.
"""

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
from ml.common.cli import DataError, UsageError, entry, parser
from ml.common.settings import Config, load, validated
from ml.data import catalogue as goods
from ml.data.sequences import SEQUENCE_COLUMNS, Sequences, pack, stable_hash

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

    def vocabularies(self) -> goods.Vocabularies:
        return goods.Vocabularies.load(self.folder / "vocabulary.parquet")

    def catalogue(self) -> goods.Catalogue:
        return load_catalogue(self.folder / "catalogue.parquet")

    def users(self) -> pa.Table:
        """user_id, train_events, part (row group of gold.user_sequences): longest training part first, then by a stable
        hash.
        """
        return pq.read_table(self.folder / "users.parquet")

    def products(self) -> pa.Table:
        return lake.read(self._open(SILVER_PRODUCTS), goods.PRODUCT_COLUMNS)

    def features(self) -> pa.Table:
        return lake.read(self._open(USER_FEATURES), USER_FEATURES.column_names, self.ds)

    def sequences(
        self,
        catalogue: goods.Catalogue,
        vocabularies: goods.Vocabularies,
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


def write_json(path: Path, value: dict) -> None:
    """Writes all or nothing."""
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def save_catalogue(catalogue: goods.Catalogue, path: Path) -> None:
    features = catalogue.features_IF[goods.FIRST :]
    columns = {
        "product_id": catalogue.product_ids,
        "features": pa.FixedSizeListArray.from_arrays(features.ravel(), features.shape[1]),
        "log_count": catalogue.log_count_I[goods.FIRST :],
        "category": pa.array(catalogue.category_names).take(pa.array(catalogue.category_I[goods.FIRST :])),
    }
    pq.write_table(pa.table(columns), path)


def load_catalogue(path: Path) -> goods.Catalogue:
    table = pq.read_table(path).combine_chunks()
    width = table.schema.field("features").type.list_size
    flat = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, width)
    features = np.concatenate([np.zeros((goods.FIRST, width), np.int32), flat])
    features[goods.UNKNOWN, 0] = goods.UNKNOWN
    names = ["", *sorted(set(table["category"].to_pylist()) - {""})]
    category = goods.find(table["category"].combine_chunks(), pa.array(names))
    nothing = np.zeros(goods.FIRST, np.float32)
    return goods.Catalogue(
        table["product_id"].combine_chunks(),
        features,
        np.concatenate([nothing, table["log_count"].to_numpy()]),
        np.concatenate([nothing, category]).astype(np.int32),
        names,
    )


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
    vocabularies = goods.fit(products, counts, types, config.model.min_count)
    snapshot.rows.update({USER_SEQUENCES.full_name: users.num_rows, SILVER_PRODUCTS.full_name: products.num_rows})
    snapshot.rows[USER_FEATURES.full_name] = (
        tables[USER_FEATURES.full_name].to_pyarrow_dataset().count_rows(pc.field("ds") == ds)
    )
    folder.mkdir(parents=True, exist_ok=True)
    vocabularies.save(folder / "vocabulary.parquet")
    save_catalogue(goods.describe(products, vocabularies, config.model), folder / "catalogue.parquet")
    pq.write_table(_in_order(users), folder / "users.parquet")
    snapshot.save()
    return snapshot


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "warehouse", "ds", "snapshot", "conf")
    args.add_argument("--preset", help="preset of conf/model.yaml (default: the one that the file names)")
    args.add_argument("--seed", type=int, help="seed of the training (default: the preset's)")
    said = args.parse_args(argv)
    config = load(said.conf, said.preset).with_train(seed=said.seed)
    snapshot = take(said.warehouse, said.ds, said.snapshot, config)
    vocabularies = snapshot.vocabularies()
    rows = ", ".join(f"{name} v{snapshot.versions[name]} {count:,} rows" for name, count in snapshot.rows.items())
    print(f"snapshot {snapshot.folder}: ds {snapshot.ds}; {rows}")
    print(
        f"products sold before the held-out week {len(vocabularies.product.names):,}, with an own id "
        f"{vocabularies.product.size - goods.FIRST:,}; categories {vocabularies.category.size - goods.FIRST:,}, "
        f"brands {vocabularies.brand.size - goods.FIRST:,}"
    )


if __name__ == "__main__":
    entry(main)
