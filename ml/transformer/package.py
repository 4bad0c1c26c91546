"""A trained model as files, which are a version of it in MLflow's registry: model.json (settings), weights.pt
(state_dict), readout.npz (what a vector is made of), vocabulary.parquet, catalogue.parquet, with a text encoder
texts.parquet; and MLmodel, by which `mlflow.pyfunc.load_model` serves it (ml/serving.py). Heads may lie beside them
(ml/heads/heads.py).

A state_dict and settings, not an exported graph: they load with weights_only=True and take any length (MLflow's default
format, torch.export, fixes the shapes).
"""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from ml.common.cli import UsageError
from ml.common.files import write_json
from ml.common.model_settings import ModelConfig
from ml.data.catalogue import TEXTS, feature_count
from ml.data.snapshot import Snapshot
from ml.data.vocabulary import Vocabularies
from ml.transformer.model import BehaviourModel
from ml.transformer.readout import FILE, Readout


def save(model: BehaviourModel, snapshot: Snapshot, readout: Readout | None = None) -> Path:
    """Writes all files into the snapshot's folder model/, which it gives back."""
    folder = snapshot.folder / "model"
    folder.mkdir(exist_ok=True)
    settings = {"model": model.config.model_dump(), "ds": str(snapshot.ds), "cutoff": str(snapshot.cutoff)}
    write_json(folder / "model.json", settings)
    torch.save({name: tensor.cpu() for name, tensor in model.state_dict().items()}, folder / "weights.pt")
    for name in ("vocabulary.parquet", "catalogue.parquet", TEXTS):
        if name != TEXTS or model.text is not None:
            shutil.copyfile(snapshot.folder / name, folder / name)
    (folder / FILE).unlink(missing_ok=True)
    if readout is not None:
        readout.save(folder)
    width = model.config.d_model if readout is None else readout.width(model.config.d_model)
    describe(folder, width)
    return folder


def load(folder: Path, device: str) -> tuple[BehaviourModel, Vocabularies]:
    """The model of a folder, and what it knows by name."""
    settings = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    config = ModelConfig.model_validate(settings["model"])
    vocabularies = Vocabularies.load(folder / "vocabulary.parquet")
    weights = torch.load(folder / "weights.pt", map_location=device, weights_only=True)
    text_width = weights["text.weight"].shape[1] if "text.weight" in weights else 0
    model = BehaviourModel(config, feature_count(vocabularies, config), text_width).to(device)
    model.load_state_dict(weights)
    return model, vocabularies


def cutoff(folder: Path) -> datetime.date:
    """The first day that the encoder of a folder did not train on; before days were kept, the first of all."""
    day = json.loads((folder / "model.json").read_text(encoding="utf-8")).get("cutoff")
    if isinstance(day, int):  # of before days were the shop's: seconds
        return datetime.datetime.fromtimestamp(day, datetime.UTC).date()
    return datetime.date.fromisoformat(day)


def folder_of(snapshot: Snapshot) -> Path:
    """The folder of the snapshot's model. Raises UsageError where it was not trained."""
    folder = snapshot.folder / "model"
    if not (folder / "weights.pt").is_file():
        raise UsageError(
            f"expected a trained model at {folder}, found none; run `python -m ml.train --snapshot {snapshot.folder}`"
        )
    return folder


def describe(folder: Path, width: int) -> None:
    """Writes MLmodel: which module of ours loads the model, and its signature. width: of a vector."""
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import Array

    lists = {"event_times": DataType.long, "event_types": DataType.string, "product_ids": DataType.string,
             "price_buckets": DataType.integer, "event_days": DataType.integer,
             "event_hours": DataType.integer}  # fmt: skip
    read = [ColSpec(DataType.string, "user_id"), *(ColSpec(Array(kind), name) for name, kind in lists.items())]
    vectors = TensorSpec(np.dtype(np.float32), (-1, width))
    model = Model(signature=ModelSignature(inputs=Schema(read), outputs=Schema([vectors])))
    mlflow.pyfunc.add_to_model(model, loader_module="ml.serving")
    model.save(str(folder / "MLmodel"))
