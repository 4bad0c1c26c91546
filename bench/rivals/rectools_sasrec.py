"""SASRec of rectools[torch] 0.19 with sampled softmax of 256 negatives (its authors' choice), 2 blocks of width 64."""

from __future__ import annotations

import warnings

import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from torch import Tensor

from bench.rivals import lane


class Judge(Callback):
    def __init__(self, lane_clock: lane.Clock) -> None:
        self.clock, self.row_I, self.column_I = lane_clock, None, None

    def on_train_epoch_end(self, trainer: Trainer, module) -> None:
        model = module.torch_model
        model.eval()
        with torch.no_grad():
            table = model.item_model.get_all_embeddings()

        def scores(items_BT: Tensor) -> Tensor:
            x = torch.where(items_BT < 0, 0, self.row_I[items_BT.clamp_min(0)])
            states = model.encode_sessions({"x": x}, table)[:, -1, :]
            found = torch.full((len(x), len(self.row_I)), -torch.inf)
            found[:, self.column_I] = (states @ table.T)[:, self.row_I[self.column_I]]
            return found

        self.clock.epoch(scores)
        trainer.should_stop = self.clock.over
        model.train()


def main() -> None:
    warnings.filterwarnings("ignore")
    said = lane.asked()
    lists = lane.lists_of(said)
    user, item = lane.training(lists)
    frame = pd.DataFrame({Columns.User: user, Columns.Item: item, Columns.Weight: 1.0})
    # Its order is by time; the lists have none but their own.
    frame[Columns.Datetime] = pd.Timestamp("2000-01-01") + pd.to_timedelta(range(len(frame)), unit="s")
    clock = lane.Clock(lists, said.seconds)
    judge = Judge(clock)

    def trainer() -> Trainer:
        return Trainer(max_epochs=said.epochs, accelerator="cpu", callbacks=[judge], logger=False,
                       enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip

    model = SASRecModel(
        n_blocks=2, n_heads=1, n_factors=64, dropout_rate=0.2, session_max_len=lane.LENGTH, loss="sampled_softmax",
        n_negatives=256, lr=1e-3, batch_size=128, epochs=said.epochs, get_trainer_func=trainer,
    )  # fmt: skip
    dataset = Dataset.construct(frame)
    model._build_model_from_dataset(dataset)
    model.fit_trainer = trainer()
    # Rows of its table: the padding first, then the items in the order in which it met them.
    first = model.data_preparator.n_item_extra_tokens
    there = torch.from_numpy(model.data_preparator.item_id_map.external_ids[first:].astype("int64"))
    judge.row_I = torch.zeros(len(lists.names), dtype=torch.int64)
    judge.row_I[there] = first + torch.arange(len(there))
    judge.column_I = there
    model.fit_trainer.fit(model.lightning_model, model.data_preparator.get_dataloader_train())


if __name__ == "__main__":
    main()
