"""What the usual ways to group users by value read of them: RFM, and orders, money and lines of windows.

Legend: U users.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.data.features import numbers

DAYS = (7, 28, 90, 365)  # about 1, 4, 13 and 52 weeks
RFM = ["recency_days", "frequency_365d", "monetary_365d"]
VALUE = [f"{name}_{days}d" for days in DAYS for name in ("frequency", "monetary", "purchases")]
COLUMNS = sorted({*RFM, *VALUE})  # of gold.user_features


def standardised(features: pa.Table, names: list[str]) -> np.ndarray:
    """`logged` with mean 0 and variance 1."""
    values = logged(features, names)
    return (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)


def logged(features: pa.Table, names: list[str]) -> np.ndarray:
    """log(1 + value) (U, names). Recency of who never bought: a year and a day."""
    columns = [np.nan_to_num(numbers(features, name), nan=366.0 if name.startswith("recency") else 0.0)
               for name in names]  # fmt: skip
    return np.log1p(np.maximum(np.stack(columns, axis=1), 0))
