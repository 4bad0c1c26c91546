"""A model that was registered before ml/ had rooms still loads and says the same."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ml.data.catalogue import PRODUCT_COLUMNS
from ml.data.sequences import pack
from ml.transformer.encoder import Encoder

MLMODEL = """\
flavors:
  python_function:
    loader_module: ml.serving
    python_version: 3.11.7
mlflow_version: 3.17.2
model_uuid: ea96feef4db84e4891c04dedb8038343
signature:
  inputs: '[{"type": "string", "name": "user_id", "required": true}, {"type": "array",
    "items": {"type": "long"}, "name": "event_times", "required": true}, {"type":
    "array", "items": {"type": "string"}, "name": "event_types", "required": true},
    {"type": "array", "items": {"type": "string"}, "name": "product_ids", "required":
    true}, {"type": "array", "items": {"type": "integer"}, "name": "price_buckets",
    "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1,
    4]}}]'
  params: null
utc_time_created: '2026-11-29 11:22:03.552538'
"""
SETTINGS = {"d_model": 4, "layers": 1, "heads": 2, "hidden": 4, "max_len": 8, "dropout": 0.0, "min_count": 1,
            "word_buckets": 16, "title_words": 2}  # fmt: skip
SHAPES = {
    "bos_D": (4,), "popularity": (), "features.weight": (59, 4), "context.weight": (114, 4),
    "blocks.0.norm_attention.weight": (4,), "blocks.0.norm_attention.bias": (4,),
    "blocks.0.norm_hidden.weight": (4,), "blocks.0.norm_hidden.bias": (4,),
    "blocks.0.qkv.weight": (12, 4), "blocks.0.qkv.bias": (12,), "blocks.0.out.weight": (4, 4),
    "blocks.0.out.bias": (4,),
    "blocks.0.hidden.0.weight": (4, 4), "blocks.0.hidden.0.bias": (4,),
    "blocks.0.hidden.2.weight": (4, 4), "blocks.0.hidden.2.bias": (4,), "norm.weight": (4,), "norm.bias": (4,),
}  # fmt: skip
NAMES = [("product", "milk", 5, 2), ("product", "tea", 3, 3), ("category", "FOOD", 8, 2), ("brand", "b1", 5, 2),
         ("event_type", "purchase", 6, 2), ("event_type", "view", 2, 3)]  # fmt: skip
# What the code of that time answers.
STATES = [[-1.3654952, -1.1867560, 0.6787392, 0.7401921], [-1.4224088, -0.0858008, 0.8829107, 0.9229447]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of such a version: settings, weights, names with their ids, products as rows of feature ids."""
    (tmp_path / "MLmodel").write_text(MLMODEL, encoding="utf-8")
    settings = {"model": SETTINGS, "ds": "2017-12-01", "cutoff": 1511568000}
    (tmp_path / "model.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    weights = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        size = int(np.prod(shape))
        weights[name] = torch.sin(torch.arange(size, dtype=torch.float64) + number).float().reshape(shape)
    torch.save(weights, tmp_path / "weights.pt")
    kinds, names, counts, ids = zip(*NAMES, strict=True)
    columns = {"kind": kinds, "name": names, "count": pa.array(counts, pa.int64()), "id": pa.array(ids, pa.int32())}
    pq.write_table(pa.table(columns), tmp_path / "vocabulary.parquet")
    features = pa.FixedSizeListArray.from_arrays(pa.array([2, 6, 0, 0, 9, 15, 44, 0, 3, 6, 0, 0, 0, 17, 45, 46],
                                                          pa.int32()), 8)  # fmt: skip
    columns = {"product_id": ["milk", "tea"], "features": features, "log_count": pa.array([1.8, 1.4], pa.float32()),
               "category": ["FOOD", "FOOD"]}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "catalogue.parquet")
    return tmp_path


def test_mlflow_serves_it_as_it_did(folder: Path) -> None:
    frame = pd.DataFrame({
        "user_id": ["a", "b"], "event_times": [[1_511_000_000, 1_511_000_900, 1_511_090_000], [1_511_000_000]],
        "event_types": [["view", "purchase", "purchase"], ["purchase"]],
        "product_ids": [["milk", "milk", "tea"], ["unheard of"]],
        "price_buckets": [np.array([3, 3, 5], np.int32), np.array([0], np.int32)],
    })  # fmt: skip
    served = mlflow.pyfunc.load_model(str(folder))
    assert served.predict(frame) == pytest.approx(np.array(STATES), abs=1e-5)


def test_a_night_loads_it_with_the_products_of_its_day(folder: Path) -> None:
    products = {"product_id": ["tea"], "title": ["Tea"], "category_path": [["FOOD"]], "brand": ["b1"]}
    table = pa.table(products | {"usual_price": pa.array([2], pa.decimal128(18, 4))}).select(PRODUCT_COLUMNS)
    encoder = Encoder.load(folder, table)
    batch = pa.RecordBatch.from_pydict({
        "user_id": ["a"], "event_times": [[1_511_000_000]], "event_types": [["purchase"]], "product_ids": [["tea"]],
        "price_buckets": [[5]],
    }, pa.schema([("user_id", pa.string()), ("event_times", pa.list_(pa.int64())),
                  ("event_types", pa.list_(pa.string())), ("product_ids", pa.list_(pa.string())),
                  ("price_buckets", pa.list_(pa.int32()))]))  # fmt: skip
    states = encoder.states(pack([batch], encoder.catalogue, encoder.vocabularies))
    assert states.shape == (1, 4)
    assert np.isfinite(states).all()
    assert encoder.catalogue.product_ids.to_pylist() == ["tea"]
