"""The model as MLflow serves it: rows of gold.user_sequences in, vectors out.

`mlflow.pyfunc.load_model("models:/huaxiang-behaviour-ID@champion").predict(frame)`, and `mlflow models serve`. The
nights do not go this way (ml/encode.py streams Arrow batches). Products are those of the training's day;
vectors are as of the day of the newest event of all rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from jobs.tables import USER_SEQUENCES
from ml.common.lake import arrow_schema
from ml.data.events import day_of
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.transformer.encoder import Encoder


class Served:
    """What MLflow calls: `predict` of a frame."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def predict(self, frame: pd.DataFrame, params: dict | None = None) -> np.ndarray:
        """float32 (rows, D), in the order of the rows; columns as gold.user_sequences has them."""
        table = arrow_schema(USER_SEQUENCES)
        names = [name for name in SEQUENCE_COLUMNS if name in frame]  # those of the model's signature
        schema = pa.schema([table.field(name) for name in names])
        batches = pa.Table.from_pandas(frame[names], schema=schema, preserve_index=False).to_batches()
        sequences = pack(batches, self.encoder.catalogue, self.encoder.vocabularies)
        return self.encoder.vectors(sequences, day_of(sequences.days.max(initial=0)))


def _load_pyfunc(path: str) -> Served:
    """What mlflow.pyfunc calls with the folder of the model."""
    return Served(Encoder.packaged(Path(path)))
