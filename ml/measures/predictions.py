"""How good predictions of a day were, held against what users did in the 28 days after it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.data.outcomes import Outcomes
from ml.measures.metrics import auc, explained

EVERYBODY = "all"
TENTHS = 10
QUALITIES = ("brier", "auc", "r2", "precision", "recall")  # of a row, as far as they are asked of its prediction
SCORED = ["user_id", "churn_28d", "purchase_7d", "purchase_14d", "purchase_28d", "spend_28d", "days_to_next_order",
          "next_categories", "expected", "slice", "model_version"]  # fmt: skip


def scores(predictions: pa.Table, truth: Outcomes) -> list[dict]:
    """One row a prediction and slice (EVERYBODY first); users whose prediction was refused are not scored."""
    slice_U = np.array(predictions["slice"].fill_null("").to_pylist(), object)
    rows = []
    for name in (EVERYBODY, *sorted(set(slice_U) - {""})):
        here = np.ones(len(slice_U), bool) if name == EVERYBODY else slice_U == name
        rows += [{"slice": name, **row} for row in _slice(predictions, truth, here)]
    return rows


def _slice(predictions: pa.Table, truth: Outcomes, here: np.ndarray) -> list[dict]:
    days = truth.first_day
    events = {
        "churn_28d": np.isnan(days),
        "purchase_7d": days <= 7,
        "purchase_14d": days <= 14,
        "purchase_28d": days <= 28,
    }
    rows = []
    for name, happened in events.items():
        chance, kept = _column(predictions, name, here)
        if kept.any():
            rows.append({"prediction": name, **probability(chance[kept], happened[kept])})
    money, kept = _column(predictions, "spend_28d", here)
    if kept.any():
        expected = predictions["expected"].combine_chunks()
        log_spend = pc.list_element(expected, 0).to_numpy(zero_copy_only=False)
        rows.append({"prediction": "spend_28d", **_means(money[kept], truth.spend[kept]),
                      "r2": _or_none(explained(np.log1p(truth.spend[kept]), log_spend[kept]))})  # fmt: skip
    day, kept = _column(predictions, "days_to_next_order", here)
    if kept.any():  # a median: half of them should have ordered by then; of the day itself, the part that is named
        whole = np.floor(day)
        by_then = np.where(days <= whole, 1.0, np.where(days == whole + 1, day - whole, 0.0))[kept]
        rows.append({"prediction": "days_to_next_order", **_means(np.full(kept.sum(), 0.5), by_then)})
    rows += _categories(predictions, truth, here & ~truth.silent)
    return rows


def _column(predictions: pa.Table, name: str, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = predictions[name].to_numpy().astype(np.float64)
    return values, here & ~np.isnan(values)


def _means(predicted: np.ndarray, observed: np.ndarray) -> dict:
    return {"users": len(observed), "predicted": float(predicted.mean()), "observed": float(observed.mean())}


def probability(chance: np.ndarray, happened: np.ndarray) -> dict:
    """Brier score, AUC (None where all or none happened) and the reliability curve by tenths of the users."""
    parts = np.array_split(np.argsort(chance, kind="stable"), min(TENTHS, len(chance)))
    return _means(chance, happened) | {
        "brier": float(((chance - happened) ** 2).mean()),
        "auc": _or_none(auc(happened, chance)),
        "curve_predicted": [float(chance[part].mean()) for part in parts],
        "curve_observed": [float(happened[part].mean()) for part in parts],
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _categories(predictions: pa.Table, truth: Outcomes, buyers: np.ndarray) -> list[dict]:
    """Precision and recall of next_categories over buyers for whom they were predicted."""
    column = predictions["next_categories"].combine_chunks()
    kept = np.flatnonzero(buyers & column.is_valid().to_numpy(zero_copy_only=False))
    if not len(kept):
        return []
    place = {name: index for index, name in enumerate(truth.categories)}
    counts = []
    for user, names in zip(kept, column.take(pa.array(kept)).to_pylist(), strict=True):
        bought = set(truth.lines_UC[user].indices)
        counts.append((sum(place.get(name) in bought for name in names), len(names), max(len(bought), 1)))
    hits, named, asked = np.array(counts).T
    return [{"prediction": "next_categories", "users": len(kept), "precision": float((hits / named).mean()),
             "recall": float((hits / asked).mean())}]  # fmt: skip


def line(row: dict) -> str:
    """A row as a sentence of a report."""
    numbers = ", ".join(f"{key} {row[key]:.4f}" for key in QUALITIES if row.get(key) is not None)
    means = f"; predicted {row['predicted']:.3f}, happened {row['observed']:.3f}" if "observed" in row else ""
    return f"{row['prediction']}, {row['slice']}, {row['users']:,} users: {numbers or 'see means'}{means}"


def logged(rows: list[dict], prefix: str) -> dict[str, float]:
    """Metrics of an MLflow run: `prefix.prediction.quality` of everybody."""
    everybody = [row for row in rows if row["slice"] == EVERYBODY]
    return {f"{prefix}.{row['prediction']}.{key}": row[key] for row in everybody for key in QUALITIES
            if row.get(key) is not None}  # fmt: skip
