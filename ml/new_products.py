"""Does a text encoder pay in this shop?

python -m ml.new_products --snapshot DIR [--text-encoder use|hf:PATH] [--fold N]

Trains the snapshot's model four times without a tenth of the products, and asks for these in the held-out week: with
neither words nor encoder, with hashed words of titles, with the encoder, with both. Protocol: ml/judge/new_products.py.
A fold is another tenth. The last line is one JSON object. It changes nothing.
"""

from __future__ import annotations

import json

from ml.common.cli import entry, parser
from ml.common.model_settings import ModelConfig
from ml.common.settings import validated
from ml.data.snapshot import Snapshot
from ml.judge.new_products import FOLDS, compare


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "snapshot")
    flags.add_argument("--text-encoder", default="none", help="use or hf:PATH (default: none, two trainings)")
    flags.add_argument("--fold", type=int, default=0, choices=range(FOLDS), help="which tenth (default: 0)")
    flags.add_argument("--epochs", type=int, help="default: the snapshot's")
    flags.add_argument("--seed", type=int, help="default: the snapshot's")
    args = flags.parse_args(argv)
    validated(ModelConfig, {"text_encoder": args.text_encoder}, "--text-encoder")
    snapshot = Snapshot.open(args.snapshot)
    config, rows = snapshot.config.with_train(epochs=args.epochs, seed=args.seed), {}
    for row in compare(snapshot, config, args.text_encoder, args.fold, _say):
        rows[row.told] = row.metrics
        if len(rows) == 1:
            _say(f"{row.users:,} users asked, {row.products:,} products, {row.left_out:,} of them left out")
        _say(f"{row.told:13} " + "  ".join(f"{name} {value:.4f}" for name, value in row.metrics.items()))
    print(json.dumps({"users": row.users, "products": row.products, "left_out": row.left_out, "fold": args.fold,
                      "text_encoder": args.text_encoder, "rows": rows}))  # fmt: skip


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    entry(main)
