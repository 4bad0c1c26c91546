"""The numeric columns of gold.user_features. Legend: U users, J columns."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator

from jobs.tables import NUMERIC_FEATURES

NUMERIC = [column.name for column in NUMERIC_FEATURES]


def _numeric(name: str) -> str:
    if name not in NUMERIC:
        raise ValueError("expected a numeric feature of gold.user_features")
    return name


FeatureName = Annotated[str, AfterValidator(_numeric)]  # of a settings class


def numbers(features: pa.Table, name: str) -> np.ndarray:
    """float64 (U) of a column; nan = null."""
    return pc.cast(features[name], pa.float64()).to_numpy().astype(np.float64)
