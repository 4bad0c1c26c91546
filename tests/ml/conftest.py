"""A small lake in the contract's shape: three kinds of shoppers, two departments, Chinese and English titles."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.tables import SILVER_PRODUCTS, USER_FEATURES, USER_SEQUENCES
from ml.common import model_settings
from ml.common.lake import arrow_schema, write_partition
from ml.data import snapshot

ROOT = Path(__file__).resolve().parents[2]
DS = datetime.date(2017, 12, 1)
USERS, PRODUCTS, CATEGORIES = 61, 60, 6
TITLES = ("红富士苹果 {}", "Whole milk {}", "洗衣液 {}", "Sourdough bread {}", "无线耳机 {}", "Running shoes {}")

os.environ.setdefault("OMP_NUM_THREADS", "1")


def product_rows() -> list[dict]:
    """Products 0..59; product i is of category i % 6; categories 0-3 are groceries, 4 and 5 are goods."""
    rows = []
    for i in range(PRODUCTS):
        department = "GROCERY" if i % CATEGORIES < 4 else "GOODS"
        path = [department, f"C{i % CATEGORIES}", f"C{i % CATEGORIES} leaf {i % 12}"]
        rows.append({
            "product_id": f"p{i:02d}", "title": TITLES[i % CATEGORIES].format(i),
            "category_path": path, "category": path[1],
            "department": department, "brand": f"b{i % 5}", "usual_price": Decimal(f"{1 + i / 4:.4f}"),
            "price_seen_at": None, "attributes": [], "has_record": True,
        })  # fmt: skip
    return rows


def sequence_row(user: int, random: np.random.Generator) -> dict:
    """A shopper of kind user % 3 who mostly buys in two categories; user 0 has one event."""
    length = 1 if user == 0 else int(random.integers(6, 40))
    now = int(datetime.datetime(2017, 12, 2, tzinfo=datetime.UTC).timestamp())
    days = np.sort(random.uniform(10 if user < 2 else 0, 120, length))[::-1]
    category = np.where(
        random.random(length) < 0.8, 2 * (user % 3) + random.integers(0, 2, length), random.integers(0, 6, length)
    )
    product = category + CATEGORIES * random.integers(0, 5 if user % 2 else 10, length)
    times = [int(now - 1 - day * 86_400) for day in days]
    return {
        "user_id": f"u{user:03d}", "ds": DS, "length": length, "last_event_ds": DS,
        "event_ids": [f"e{user}-{i}" for i in range(length)],
        "event_days": [time // 86_400 for time in times], "event_times": times,
        "event_hours": [time // 3600 % 24 for time in times],
        "event_types": ["view" if p % 4 == 0 else "purchase" for p in product],
        "product_ids": [f"p{p:02d}" for p in product], "categories": [f"C{c}" for c in category],
        "price_buckets": [1 + int(2 * np.log2(1 + 1 + p / 4)) for p in product], "run_id": "test",
    }  # fmt: skip


def feature_row(user: int, random: np.random.Generator) -> dict:
    """Numbers around a level that the user's kind sets; nulls where a user never bought."""
    level = (1.0, 4.0, 12.0)[user % 3]
    row = {}
    for field in arrow_schema(USER_FEATURES):
        value = level * float(random.uniform(0.8, 1.2))
        if pa.types.is_decimal(field.type):
            row[field.name] = Decimal(f"{10 * value:.2f}")
        elif pa.types.is_integer(field.type):
            row[field.name] = round(3 * value)
        elif pa.types.is_floating(field.type):
            row[field.name] = value / 15
    share = (0.9, 0.5, 0.1)[user % 3]
    return row | {
        "user_id": f"u{user:03d}", "ds": DS,
        "recency_days": None if user == 0 else user % 30,
        "department_shares_365d": [("GROCERY", share), ("GOODS", 1 - share)],
        "top_categories": ["C1"], "top_brands": ["b1"], "run_id": "test",
    }  # fmt: skip


def make_lake(warehouse: Path) -> str:
    random = np.random.default_rng(3)
    for table, make in ((USER_SEQUENCES, sequence_row), (USER_FEATURES, feature_row)):
        rows = [make(user, random) for user in range(USERS)]
        write_partition(table, str(warehouse), str(DS), [pa.RecordBatch.from_pylist(rows, arrow_schema(table))])
    products = pa.Table.from_pylist(product_rows(), arrow_schema(SILVER_PRODUCTS))
    write_deltalake(SILVER_PRODUCTS.path(str(warehouse)), products)
    return str(warehouse)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the warehouse; tests do not write to the three source tables."""
    return make_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def debug() -> model_settings.Config:
    return model_settings.load(ROOT / "conf", "debug")


@pytest.fixture
def frozen(lake: str, debug: model_settings.Config, tmp_path: Path) -> snapshot.Snapshot:
    """A fresh snapshot folder."""
    return snapshot.take(lake, DS, tmp_path / "snapshot", debug)


@pytest.fixture(scope="session")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(scope="session")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Hugging Face's library, which asks no server and keeps its cache out of the home."""
    os.environ |= {"HF_HOME": str(tmp_path_factory.mktemp("hugging_face")), "HF_HUB_OFFLINE": "1"}
    return pytest.importorskip("transformers", reason="transformers is not installed: see requirements-text.in")


def command(*words: object, **environment: str) -> subprocess.CompletedProcess:
    """Runs `python words...` from the repository's root, one thread a process."""
    variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, env=variables, capture_output=True, text=True)
