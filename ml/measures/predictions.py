"""How good predictions of a day were, held against what users did in the 28 days after it."""

from __future__ import annotations

import datetime
import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import roc_auc_score

from ml.data.outcomes import Outcomes

EVERYBODY = "all"
TENTHS = 10
SCORED = ["user_id", "churn_28d", "purchase_7d", "purchase_14d", "purchase_28d", "spend_28d", "days_to_next_order",
          "next_categories", "expected", "slice", "model_version"]  # fmt: skip


def scores(predictions: pa.Table, truth: Outcomes) -> list[dict]:
    """One row a prediction and slice (EVERYBODY first); users whose prediction was refused are not scored."""
    slice_U = np.array(predictions["slice"].fill_null("").to_pylist(), object)
    found = []
    for name in (EVERYBODY, *sorted(set(slice_U) - {""})):
        here = np.ones(len(slice_U), bool) if name == EVERYBODY else slice_U == name
        found += [{"slice": name, **row} for row in _slice(predictions, truth, here)]
    return found


def _slice(predictions: pa.Table, truth: Outcomes, here: np.ndarray) -> list[dict]:
    days = truth.first_day
    events = {
        "churn_28d": np.isnan(days),
        "purchase_7d": days <= 7,
        "purchase_14d": days <= 14,
        "purchase_28d": days <= 28,
    }
    found = []
    for name, happened in events.items():
        chance, kept = _column(predictions, name, here)
        if kept.any():
            found.append({"prediction": name, **probability(chance[kept], happened[kept])})
    money, kept = _column(predictions, "spend_28d", here)
    if kept.any():
        expected = predictions["expected"].combine_chunks()
        log_spend = pc.list_element(expected, 0).to_numpy(zero_copy_only=False)
        found.append({"prediction": "spend_28d", **_means(money[kept], truth.spend[kept]),
                      "r2": r2(log_spend[kept], np.log1p(truth.spend[kept]))})  # fmt: skip
    day, kept = _column(predictions, "days_to_next_order", here)
    if kept.any():  # a median: half of them should have ordered by then; of the day itself, the part that is named
        whole = np.floor(day)
        by_then = np.where(days <= whole, 1.0, np.where(days == whole + 1, day - whole, 0.0))[kept]
        found.append({"prediction": "days_to_next_order", **_means(np.full(kept.sum(), 0.5), by_then)})
    found += _categories(predictions, truth, here & ~truth.silent)
    return found


def _column(predictions: pa.Table, name: str, here: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = predictions[name].to_numpy().astype(np.float64)
    return values, here & ~np.isnan(values)


def _means(predicted: np.ndarray, observed: np.ndarray) -> dict:
    return {"users": len(observed), "predicted": float(predicted.mean()), "observed": float(observed.mean())}


def probability(chance: np.ndarray, happened: np.ndarray) -> dict:
    """Brier score, AUC (None where all or none happened) and the reliability curve by tenths of the users."""
    both = 0 < happened.sum() < len(happened)
    parts = np.array_split(np.argsort(chance, kind="stable"), min(TENTHS, len(chance)))
    return _means(chance, happened) | {
        "brier": float(((chance - happened) ** 2).mean()),
        "auc": float(roc_auc_score(happened, chance)) if both else None,
        "curve_predicted": [float(chance[part].mean()) for part in parts],
        "curve_observed": [float(happened[part].mean()) for part in parts],
    }


def r2(predicted: np.ndarray, y: np.ndarray) -> float | None:
    spread = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - predicted) ** 2).sum() / spread) if spread else None


def _categories(predictions: pa.Table, truth: Outcomes, buyers: np.ndarray) -> list[dict]:
    """Precision and recall of next_categories over buyers for whom they were predicted."""
    column = predictions["next_categories"].combine_chunks()
    kept = np.flatnonzero(buyers & column.is_valid().to_numpy(zero_copy_only=False))
    if not len(kept):
        return []
    place = {name: index for index, name in enumerate(truth.categories)}
    hits, asked = [], []
    for user, named in zip(kept, column.take(pa.array(kept)).to_pylist(), strict=True):
        bought = set(truth.lines_UC[user].indices)
        hits.append(sum(place.get(name) in bought for name in named))
        asked.append((len(named), max(len(bought), 1)))
    hit, (said, bought) = np.array(hits), np.array(asked).T
    return [{"prediction": "next_categories", "users": len(kept), "precision": float((hit / said).mean()),
             "recall": float((hit / bought).mean())}]  # fmt: skip


def picture(rows: list[dict], title: str):
    """Reliability curves of everybody's probabilities: on the diagonal is right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for row in rows:
        if row["slice"] == EVERYBODY and row.get("curve_predicted"):
            label = f"{row['prediction']}, Brier {row['brier']:.3f}"
            axes.plot(row["curve_predicted"], row["curve_observed"], marker="o", markersize=4, label=label)
    axes.set(xlabel="predicted", ylabel="happened", title=title)
    axes.legend()
    return figure


def line(row: dict) -> str:
    """A row as a sentence of a report."""
    numbers = ", ".join(f"{key} {row[key]:.4f}" for key in ("brier", "auc", "r2", "precision", "recall")
                        if row.get(key) is not None)  # fmt: skip
    means = f"; predicted {row['predicted']:.3f}, happened {row['observed']:.3f}" if "observed" in row else ""
    return f"{row['prediction']}, {row['slice']}, {row['users']:,} users: {numbers or 'see means'}{means}"


def log(rows: list[dict], ds: datetime.date) -> str:
    """To MLflow where MLFLOW_TRACKING_URI is set; says what was done."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    import mlflow

    from ml.common.registry import NIGHTLY

    mlflow.set_experiment(NIGHTLY)
    with mlflow.start_run(run_name=f"accuracy {ds}", tags={"ds": str(ds)}) as run:
        mlflow.log_figure(picture(rows, f"predictions of {ds}, live"), "reliability.png")
        keys = ("brier", "auc", "r2", "precision", "recall")
        mlflow.log_metrics({f"live.{row['prediction']}.{key}": row[key] for row in rows for key in keys
                            if row["slice"] == EVERYBODY and row.get(key) is not None})  # fmt: skip
        return f"MLflow run {run.info.run_id} in {NIGHTLY}"
