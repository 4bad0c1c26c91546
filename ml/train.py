"""Trains the behaviour Transformer on a snapshot, by one process or by several:

python -m ml.train --snapshot DIR
torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m ml.train --snapshot DIR [--epochs N] [--seed S]
TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes 2 --nproc-per-node 8 --max-restarts 3 --rdzv-backend c10d \\
    --rdzv-endpoint HOST:PORT --rdzv-id ID -m ml.train --snapshot DIR

Leaves DIR/checkpoints/last.pt after each epoch, DIR/model/ and an MLflow run. A training that broke goes on from its
last checkpoint: started again by hand, or by torchrun (--max-restarts) where a rank died. Several nodes share DIR.
The number of ranks does not change what is learned: steps are composed globally, see ml/data/batches.py.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch.optim.lr_scheduler import LambdaLR

from ml import serving
from ml.common.cli import DataError, entry, parser
from ml.common.settings import Config
from ml.data.batches import Step, epoch_steps, owners, places, step_count
from ml.data.catalogue import Catalogue, feature_count
from ml.data.sequences import Sequences
from ml.judge.ranking import Task, model_scorer, score
from ml.snapshot import Snapshot
from ml.training import checkpoint
from ml.training.processes import Ranks, joined
from ml.transformer import encoder
from ml.transformer.encoder import Encoder
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


@dataclass(frozen=True)
class TrainingData:
    """What one rank learns from.

    train_events: of all users (U), longest first. place_U: see ml.batches.places. sequences: of the rank's own users,
    18 bytes an event and an id a user: a rank's memory is its share of that, the columns of U (about 30 bytes a user),
    one batch of Arrow (about 100 MB), the catalogue and three times the weights. validate: metrics of a model; every
    rank calls it equally often.
    """

    train_events: np.ndarray
    place_U: np.ndarray
    sequences: Sequences
    catalogue: Catalogue
    feature_count: int
    validate: Callable[[BehaviourModel], dict[str, float]]

    @classmethod
    def of(cls, snapshot: Snapshot, config: Config, ranks: Ranks) -> TrainingData:
        """The rank's share of a snapshot, read from the row groups that hold it; validates on its held-out week."""
        vocabularies, catalogue = snapshot.vocabularies(), snapshot.catalogue()
        users = snapshot.users()
        events_U, part_U = users["train_events"].to_numpy(), users["part"].to_numpy()
        place_U = places(owners(part_U, events_U, ranks.world), ranks.rank)
        mine = np.flatnonzero(place_U >= 0)
        keep = users["user_id"].combine_chunks().take(pa.array(mine))
        sequences = snapshot.sequences(catalogue, vocabularies, keep, np.unique(part_U[mine]))
        task = _validation_task(sequences, catalogue, snapshot.cutoff, -(-config.train.validation_users // ranks.world))

        def validate(model: BehaviourModel) -> dict[str, float]:
            found = [0.0, 0.0, 0.0]
            if len(task.users):
                scores = score(task, model_scorer(Encoder.of(model, vocabularies, catalogue), task), catalogue)
                found = [float((scores.rank <= 10).sum()), float(scores.ndcg.sum()), float(len(task.users))]
            hits, ndcg, users = ranks.sum(*found)
            return {"val_hr_10": hits / users, "val_ndcg_10": ndcg / users} if users else {}

        count = feature_count(vocabularies, config.model)
        return cls(events_U, place_U, sequences, catalogue, count, validate)


def _validation_task(sequences: Sequences, catalogue: Catalogue, cutoff: int, wanted: int) -> Task:
    """At most `wanted` users of a rank's share, evenly over all lengths, with what they did in the held-out week."""
    task = Task.of(sequences, catalogue, cutoff)
    kept = np.unique(np.linspace(0, len(task.users) - 1, min(wanted, len(task.users))).astype(int))
    return Task(task.sequences, task.history, task.users[kept], task.target[kept], task.categories_BC[kept])


class Trainer:
    """One rank's part of a training. `history` is one row an epoch: loss, seconds, events and validation metrics.

    folder: where checkpoints go; None: none are written.
    """

    def __init__(
        self, data: TrainingData, config: Config, ranks: Ranks, folder: Path | None, speed: Speed = Speed()
    ) -> None:
        self.data, self.config, self.ranks, self.folder, self.speed = data, config, ranks, folder, speed
        torch.manual_seed(config.train.seed)
        self.model = BehaviourModel(config.model, data.feature_count).to(ranks.device)
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
        features, log_count = (
            torch.from_numpy(a).to(ranks.device) for a in (data.catalogue.features_IF, data.catalogue.log_count_I)
        )
        self.loss = ranks.share(NextItemLoss(self.model, features, log_count))

    @classmethod
    def of(cls, snapshot: Snapshot, config: Config, ranks: Ranks, speed: Speed = Speed()) -> Trainer:
        """A training on a snapshot, which goes on from the last checkpoint in its folder."""
        return cls(TrainingData.of(snapshot, config, ranks), config, ranks, snapshot.folder, speed)

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

    def step(self, step: Step, epoch: int) -> tuple[float, float]:
        """Summed loss of this rank and the number of targets of all ranks. A rank without users joins with padding."""
        users, starts, lengths = step.of_rank(self.data.place_U)
        idle = not len(users)
        if idle:
            users, starts, lengths = (np.zeros(1, np.int64) for _ in range(3))
        items_P, context_PC, places_B = self.data.sequences.run(users, starts, lengths, placeholder=idle)
        negatives = [] if step.negatives is None else [step.negatives, step.correction]
        items_P, context_PC, *negatives = (
            torch.from_numpy(array).to(self.ranks.device) for array in (items_P, context_PC, *negatives)
        )
        (targets,) = self.ranks.sum(int(is_target(items_P).sum()))
        with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.speed.bf16):
            loss = self.loss(items_P, context_PC, Layout.of(places_B, self.ranks.device), *negatives)
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


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar where someone watches; nothing where nobody does."""
    if not (shown and sys.stdout.isatty()):
        yield lambda epoch: None
        return
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("training", total=total)
        yield lambda epoch: bar.update(task, advance=1, description=f"epoch {epoch + 1}")


def _line(epoch: int, row: dict[str, float]) -> str:
    said = f"epoch {epoch}: loss {row['loss']:.4f}, {row['seconds']:.1f} s, {row['events_per_second']:,.0f} events/s"
    validation = [f"{key.removeprefix('val_')} {value:.4f}" for key, value in row.items() if key.startswith("val_")]
    return said + (", validation " + ", ".join(validation) if validation else "")


def train(snapshot: Snapshot, config: Config, ranks: Ranks, speed: Speed) -> Trainer:
    """Trains to the end, or on from the last checkpoint, and leaves DIR/model and the MLflow run."""
    trainer = Trainer.of(snapshot, config, ranks, speed)
    run = None
    if ranks.first:
        from ml.common.registry import Run

        run = Run.start(snapshot)
        how = {"ranks": ranks.world, "device": ranks.device.type, "bf16": speed.bf16, "compiler": speed.compiler}
        run.parameters(config.flat() | {key: str(value) for key, value in how.items()})
        count = sum(weight.numel() for weight in trainer.model.parameters())
        data = trainer.data
        print(f"{len(data.train_events):,} users, {len(data.catalogue.product_ids):,} products, {count:,} weights, "
              f"{ranks.world} ranks on {ranks.device.type}, MLflow run {run.run_id}", flush=True)  # fmt: skip

    def report(row: dict[str, float]) -> None:
        epoch = len(trainer.history)
        print(_line(epoch, row), flush=True)
        run.metrics(row, step=epoch)

    left = trainer.total_steps - sum(int(row["steps"]) for row in trainer.history)
    try:
        with run.watched() if run else nullcontext(), _progress(left, ranks.first) as advance:
            trainer.fit(config.train.epochs, report, advance)
        if run:
            folder = encoder.save(trainer.model, snapshot)
            serving.describe(folder, config.model.d_model)
            run.artifacts(folder, "model")
            run.end("FINISHED")
    except BaseException:
        if run:
            run.end("FAILED")
        raise
    return trainer


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "snapshot")
    args.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    args.add_argument("--epochs", type=int, help="default: the snapshot's")
    args.add_argument("--seed", type=int, help="default: the snapshot's")
    args.add_argument("--bf16", action="store_true", help="matmuls of the blocks in bfloat16 (for GPUs)")
    args.add_argument("--compile", action="store_true", help="the blocks through torch.compile (for GPUs)")
    said = args.parse_args(argv)
    snapshot = Snapshot.open(said.snapshot)
    speed = Speed(said.bf16, "inductor" if said.compile else None)
    with joined(said.device) as ranks:
        train(snapshot, snapshot.config.with_train(epochs=said.epochs, seed=said.seed), ranks, speed)


if __name__ == "__main__":
    entry(main)
