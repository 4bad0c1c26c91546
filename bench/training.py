"""`python -m bench training`: what of the processor's matrix rate a training step and the encoding of users reach.

The work of the matmuls is counted by torch; the rate beside it is that of one large square matmul on the same threads,
in the type in which the step multiplies: the softmax over the catalogue in bfloat16 where the processor has it, the
rest in float32. "Share" is the time that the matmuls would take at that rate over the time that was taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from ml.common.model_settings import load
from ml.data.batches import epoch_steps
from ml.data.sequences import CONTEXT, Sequences
from ml.judge.leave_one_out import ItemLists
from ml.judge.list_training import fitted_to
from ml.training.data import TrainingData
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer.encoder import Encoder
from ml.transformer.losses import matmul_dtype

CONF = Path(__file__).resolve().parents[1] / "conf"
USERS, ITEMS, STEPS = 20_000, 12_000, 20
ENCODED, LENGTH = 1_000, 256
SQUARE = 2_048
SIZES = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)  # of a catalogue


@dataclass(frozen=True)
class Timing:
    """count: of `unit` in `seconds`. bound: seconds of the matmuls alone at the rate of a large one."""

    what: str
    count: int
    unit: str
    seconds: float
    gigaflop: float
    bound: float


def square_rate(dtype: torch.dtype) -> float:
    """Operations a second of a square matmul, the best of five."""
    left = torch.randn(SQUARE, SQUARE).to(dtype)
    left @ left
    return 2 * SQUARE**3 / min(_seconds(lambda: left @ left) for _ in range(5))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def drawn(seed: int) -> ItemLists:
    """Lists of Amazon Beauty's shape: items by Zipf, 3 to 50 a user, half of the users with at most six."""
    random = np.random.default_rng(seed)
    lengths = np.sort(np.minimum(3 + random.geometric(0.18, USERS), 50))[::-1]
    items = np.minimum(random.zipf(1.3, lengths.sum()) - 1, ITEMS - 1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return ItemLists(offsets, items, np.arange(ITEMS).astype(str), np.zeros((ITEMS, 0), np.int32))


def step(seed: int) -> Timing:
    """Steps of the preset `benchmark` on drawn lists."""
    lists = drawn(seed)
    config = fitted_to(load(CONF, "benchmark").with_train(seed=seed), lists)
    catalogue, count = lists.catalogue()
    data = TrainingData(lists.train_events, np.arange(USERS), lists.sequences(), catalogue, count, lambda model: {})
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    steps = list(epoch_steps(lists.train_events, catalogue.log_count_I, config, 0))[:STEPS]
    for one in steps[:2]:
        trainer.step(one, 0)
    counter = FlopCounterMode(display=False)
    with counter:
        events = sum(int(trainer.step(one, 0)[1]) for one in steps)
    seconds = _seconds(lambda: [trainer.step(one, 0) for one in steps])
    # Three matmuls of every target with the whole table, width rounded as ml/transformer/losses.py does.
    softmax = 3 * 2 * events * ITEMS * (config.model.d_model + 8)
    rest = counter.get_total_flops() - softmax
    bound = softmax / square_rate(matmul_dtype(torch.device("cpu"))) + rest / square_rate(torch.float32)
    return Timing("training step", events, "events", seconds, (softmax + rest) / 1e9, bound)


def encoding(seed: int) -> Timing:
    """Users of LENGTH events, by an untrained model of the preset `nightly` that reads as many."""
    random, config = np.random.default_rng(seed), load(CONF, "nightly")
    config = config.model_copy(update={"model": config.model.model_copy(update={"max_len": LENGTH})})
    lists = drawn(seed)
    catalogue, count = lists.catalogue()
    data = TrainingData(lists.train_events, np.arange(USERS), lists.sequences(), catalogue, count, lambda model: {})
    model = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None).model
    events = ENCODED * LENGTH
    sequences = Sequences(
        pa.array(np.arange(ENCODED).astype(str)),
        np.arange(0, events + 1, LENGTH),
        np.arange(events),
        (2 + random.integers(0, ITEMS, events)).astype(np.int32),
        random.integers(1, 100, (events, CONTEXT)).astype(np.uint8),
        np.zeros(events, np.int32),
    )
    encoder = Encoder.of(model, None, catalogue)
    counter = FlopCounterMode(display=False)
    with counter:
        encoder.states(sequences)
    seconds = _seconds(lambda: encoder.states(sequences))
    flop = counter.get_total_flops()
    return Timing(
        f"encoding, {LENGTH} events", ENCODED, "users", seconds, flop / 1e9, flop / square_rate(torch.float32)
    )


def softmaxes(seed: int) -> Table:
    """Core-milliseconds of a step of the preset `nightly`, by the softmax over all products and over its negatives.

    Up to the size where both cost the same, the exact one is for nothing: `full_softmax_below` of conf/model.yaml.
    """
    table = Table(title="a step of 32 users with 100 events each, the processor's milliseconds")
    for name in ("products", "full softmax", "2,048 negatives"):
        table.add_column(name, justify="right")
    for items in SIZES:
        full, sampled = (_step_cost(items, below, seed) * 1e3 for below in (items, 0))
        table.add_row(f"{items:,}", f"{full:,.0f}", f"{sampled:,.0f}")
    return table


def _step_cost(items: int, full_softmax_below: int, seed: int) -> float:
    """Processor seconds of one step, the least of five."""
    users, events = 32, 100
    config = load(CONF, "nightly").with_train(seed=seed, full_softmax_below=full_softmax_below)
    random = np.random.default_rng(seed)
    offsets = np.arange(0, users * events + 1, events)
    bought = np.minimum(random.zipf(1.3, users * events) - 1, items - 1)
    lists = ItemLists(offsets, bought, np.arange(items).astype(str), np.zeros((items, 0), np.int32))
    catalogue, count = lists.catalogue()
    train_events = np.full(users, events)
    data = TrainingData(train_events, np.arange(users), lists.sequences(), catalogue, count, lambda model: {})
    trainer = Trainer(data, config, Ranks(0, 1, torch.device("cpu")), folder=None)
    (one,) = list(epoch_steps(train_events, catalogue.log_count_I, config, 0))[:1]
    costs = []
    for _ in range(6):
        begun = time.process_time()
        trainer.step(one, 0)
        costs.append(time.process_time() - begun)
    return min(costs[1:])


def shown(timings: list[Timing], threads: int) -> Table:
    rates = ", ".join(f"{str(t).removeprefix('torch.')} {square_rate(t) / 1e9:,.0f} GFLOP/s"
                      for t in (torch.float32, torch.bfloat16))  # fmt: skip
    table = Table(title=f"{threads} threads; a matmul of {SQUARE} x {SQUARE}: {rates}")
    for name in ("work", "a second", "GFLOP/s of matmuls", "share of the matmuls' own time"):
        table.add_column(name, justify="left" if name == "work" else "right")
    for one in timings:
        rate = f"{one.count / one.seconds:,.0f} {one.unit}"
        table.add_row(one.what, rate, f"{one.gigaflop / one.seconds:,.0f}", f"{one.bound / one.seconds:.0%}")
    return table
