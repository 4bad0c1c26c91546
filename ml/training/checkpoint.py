"""Checkpoints of a training: written whole or not at all, one an epoch; loadable with weights_only=True."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch.optim import Optimizer

from ml.common.cli import UsageError
from ml.common.model_settings import Config
from ml.transformer.model import BehaviourModel


def path_in(folder: Path) -> Path:
    return folder / "checkpoints" / "last.pt"


def save(
    folder: Path, model: BehaviourModel, optimizer: Optimizer, history: list[dict[str, float]], config: Config
) -> None:
    """history: one row an epoch done. Random states need no place: each epoch draws from (seed, epoch, rank)."""
    path = path_in(folder)
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".tmp")
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": history,
        "config": config.model_dump(),
    }
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(folder: Path, model: BehaviourModel, optimizer: Optimizer, config: Config) -> list[dict[str, float]]:
    """Restores model and optimizer and gives the history; an empty one where there is no checkpoint.

    Raises UsageError where the checkpoint was made with other settings.
    """
    path = path_in(folder)
    if not path.is_file():
        return []
    state = torch.load(path, map_location=model.bos_D.device, weights_only=True)
    if state["config"] != config.model_dump():
        pairs = {f"{part}.{key}": (value, state["config"][part].get(key))
                 for part, values in config.model_dump().items() for key, value in values.items()}  # fmt: skip
        other = "; ".join(f"{key}: wanted {new}, found {old}" for key, (new, old) in pairs.items() if new != old)
        raise UsageError(
            f"{path} was made with other settings ({other}); train a new snapshot, or delete {path.parent}"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["history"]
