"""The trial of a training: what heads of the older days expected of the newest day's users, and what came true."""

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
    """expected_UE: numbers of gold.predictions.expected of user_ids."""

    user_ids: pa.Array
    expected_UE: np.ndarray
    truth: Outcomes

    def save(self, folder: Path) -> None:
        """Plain arrays in folder/trial.npz."""
        lines = self.truth.lines_UC
        np.savez(
            folder / FILE, allow_pickle=False, user_ids=np.array(self.user_ids.to_pylist(), str),
            expected=self.expected_UE, spend=self.truth.spend, lines=self.truth.lines, first_day=self.truth.first_day,
            categories=np.array(self.truth.categories, str), data=lines.data, indices=lines.indices,
            indptr=lines.indptr,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Trial | None:
        """What `save` left; None where there was no trial."""
        if not (folder / FILE).is_file():
            return None
        with np.load(folder / FILE, allow_pickle=False) as file:
            arrays = dict(file)
        ids, categories = arrays["user_ids"].tolist(), arrays["categories"].tolist()
        lines = csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), (len(ids), len(categories)))
        truth = Outcomes(arrays["spend"], arrays["lines"], arrays["first_day"], lines, categories)
        return cls(pa.array(ids, pa.string()), arrays["expected"], truth)
