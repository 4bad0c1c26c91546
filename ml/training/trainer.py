"""The loop of a training: epochs, steps, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from ml.common.cli import DataError
from ml.common.model_settings import Config
from ml.data.batches import Step, epoch_steps, step_count
from ml.data.snapshot import Snapshot
from ml.training import checkpoint
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel, NextItemLoss, is_target

CLIP = 1.0


@dataclass(frozen=True)
class Speed:
    """How steps are computed; neither is on unless asked for. Both are for GPUs: see docs/benchmark.md for the CPU.

    bf16: matmuls of the blocks in bfloat16; weights, norms and losses stay float32. compiler: a backend of
    torch.compile for the blocks, all but their attention; None: not compiled.
    """

    bf16: bool = False
    compiler: str | None = None


class Trainer:
    """One rank's part of a training. `history` is one row an epoch: loss, seconds, events and validation metrics.

    folder: where checkpoints go; None: none are written.
    """

    def __init__(
        self, data: TrainingData, config: Config, ranks: Ranks, folder: Path | None, speed: Speed = Speed()
    ) -> None:
        self.data, self.config, self.ranks, self.folder, self.speed = data, config, ranks, folder, speed
        torch.manual_seed(config.train.seed)
        self.model = self._built().to(ranks.device)
        if speed.compiler:
            for block in self.model.blocks:
                # Its buckets differ in number and size from step to step.
                block._mix = torch.compiler.disable(block._mix)
                block.compile(backend=speed.compiler, dynamic=True)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.train.learning_rate,
            weight_decay=config.train.weight_decay,
            fused=True,
        )
        self.history = checkpoint.load(folder, self.model, self.optimizer, config) if folder else []
        self.total_steps = config.train.epochs * step_count(data.train_events, config)
        steps_done = sum(int(row["steps"]) for row in self.history)
        for group in self.optimizer.param_groups:
            group["initial_lr"] = config.train.learning_rate
        self.schedule = LambdaLR(self.optimizer, self._rate, last_epoch=steps_done - 1)
        self.loss = ranks.share(self._lossed())

    @classmethod
    def of(cls, snapshot: Snapshot, config: Config, ranks: Ranks, speed: Speed = Speed()) -> Trainer:
        """A training on a snapshot, which goes on from the last checkpoint in its folder."""
        return cls(TrainingData.of(snapshot, config, ranks), config, ranks, snapshot.folder, speed)

    def _built(self) -> nn.Module:
        texts = self.data.catalogue.texts
        return BehaviourModel(self.config.model, self.data.feature_count, texts.width if texts else 0)

    def _lossed(self) -> nn.Module:
        """The module whose call on what `_read` gives is the summed loss of a step."""
        catalogue = self.data.catalogue
        features, log_count = (
            torch.from_numpy(a).to(self.ranks.device) for a in (catalogue.features_IF, catalogue.log_count_I)
        )
        texts = None
        if catalogue.texts is not None:
            rows_I, texts_TE = catalogue.texts.rows(catalogue.text_I)
            texts = tuple(torch.from_numpy(array).to(self.ranks.device) for array in (rows_I, texts_TE))
        return NextItemLoss(self.model, features, log_count, texts)

    def _rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to a twentieth."""
        warm = min(1.0, (step + 1) / max(1, self.config.train.warmup_steps))
        return warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.total_steps))))

    def fit(self, until: int, report: Callable[[dict[str, float]], None], advance: Callable[[int], None]) -> None:
        """Trains until `until` epochs are done. Raises DataError where the loss is not a number."""
        while len(self.history) < until:
            row = self._epoch(len(self.history), advance)
            self.history.append(row)
            if self.ranks.first:
                if self.folder:
                    checkpoint.save(self.folder, self.model, self.optimizer, self.history, self.config)
                report(row)

    def _epoch(self, epoch: int, advance: Callable[[int], None]) -> dict[str, float]:
        started, total, targets, steps = time.perf_counter(), 0.0, 0.0, 0
        seeds = np.random.SeedSequence([self.config.train.seed, epoch, self.ranks.rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))  # dropout
        self.model.train()
        for step in epoch_steps(self.data.train_events, self.data.catalogue.log_count_I, self.config, epoch):
            loss, count = self.step(step, epoch)
            total, targets, steps = total + loss, targets + count, steps + 1
            advance(epoch)
        (total,) = self.ranks.sum(total)
        seconds = time.perf_counter() - started
        row = {
            "loss": total / max(targets, 1),
            "steps": steps,
            "seconds": seconds,
            "events_per_second": targets / seconds,
        }
        due = (epoch + 1) % self.config.train.validate_every == 0 or epoch + 1 == self.config.train.epochs
        return row | (self.data.validate(self.model) if due else {})

    def _read(self, step: Step) -> tuple[tuple[Any, ...], int]:
        """What the loss is called on, and its targets on this rank. A rank without users joins with padding."""
        users, starts, lengths, keys = step.of_rank(self.data.place_U)
        idle = not len(users)
        if idle:
            sequences, users, starts, lengths = self.data.sequences, *(np.zeros(1, np.int64) for _ in range(3))
        else:
            sequences, users = self.data.sequences.shuffled(users, keys), np.arange(len(users))
        items_P, context_PC, places_B = sequences.run(users, starts, lengths, placeholder=idle)
        negatives = [] if step.negatives is None else [step.negatives, step.correction]
        items_P, context_PC, *negatives = (
            torch.from_numpy(array).to(self.ranks.device) for array in (items_P, context_PC, *negatives)
        )
        layout = Layout.of(places_B, self.ranks.device)
        return (items_P, context_PC, layout, *negatives), int(is_target(items_P).sum())

    def step(self, step: Step, epoch: int) -> tuple[float, float]:
        """Summed loss of this rank and the number of targets of all ranks."""
        read, own_targets = self._read(step)
        (targets,) = self.ranks.sum(own_targets)
        with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.speed.bf16):
            loss = self.loss(*read)
        # DDP averages over ranks; a rank counts by its number of targets.
        (loss * (self.ranks.world / max(targets, 1))).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        if not torch.isfinite(norm):  # the same on all ranks, as gradients are shared
            raise DataError(
                f"expected a finite gradient, found {norm.item()} in epoch {epoch + 1} (learning rate "
                f"{self.config.train.learning_rate}); lower train.learning_rate in conf/model.yaml and take a new "
                f"snapshot. The last good checkpoint stays at {self.folder and checkpoint.path_in(self.folder)}"
            )
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), targets
