"""The champion for other programs: python -m ml.export --hf FOLDER --warehouse W

Writes the folder that Hugging Face's `AutoModel.from_pretrained(FOLDER, trust_remote_code=True)` loads, without
Huaxiang: config.json, preprocessor_config.json (the vocabulary), model.safetensors, modeling_huaxiang.py, and a model
card. Its vectors are those of `python -m ml.encode`, gold.user_embeddings.
Products are described as silver.products describes them now.
"""

from __future__ import annotations

from pathlib import Path

from ml.common.cli import entry, parser
from ml.common.registry import Registry
from ml.hugging_face import folder
from ml.hugging_face.card import Origin
from ml.transformer import package
from ml.users.vectors import load


def main(argv: list[str] | None = None) -> None:
    flags = parser(__doc__, "warehouse")
    flags.add_argument("--hf", required=True, type=Path, metavar="FOLDER", help="empty, or an earlier export")
    args = flags.parse_args(argv)
    registry = Registry.of(args.warehouse)
    champion = registry.current_champion()
    trained = registry.mlflow.get_run(champion.run_id).data
    with registry.files(champion.run_id) as files:
        cutoff = package.cutoff(files)
    origin = Origin(registry.name, str(champion.version), cutoff, trained.tags, trained.metrics)
    encoder = load(registry, champion.run_id, "cpu")
    folder.write(encoder, args.hf, origin)
    size = sum(path.stat().st_size for path in args.hf.iterdir()) / 1e6
    print(f"{args.hf}: {registry.name} version {champion.version}, {len(encoder.catalogue.product_ids):,} products, "
          f"{size:,.1f} MB")  # fmt: skip


if __name__ == "__main__":
    entry(main)
