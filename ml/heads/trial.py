"""The trial of a training: what was expected of the users of the days that heads learn from, and what came true.

Legend: U users, one day's after the other's; E expectations, V columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from ml.data.outcomes import Outcomes

FILE = "trial.npz"


@dataclass(frozen=True)
class Trial:
    """expected_UE: as gold.predictions.expected, by heads that did not learn from the user; the last `kinds` are
    probabilities of kinds. windows_UV: what the usual ways group by value (ml/data/value_windows.py, standardised).
    """

    user_ids: pa.Array
    expected_UE: np.ndarray
    windows_UV: np.ndarray
    truth: Outcomes
    kinds: int = 0

    def save(self, folder: Path) -> None:
        """Plain arrays in folder/trial.npz."""
        lines = self.truth.lines_UC
        np.savez(
            folder / FILE, allow_pickle=False, user_ids=np.array(self.user_ids.to_pylist(), str),
            expected=self.expected_UE, windows=self.windows_UV, spend=self.truth.spend, lines=self.truth.lines,
            first_day=self.truth.first_day, categories=np.array(self.truth.categories, str), data=lines.data,
            indices=lines.indices, indptr=lines.indptr, kinds=self.kinds,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Trial | None:
        """What `save` left; None where there was no trial."""
        if not (folder / FILE).is_file():
            return None
        with np.load(folder / FILE, allow_pickle=False) as file:
            arrays = dict(file)
        if "windows" not in arrays:  # of before they were kept
            return None
        ids, categories = arrays["user_ids"].tolist(), arrays["categories"].tolist()
        lines = csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), (len(ids), len(categories)))
        truth = Outcomes(arrays["spend"], arrays["lines"], arrays["first_day"], lines, categories)
        kinds = int(arrays.get("kinds", 0))
        return cls(pa.array(ids, pa.string()), arrays["expected"], arrays["windows"], truth, kinds)
