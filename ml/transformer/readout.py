"""A user's vector as it is published: blocks of numbers, each of as much variance as the state.

state     after all events; first, as it is: state . item vector is the score of a product
states    mean of the states at his events, and
products  mean of the products' vectors, newer events count more: who he is and what he likes, over weeks
outlook   what the times of his events let expect as of the day, see Outlook; the only block that a day without an
          event changes

Legend: U users, D width of a state, J facts of ml/transformer/clock.py, H hidden, O expectations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

FADING = 0.97  # an event's weight in a mean to that of the next one
FILE = "readout.npz"


@dataclass(frozen=True)
class Outlook:
    """A small network that learned what follows from the times of events: the log-odds of a purchase within 7, 14 and
    28 days, and logarithms of the worth of 7 and 28 days and of the number in 28 (all of them centred and scaled).
    """

    mean_J: np.ndarray
    scale_J: np.ndarray
    first_JH: np.ndarray
    first_H: np.ndarray
    second_HH: np.ndarray
    second_H: np.ndarray
    out_HO: np.ndarray
    out_O: np.ndarray

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Outlook | None:
        """Of `named`; None where there was none."""
        if "outlook.mean_J" not in arrays:
            return None
        return cls(**{field.name: arrays[f"outlook.{field.name}"] for field in fields(cls)})

    def named(self) -> dict[str, np.ndarray]:
        """Its arrays, by the names that a file holds them under."""
        return {f"outlook.{field.name}": getattr(self, field.name) for field in fields(self)}

    def __call__(self, facts_UJ: np.ndarray) -> np.ndarray:
        """float64 (U, O)."""
        hidden_UH = _gelu((facts_UJ - self.mean_J) / self.scale_J @ self.first_JH + self.first_H)
        return _gelu(hidden_UH @ self.second_HH + self.second_H) @ self.out_HO + self.out_O


def _gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # which commands that only load a model do not wait for

    return x * (1 + erf(x / np.sqrt(2))) / 2


def _spread(values_UJ: np.ndarray) -> float:
    """Root of the summed variances; 1 where all users are alike."""
    spread = float(np.sqrt(values_UJ.var(axis=0).sum()))
    return spread if spread > 1e-6 else 1.0


@dataclass(frozen=True)
class Readout:
    """unit_2: what the two means are divided by. middle_O, unit_O: what is taken off the expectations, and what they
    are divided by. outlook: None where there was too little to learn it from; then the vector is shorter.
    """

    unit_2: np.ndarray
    middle_O: np.ndarray
    unit_O: np.ndarray
    outlook: Outlook | None

    @classmethod
    def of(
        cls, state_UD: np.ndarray, means_U2D: np.ndarray, expected_UO: np.ndarray, outlook: Outlook | None
    ) -> Readout:
        """Scaled by a sample of users. expected_UO: of `outlook`."""
        states, *means = (_spread(part) for part in (state_UD, *np.split(means_U2D, 2, axis=1)))
        unit_O = np.array([_spread(column) for column in expected_UO.T[:, :, None]])
        unit_O *= np.sqrt(expected_UO.shape[1]) / states
        return cls(np.array(means) / states, expected_UO.mean(axis=0), unit_O, outlook)

    def width(self, states: int) -> int:
        """Numbers of a vector, of which a state has `states`."""
        return 3 * states + len(self.middle_O)

    def lasting(self, state_UD: np.ndarray, means_U2D: np.ndarray) -> np.ndarray:
        """float32 (U, 3 D): the blocks that only an event changes."""
        return np.hstack([state_UD, means_U2D / np.repeat(self.unit_2, state_UD.shape[1])]).astype(np.float32)

    def expected(self, facts_UJ: np.ndarray) -> np.ndarray:
        """float32 (U, O): the outlook's block."""
        return ((self.outlook(facts_UJ) - self.middle_O) / self.unit_O).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Plain arrays in folder/readout.npz."""
        arrays = {name: getattr(self, name) for name in ("unit_2", "middle_O", "unit_O")}
        if self.outlook is not None:
            arrays |= self.outlook.named()
        np.savez(folder / FILE, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Readout | None:
        """What `save` left; None of a model of before there was one: its vector is the state."""
        if not (folder / FILE).is_file():
            return None
        with np.load(folder / FILE, allow_pickle=False) as file:
            arrays = dict(file)
        return cls(arrays["unit_2"], arrays["middle_O"], arrays["unit_O"], Outlook.of(arrays))
