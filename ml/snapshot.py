"""Freezes what a training reads: python -m ml.snapshot --warehouse W --ds 2017-12-01 --snapshot DIR

DIR/snapshot.json    Delta versions, ds, rows, git sha, settings
DIR/vocabulary.parquet, DIR/catalogue.parquet, DIR/users.parquet   names, products as numbers, the order of the users
DIR/texts.parquet    with a text encoder: the vectors of products' texts
The last 7 days that end at ds are held out: a model trains on events before `cutoff`.
"""

from __future__ import annotations

from ml.common.cli import entry, parser
from ml.common.model_settings import load
from ml.data.snapshot import take
from ml.data.vocabulary import FIRST


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse", "ds", "snapshot", "conf")
    flags.add_argument("--preset", help="preset of conf/model.yaml (default: the one that the file names)")
    flags.add_argument("--seed", type=int, help="seed of the training (default: the preset's)")
    args = flags.parse_args(argv)
    config = load(args.conf, args.preset).with_train(seed=args.seed)
    snapshot = take(args.warehouse, args.ds, args.snapshot, config)
    vocabularies = snapshot.vocabularies()
    rows = ", ".join(f"{name} v{snapshot.versions[name]} {count:,} rows" for name, count in snapshot.rows.items())
    print(f"snapshot {snapshot.folder}: ds {snapshot.ds}; {rows}")
    print(
        f"products sold before the held-out week {len(vocabularies.product.names):,}, with an own id "
        f"{vocabularies.product.size - FIRST:,}; categories {vocabularies.category.size - FIRST:,}, "
        f"brands {vocabularies.brand.size - FIRST:,}"
    )


if __name__ == "__main__":
    entry(main)
