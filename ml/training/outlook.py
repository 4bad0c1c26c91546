"""The readout of a trained encoder: what the times of events let expect, learned from what came after earlier days.

As of days 28, 35, ... before the held-out week, what was known of users is told by ml/transformer/clock.py, and what
they did in the 28 days after it by their own sequences: nothing else is read, and nothing of the held-out week.
Legend: U users, N rows (a user as of a day), J facts, D width of a state, O expectations.
"""

from __future__ import annotations

import datetime

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from jobs.tables import SEQUENCE_LENGTH
from ml.data.events import day_number
from ml.data.sequences import Sequences, purchase_id
from ml.data.snapshot import Snapshot
from ml.transformer.encoder import Encoder
from ml.transformer.readout import Outlook, Readout

HORIZON = 28
EVENTS, WORTHS = (7, 14, HORIZON), (7, HORIZON)  # days
USERS, SCALED_BY = 20_000, 512  # users learned from; users that blocks are scaled by
AS_OF, STEP = 8, 7  # days to learn from, and days between them
KNOWN = 64  # events that are enough to tell of a user whose older ones are kept nowhere
LEAST_ROWS, LEAST_OUTCOMES = 500, 20
HIDDEN, DROPOUT, RATE, DECAY, BATCH, STEPS = 32, 0.1, 3e-3, 1e-3, 512, 450


def fit(encoder: Encoder, snapshot: Snapshot) -> tuple[Readout, str]:
    """The readout of a model that was trained on the snapshot; and what is said of it."""
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies, snapshot.sample(USERS))
    known = np.flatnonzero(sequences.lengths_before(day_number(snapshot.cutoff)))
    sequences = sequences.part(known)
    facts_NJ, happened_N3, sums_NS = rows(encoder, sequences, snapshot.cutoff)
    outlook, words = None, f"no outlook: {len(facts_NJ):,} examples of 28 days, of one kind or too few"
    outcomes = happened_N3.sum(axis=0)
    if len(facts_NJ) >= LEAST_ROWS and (np.minimum(outcomes, len(facts_NJ) - outcomes) >= LEAST_OUTCOMES).all():
        outlook = learned(facts_NJ, happened_N3, sums_NS, snapshot.config.train.seed)
        words = f"outlook learned from {len(facts_NJ):,} examples of 28 days"
    few = sequences.part(np.arange(min(SCALED_BY, len(sequences))))
    lengths = few.lengths_before(day_number(snapshot.cutoff))
    expected_UO = np.zeros((len(few), 0))
    if outlook is not None:
        expected_UO = outlook(encoder.facts(few, day_number(snapshot.cutoff), lengths))
    return Readout.of(*encoder.readings(few, lengths), expected_UO, outlook), words


def rows(encoder: Encoder, sequences: Sequences, cutoff: datetime.date) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Facts (N, J), whether there was a purchase within EVENTS (N, 3), logarithms of the worth within WORTHS and of the
    number within HORIZON (N, 3). Where nobody buys, any event counts.

    A user is left out as of a day that his sequence, which is full, does not reach back to; a day that nobody has
    HORIZON days before, altogether.
    """
    purchase, first_held_out = purchase_id(encoder.vocabularies), day_number(cutoff)
    counted_E = sequences.context_EC[:, 0] == purchase
    counted_E = counted_E if counted_E.any() else np.ones(len(counted_E), bool)
    worth_E = sequences.worth(np.arange(len(sequences.items))) * counted_E
    full_U = np.diff(sequences.offsets) >= SEQUENCE_LENGTH
    oldest = int(sequences.days.min(initial=first_held_out))
    parts = []
    for number in range(AS_OF):
        end = first_held_out - HORIZON - STEP * number
        lengths = sequences.lengths_before(end)
        users = np.flatnonzero((lengths > 0) & (~full_U | (lengths >= KNOWN)))
        if end - HORIZON < oldest or not len(users):
            break
        facts = encoder.facts(sequences, end, lengths)[users]

        def within(days: int, of_E: np.ndarray, end: int = end) -> np.ndarray:
            return sequences.sums(of_E * ((sequences.days >= end) & (sequences.days < end + days)))

        happened = np.stack([within(days, counted_E) > 0 for days in EVENTS], axis=1)
        sums = np.stack([*(within(days, worth_E) for days in WORTHS), within(HORIZON, counted_E)], axis=1)
        parts.append((facts, happened[users], np.log1p(sums[users])))
    blank = encoder.facts(sequences.part(np.zeros(0, np.int64)), first_held_out)
    parts = parts or [(blank, np.zeros((0, len(EVENTS)), bool), np.zeros((0, len(WORTHS) + 1)))]
    facts, happened, sums = (np.concatenate(part) for part in zip(*parts, strict=True))
    return facts, happened, sums


def learned(
    facts_NJ: np.ndarray, happened_N3: np.ndarray, sums_NS: np.ndarray, seed: int, steps: int = STEPS
) -> Outlook:
    """Two hidden layers, by AdamW with a rate that rises and falls; events by cross-entropy, sums by squares."""
    torch.manual_seed(seed)
    mean, spread = facts_NJ.mean(axis=0), facts_NJ.std(axis=0)
    scale = np.where(spread > 1e-6, spread, np.inf)  # what never differed says nothing, whatever it will be
    centred = (sums_NS - sums_NS.mean(axis=0)) / np.maximum(sums_NS.std(axis=0), 1e-6)
    x, happened, sums = (
        torch.from_numpy(np.ascontiguousarray(values, np.float32))
        for values in ((facts_NJ - mean) / scale, happened_N3, centred)
    )
    net = nn.Sequential(
        nn.Linear(x.shape[1], HIDDEN), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, HIDDEN), nn.GELU(),
        nn.Linear(HIDDEN, happened.shape[1] + sums.shape[1]),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    drawn = torch.randint(len(x), (steps, BATCH))
    for index in drawn:
        events, money = net(x[index]).split([happened.shape[1], sums.shape[1]], dim=1)
        loss = 3 * F.binary_cross_entropy_with_logits(events, happened[index]) + F.mse_loss(money, sums[index])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    weights = [layer for layer in net if isinstance(layer, nn.Linear)]
    arrays = [part.detach().double().numpy() for layer in weights for part in (layer.weight.T, layer.bias)]
    return Outlook(mean, scale, *arrays)
