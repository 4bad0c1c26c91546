"""A trained model as files, and a model at work. DIR/model/: model.json, weights.pt (state_dict), vocabulary.parquet;
and MLmodel with catalogue.parquet, by which `mlflow.pyfunc.load_model` serves it (ml/serving.py).

A state_dict and settings, not an exported graph: they load with weights_only=True and take any length (MLflow's default
format, torch.export, fixes the shapes).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from ml.common.settings import ModelConfig
from ml.data import catalogue as goods
from ml.data.sequences import Sequences, mixed
from ml.snapshot import Snapshot, load_catalogue, write_json
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel

LEAST_ROWS = 8
BATCH_USERS = 64  # 8,192 positions: activations stay near the caches


def save(model: BehaviourModel, snapshot: Snapshot) -> Path:
    folder = snapshot.folder / "model"
    folder.mkdir(exist_ok=True)
    said = {"model": model.config.model_dump(), "ds": str(snapshot.ds), "cutoff": snapshot.cutoff}
    write_json(folder / "model.json", said)
    torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, folder / "weights.pt")
    for name in ("vocabulary.parquet", "catalogue.parquet"):
        shutil.copyfile(snapshot.folder / name, folder / name)
    return folder


def _loaded(folder: Path, device: str) -> tuple[BehaviourModel, goods.Vocabularies]:
    said = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    config = ModelConfig.model_validate(said["model"])
    vocabularies = goods.Vocabularies.load(folder / "vocabulary.parquet")
    model = BehaviourModel(config, goods.feature_count(vocabularies, config)).to(device)
    model.load_state_dict(torch.load(folder / "weights.pt", map_location=device, weights_only=True))
    return model, vocabularies


@dataclass(frozen=True)
class Encoder:
    """A model with the vectors of a catalogue's products; vectors_ID follows the rows of the catalogue."""

    model: BehaviourModel
    vocabularies: goods.Vocabularies
    catalogue: goods.Catalogue
    vectors_ID: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: BehaviourModel, vocabularies: goods.Vocabularies, catalogue: goods.Catalogue) -> Encoder:
        device = model.bos_D.device
        parts = torch.from_numpy(catalogue.features_IF).split(65_536)
        vectors = torch.cat([model.items(part.to(device)) for part in parts])
        return cls(model.eval(), vocabularies, catalogue, vectors)

    @classmethod
    def load(cls, folder: Path, products: pa.Table, device: str = "cpu") -> Encoder:
        """From DIR/model; the products (PRODUCT_COLUMNS) are described by the model's own vocabularies."""
        model, vocabularies = _loaded(folder, device)
        return cls.of(model, vocabularies, goods.describe(products, vocabularies, model.config))

    @classmethod
    def packaged(cls, folder: Path) -> Encoder:
        """From DIR/model alone, with the products of the training's day."""
        model, vocabularies = _loaded(folder, "cpu")
        return cls.of(model, vocabularies, load_catalogue(folder / "catalogue.parquet"))

    def fingerprints(self, sequences: Sequences) -> np.ndarray:
        """int64 (users): equal where all that `states` reads of a user is equal, products' descriptions included."""
        item_I = np.zeros(len(self.catalogue.features_IF), np.uint64)
        for column in self.catalogue.features_IF.T:
            item_I = mixed(item_I + column.astype(np.uint64))
        return sequences.fingerprints(item_I, self.model.config.max_len)

    @torch.no_grad()
    def every_state(
        self, sequences: Sequences, users: np.ndarray, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(items P, states (P, D), places of each user B) of the newest events of users, and one placeholder after."""
        items_P, context_PC, places_B = sequences.latest(users, lengths, self.model.config.max_len)
        layout, device = Layout.of(places_B, self.vectors_ID.device, steady=True), self.vectors_ID.device
        states_PD = self.model(
            self.vectors_ID, torch.from_numpy(items_P).to(device), torch.from_numpy(context_PC).to(device), layout
        )
        return items_P, states_PD.float().cpu().numpy(), places_B

    @torch.no_grad()
    def states(self, sequences: Sequences, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, D): each user after the first `lengths` events (None: all). Batches are of similar length.

        A user's bits do not depend on who else is encoded: see `steady` of Layout.of; a row of a matmul of fewer than
        LEAST_ROWS rows could be rounded otherwise than in a larger one.
        """
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        kept = np.minimum(lengths, self.model.config.max_len)
        out = np.empty((len(sequences), self.model.config.d_model), np.float32)
        if not len(out):
            return out
        for users in np.array_split(np.argsort(-kept, kind="stable"), max(1, -(-len(kept) // BATCH_USERS))):
            users = users if len(users) >= LEAST_ROWS else np.resize(users, LEAST_ROWS)
            _, states_PD, places_B = self.every_state(sequences, users, lengths[users])
            out[users] = states_PD[np.cumsum(places_B) - 1]
        return out
