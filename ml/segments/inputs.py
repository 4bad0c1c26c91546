"""What a segment model reads of a user: what is expected of him; or features, department shares and his vector.

Legend: U users, J inputs, K segments. A raw value may be nan (null in the table).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ml.common.arrays import aligned
from ml.data.features import numbers
from ml.segments.settings import Block, SegmentConfig

DEPARTMENT, EMBEDDING, EXPECTED = "dept:", "emb:", "exp:"
# Blocks whose inputs are numbers of gold.predictions.expected: money, silence, factors of the categories, kinds.
EXPECTATIONS = SPEND, SILENCE, CATEGORIES = "expected_spend", "expected_silence", "expected_categories"
KINDS = "kinds"
FAINT = 0.01  # the weight of departments that do not group users, but are told of their groups


@dataclass(frozen=True)
class Users:
    """Users as of a day, sorted by id, with their rows of gold.user_features, states and expectations (float64, nan =
    none). expected_UE is None where the model has no heads; its last `kinds` numbers are probabilities of kinds.
    """

    user_ids: list[str]
    features: pa.Table
    embedding_UD: np.ndarray
    expected_UE: np.ndarray | None = None
    kinds: int = 0

    @classmethod
    def of(
        cls,
        features: pa.Table,
        sequence_ids: pa.Array,
        states_UD: np.ndarray,
        expected_UE: np.ndarray | None = None,
        kinds: int = 0,
    ) -> Users:
        """States are given in the order of sequence_ids; a user without a sequence gets nan. Expectations are given in
        the order of user ids.
        """
        features = features.sort_by("user_id").combine_chunks()
        embedding = aligned(sequence_ids, states_UD, features["user_id"].combine_chunks())
        return cls(features["user_id"].to_pylist(), features, embedding, expected_UE, kinds)

    def shares(self) -> dict[str, np.ndarray]:
        """Share of each user's money (U) by department; 0 where the map has no entry."""
        column = self.features["department_shares_365d"].combine_chunks()
        owner = np.repeat(np.arange(len(column)), np.diff(column.offsets.to_numpy()))
        names, values = column.keys.dictionary_encode(), column.items.to_numpy(zero_copy_only=False)
        code = names.indices.to_numpy()
        shares = {}
        for index, name in enumerate(names.dictionary.to_pylist()):
            shares[name] = np.zeros(len(column))
            shares[name][owner[code == index]] = values[code == index]
        return shares

    def raw(self, inputs: list[str]) -> np.ndarray:
        """Raw values (U, J) of inputs, in the names of gold.segment_models. A department nobody knows is 0."""
        shares = self.shares() if any(name.startswith(DEPARTMENT) for name in inputs) else {}
        nobody = np.zeros(len(self.user_ids))
        columns = []
        for name in inputs:
            if name.startswith(DEPARTMENT):
                columns.append(shares.get(name.removeprefix(DEPARTMENT), nobody))
            elif name.startswith(EMBEDDING):
                columns.append(self.embedding_UD[:, int(name.removeprefix(EMBEDDING))])
            elif name.startswith(EXPECTED):
                columns.append(self.expected_UE[:, int(name.removeprefix(EXPECTED))])
            else:
                columns.append(numbers(self.features, name))
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Scaler:
    """How raw inputs become standardised ones; the columns of gold.segment_models of the same names (all J long)."""

    inputs: list[str]
    fill: np.ndarray
    log_scaled: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, raw_UJ: np.ndarray) -> np.ndarray:
        """Standardised inputs (U, J)."""
        return (self.filled(raw_UJ) - self.mean) / self.scale

    def filled(self, raw_UJ: np.ndarray) -> np.ndarray:
        """Without nan, and logarithms where they are asked for."""
        values = np.where(np.isnan(raw_UJ), self.fill, raw_UJ)
        return np.where(self.log_scaled, np.log1p(np.maximum(values, 0)), values)


def expectations_of(users: Users) -> dict[str, list[str]]:
    """Inputs by block of what is expected of the users."""
    numbers = 0 if users.expected_UE is None else users.expected_UE.shape[1]
    expected, factors = [f"{EXPECTED}{k}" for k in range(numbers)], numbers - users.kinds
    return {
        SPEND: expected[:1],
        SILENCE: expected[1:2],
        CATEGORIES: expected[2:factors],
        KINDS: expected[max(factors, 0) :],
    }


def inputs_of(users: Users, config: SegmentConfig) -> list[tuple[Block, list[str]]]:
    """The blocks that users are grouped by, with their inputs."""
    names = expectations_of(users)
    blocks = {name: block for name, block in config.blocks.items()
              if block.weight and not (block.fallback and users.expected_UE is not None)}  # fmt: skip
    if "departments" in config.blocks:
        blocks.setdefault("departments", Block(weight=FAINT))
    if "departments" in blocks:
        mean_share = {name: share.mean() for name, share in users.shares().items()}
        ranked = sorted(mean_share, key=lambda name: (-mean_share[name], name))[: config.departments.most]
        names["departments"] = [DEPARTMENT + n for n in ranked if mean_share[n] >= config.departments.min_share]
    names["embedding"] = [f"{EMBEDDING}{k}" for k in range(users.embedding_UD.shape[1])]
    filled = [(block, names.get(name, block.inputs)) for name, block in blocks.items()]
    return [(block, inputs) for block, inputs in filled if inputs]


def fit_scaler(users: Users, config: SegmentConfig) -> Scaler:
    """Mean 0 for each input; the variances of a block's inputs sum up to its weight^2: each has its equal share of it,
    or, together, the share that it has of theirs.
    """
    blocks = inputs_of(users, config)
    inputs = [name for _, names in blocks for name in names]
    raw = users.raw(inputs)
    how = {name: rule for block, _ in blocks for name, rule in block.fill.items()}
    fill = np.array([_fill(column, name, how.get(name, "median")) for name, column in zip(inputs, raw.T, strict=True)])
    log_scaled = np.array([block.log for block, names in blocks for _ in names])
    plain = Scaler(inputs, fill, log_scaled, np.zeros(len(inputs)), np.ones(len(inputs)))
    values = plain.filled(raw)
    deviation, start, scales = values.std(axis=0), 0, []
    for block, names in blocks:
        own = deviation[start : start + len(names)]
        usual = np.sqrt((own**2).mean())
        own = np.full(len(names), usual) if block.together else own
        scales.append(np.where(own > 1e-9, own * np.sqrt(len(names)) / block.weight, 1.0))
        start += len(names)
    return replace(plain, mean=values.mean(axis=0), scale=np.concatenate(scales))


def weight_in(scaler: Scaler, users: Users, names: list[str]) -> float | None:
    """The weight that a scaler gives a block of inputs, as `users` tell it; None where it has no such inputs."""
    if not names or not set(names) <= set(scaler.inputs):
        return None
    scale = scaler.scale[[scaler.inputs.index(name) for name in names]]
    return float(np.sqrt((users.raw(names).var(axis=0) / scale**2).sum()))


def _fill(column: np.ndarray, name: str, how: str) -> float:
    known = column[~np.isnan(column)]
    if name.startswith(DEPARTMENT) or not len(known):
        return 0.0
    return float(known.max() if how == "max" else np.median(known))
