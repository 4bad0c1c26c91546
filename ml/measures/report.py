"""Measures as a person reads them: tables in Markdown, and pictures.

matplotlib is imported by the pictures alone: it takes a second.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.measures.predictions import EVERYBODY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ml.measures.next_product import Scores
    from ml.measures.segment_value import SegmentValue

OURS = "ours"  # the name of our segments, our suggestions beside others
SUGGESTION_MEASURES = ("recall_10", "ndcg_10", "hit_rate_10", "precision_10")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def rankings_table(means: Mapping[str, Mapping[str, float]]) -> str:
    """A row a ranking."""
    names = list(next(iter(means.values())))
    rows = ([ranking, *(f"{row[name]:.4f}" for name in names)] for ranking, row in means.items())
    return markdown(["ranking", *names], rows)


def values_table(values: Mapping[str, SegmentValue]) -> str:
    """A row an assignment of users to segments."""
    rows = ([name, str(v.segments), f"{v.bits:.4f}", f"{v.eta2:.3f}", f"{v.auc:.3f}"] for name, v in values.items())
    return markdown(["assignment", "segments", "bits", "eta2", "AUC"], rows)


def suggestions_table(rows: Iterable[dict]) -> str:
    """A row a way to suggest, days and kind of purchases; rows: of ops.recommendation_accuracy."""
    cells = ([str(row["days"]), row["purchases"], row["method"], f"{row['users']:,}",
              *(f"{row[name]:.4f}" for name in SUGGESTION_MEASURES)] for row in rows)  # fmt: skip
    return markdown(["days", "purchases", "method", "users", *SUGGESTION_MEASURES], cells)


def probes_table(results: Iterable[dict], decimals: int = 3) -> str:
    """A row a row of inputs, a column a probe; a gain is bold where its interval lies above zero."""
    cells: dict[str, dict[str, str]] = {}
    for result in results:
        text = f"{result['metric']:.{decimals}f}"
        if "gain" in result:
            gain, low, high = (f"{result[name]:+.{decimals}f}" for name in ("gain", "low", "high"))
            gain = f"{gain} [{low}, {high}]"
            text += f" **{gain}**" if result["low"] > 0 else f" {gain}"
        cells.setdefault(result["row"], {})[result["probe"]] = text
    probes = list(dict.fromkeys(probe for row in cells.values() for probe in row))
    return markdown(["inputs", *probes], ([name, *(row[probe] for probe in probes)] for name, row in cells.items()))


def _subplots(*shape: int, **options: object) -> tuple:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(*shape, layout="constrained", **options)


def rankings_picture(scores: Mapping[str, Scores], title: str) -> Figure:
    """Left: mean ndcg@10 with its 95% interval. Right: share of users with one of the next products in the first k."""
    figure, (bars, curve) = _subplots(1, 2, figsize=(10, 4))
    names = list(scores)
    means = [ranking.ndcg.mean() for ranking in scores.values()]
    errors = [1.96 * ranking.ndcg.std() / np.sqrt(len(ranking.ndcg)) for ranking in scores.values()]
    bars.bar(names, means, yerr=errors, capsize=4, color=[f"C{k}" for k in range(len(names))])
    bars.set(title="ndcg@10", ylabel="mean over users, 95% interval")
    last = max(2, max(ranking.rank.max() for ranking in scores.values()))
    firsts = np.unique(np.geomspace(1, last, 60).astype(int))
    for name, ranking in scores.items():
        curve.plot(firsts, [(ranking.rank <= k).mean() for k in firsts], label=name)
    curve.set(
        title="a product of the next visit among the first k",
        xlabel="k",
        ylabel="share of users",
        xscale="log",
        ylim=(0, 1),
    )
    curve.legend()
    figure.suptitle(title)
    return figure


def reliability_picture(rows: Iterable[dict], title: str) -> Figure:
    """Reliability curves of everybody's probabilities: on the diagonal is right. rows: of ops.prediction_accuracy."""
    figure, axes = _subplots(figsize=(6, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    for row in rows:
        if row["slice"] == EVERYBODY and row.get("curve_predicted"):
            label = f"{row['prediction']}, Brier {row['brier']:.3f}"
            axes.plot(row["curve_predicted"], row["curve_observed"], marker="o", markersize=4, label=label)
    axes.set(xlabel="predicted", ylabel="happened", title=title)
    axes.legend()
    return figure


def values_picture(values: Mapping[str, SegmentValue], ds: datetime.date) -> Figure:
    """bits against eta2, AUC as the colour: up and to the right is better."""
    figure, axes = _subplots(figsize=(8, 5))
    measured = list(values.values())
    size = [140 if name == OURS else 50 for name in values]
    dots = axes.scatter([v.eta2 for v in measured], [v.bits for v in measured], c=[v.auc for v in measured], s=size,
                        cmap="viridis", edgecolors="black", linewidths=0.6)  # fmt: skip
    for name, v in values.items():
        axes.annotate(name, (v.eta2, v.bits), textcoords="offset points", xytext=(6, 4), fontsize=8)
    figure.colorbar(dots, label="AUC of 'no purchase'")
    axes.set(xlabel="eta2: variance of log(1 + spend) explained", ylabel="bits a purchase line on its category",
             title=f"What segments of {ds} say of the 28 days after")  # fmt: skip
    return figure
