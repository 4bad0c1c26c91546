"""A training of a snapshot from its start, or its last checkpoint, to a model and an MLflow run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from ml.common.model_settings import Config
from ml.common.runs import Run
from ml.data.snapshot import Snapshot
from ml.training import outlook
from ml.training.processes import Ranks
from ml.training.trainer import Speed, Trainer
from ml.transformer import package
from ml.transformer.encoder import Encoder


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
    parts = [f"loss {row['loss']:.4f}", f"{row['seconds']:.1f} s", f"{row['events_per_second']:,.0f} events/s"]
    validation = [f"{key.removeprefix('val_')} {value:.4f}" for key, value in row.items() if key.startswith("val_")]
    return f"epoch {epoch}: {', '.join(parts)}" + (f", validation {', '.join(validation)}" if validation else "")


def train(snapshot: Snapshot, config: Config, ranks: Ranks, speed: Speed, say: Callable[[str], None]) -> Trainer:
    """Trains to the end, or on from the last checkpoint, and leaves the snapshot's folder model/ and its MLflow run.

    say: told a line for the start and for each epoch.
    """
    trainer = Trainer.of(snapshot, config, ranks, speed)
    run = _started(trainer, snapshot, say) if ranks.first else None

    def report(row: dict[str, float]) -> None:
        epoch = len(trainer.history)
        say(_line(epoch, row))
        run.metrics(row, step=epoch)

    left = trainer.total_steps - sum(int(row["steps"]) for row in trainer.history)
    try:
        with run.watched() if run else nullcontext(), _progress(left, ranks.first) as advance:
            trainer.fit(config.train.epochs, report, advance)
        if not len(trainer.data.catalogue.product_ids):
            say("no product is named: there is nothing to learn, and all states are zeros")
            for weight in trainer.model.parameters():
                weight.detach().zero_()
        if run:
            encoder = Encoder.of(trainer.model, snapshot.vocabularies(), trainer.data.catalogue)
            readout, words = outlook.fit(encoder, snapshot)
            say(words)
            run.artifacts(package.save(trainer.model, snapshot, readout), "model")
            run.end("FINISHED")
    except BaseException:
        if run:
            run.end("FAILED")
        raise
    return trainer


def _started(trainer: Trainer, snapshot: Snapshot, say: Callable[[str], None]) -> Run:
    """The MLflow run of the training, with its parameters."""
    run, ranks, speed, data = (
        Run.start(snapshot.folder, snapshot.warehouse, snapshot.tags()),
        trainer.ranks,
        trainer.speed,
        trainer.data,
    )
    how = {"ranks": ranks.world, "device": ranks.device.type, "bf16": speed.bf16, "compiler": speed.compiler}
    run.parameters(trainer.config.flat() | {key: str(value) for key, value in how.items()})
    count = sum(weight.numel() for weight in trainer.model.parameters())
    say(f"{len(data.train_events):,} users, {len(data.catalogue.product_ids):,} products, {count:,} weights, "
        f"{ranks.world} ranks on {ranks.device.type}, MLflow run {run.run_id}")  # fmt: skip
    return run
