"""A trained model as files, and a model at work. DIR/model/: model.json, weights.pt (state_dict), vocabulary.parquet.

A state_dict and settings, not an exported graph: they load with weights_only=True and take any length (MLflow's default
format, torch.export, fixes the shapes).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml import catalogue as goods
from ml.config import ModelConfig
from ml.layout import Layout
from ml.model import BehaviourModel
from ml.sequences import Sequences
from ml.snapshot import Snapshot, write_json

BATCH_USERS = 64  # 8,192 positions: activations stay near the caches


def save(model: BehaviourModel, snapshot: Snapshot) -> Path:
    folder = snapshot.folder / "model"
    folder.mkdir(exist_ok=True)
    said = {"model": model.config.model_dump(), "ds": str(snapshot.ds), "cutoff": snapshot.cutoff}
    write_json(folder / "model.json", said)
    torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, folder / "weights.pt")
    shutil.copyfile(snapshot.folder / "vocabulary.parquet", folder / "vocabulary.parquet")
    return folder


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
    def load(cls, folder: Path, products, device: str = "cpu") -> Encoder:
        """From DIR/model; the products (PRODUCT_COLUMNS) are described by the model's own vocabularies."""
        said = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        config = ModelConfig.model_validate(said["model"])
        vocabularies = goods.Vocabularies.load(folder / "vocabulary.parquet")
        model = BehaviourModel(config, goods.feature_count(vocabularies, config)).to(device)
        model.load_state_dict(torch.load(folder / "weights.pt", map_location=device, weights_only=True))
        return cls.of(model, vocabularies, goods.describe(products, vocabularies, config))

    @torch.no_grad()
    def states(self, sequences: Sequences, lengths: np.ndarray | None = None) -> np.ndarray:
        """float32 (users, D): each user after the first `lengths` events (None: all). Batches are of similar length."""
        lengths = np.diff(sequences.offsets) if lengths is None else lengths
        device, max_len = self.vectors_ID.device, self.model.config.max_len
        kept = np.minimum(lengths, max_len)
        out = np.empty((len(sequences), self.model.config.d_model), np.float32)
        for users in np.array_split(np.argsort(-kept, kind="stable"), max(1, -(-len(kept) // BATCH_USERS))):
            items_P, context_PC, places_B = sequences.latest(users, lengths[users], max_len)
            layout = Layout.of(places_B, device)
            states_PD = self.model(
                self.vectors_ID, torch.from_numpy(items_P).to(device), torch.from_numpy(context_PC).to(device), layout
            )
            out[users] = states_PD[layout.last_B].float().cpu().numpy()
        return out
