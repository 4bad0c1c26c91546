"""SasRec of replay-rec[torch] 0.22 with its full cross-entropy, two blocks of width 64."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import lightning
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import ParquetModule, TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.lightning.optimizer import OptimizerFactory
from replay.nn.sequential import SasRec
from replay.nn.transform.template import make_default_sasrec_transforms
from torch import Tensor

from bench.rivals import lane


class Judge(lightning.Callback):
    def __init__(self, clock: lane.Clock, items: int) -> None:
        self.clock, self.items = clock, items

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: LightningModule) -> None:
        model = module.model.eval()

        def scores(items_BT: Tensor) -> Tensor:
            known = items_BT >= 0
            ids = torch.where(known, items_BT, self.items)
            return model(feature_tensors={"item_id": ids}, padding_mask=known)["logits"][:, : self.items]

        self.clock.epoch(scores)
        trainer.should_stop = self.clock.over
        model.train()


def main() -> None:
    warnings.filterwarnings("ignore")
    said = lane.asked()
    lists = lane.lists_of(said)
    lightning.seed_everything(said.seed)
    items = len(lists.names)
    user, item = lane.training(lists)
    source = TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")
    schema = TensorSchema([
        TensorFeatureInfo("item_id", FeatureType.CATEGORICAL, is_seq=True, feature_hint=FeatureHint.ITEM_ID,
                          feature_sources=[source], cardinality=items, padding_value=items, embedding_dim=64),
        TensorFeatureInfo("user_id", FeatureType.CATEGORICAL, feature_hint=FeatureHint.QUERY_ID,
                          feature_sources=[TensorFeatureSource(FeatureSource.INTERACTIONS, "user_id")],
                          cardinality=len(lists.lengths), padding_value=len(lists.lengths)),
    ])  # fmt: skip
    model = SasRec.from_params(schema, embedding_dim=64, num_heads=1, num_blocks=2, max_sequence_length=lane.LENGTH,
                               dropout=0.5, excluded_features=["user_id"])  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.parquet"
        table = pa.table({"user_id": user, "item_id": item}).group_by("user_id", use_threads=False)
        pq.write_table(table.aggregate([("item_id", "list")]).rename_columns(["user_id", "item_id"]), path)
        # One item more than the model reads: the last one is a target only.
        read = {"item_id": {"shape": lane.LENGTH + 1, "padding": items}, "user_id": {}}
        transforms = make_default_sasrec_transforms(schema)
        data = ParquetModule(  # it asks for a validation part, of which nothing is read
            batch_size=128,
            metadata={"train": read, "validate": read},
            transforms={"train": transforms["train"], "validate": transforms["validate"]},
            train_path=str(path),
            validate_path=str(path),
        )
        trainer = lightning.Trainer(
            max_epochs=said.epochs,
            accelerator="cpu",
            callbacks=[Judge(lane.Clock(lists, said.seconds), items)],
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(LightningModule(model, OptimizerFactory("adam", learning_rate=1e-3)), datamodule=data)


if __name__ == "__main__":
    main()
