"""The night's pictures: every word of them is inside, whatever the names, and moves are told by segment."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from jobs.language import words
from jobs.publish import pictures

LONG = "Light spenders · narrow tastes · newcomers · fond of household & drugstore"
WORDS = words("en")
LONG_ZH = "低消费·品类集中·新客·偏爱日用药妆·久未购买"


def night(count: int, chinese: bool = False) -> pd.DataFrame:
    """Segments of `count` ids, every other one with the longest of names, and with sums as wide as they get."""
    rows = []
    for n in range(1, count + 1):
        long, short = (LONG_ZH, "日常") if chinese else (LONG, "Everyday")
        traits = [{"name": f"share of household & drugstore {k}", "z": (n * k) % 5 - 2.0} for k in range(20)]
        rows.append({"segment_id": n, "label": pictures.label(n, long if n % 2 else short), "size": 10**8 // n,
                     "share": 1 / count, "spend_28d": 9.9e11 / n, "traits": traits})  # fmt: skip
    return pd.DataFrame(rows)


def figures(segments: pd.DataFrame) -> dict:
    points = pd.DataFrame({"x": np.arange(50.0), "y": np.arange(50.0), "segment_id": np.arange(50) % len(segments) + 1})
    labels = segments["label"]
    changes = pd.DataFrame({"from_label": labels, "to_label": labels.iloc[::-1].to_numpy(), "users": 1_000_000})
    return {
        "sizes": pictures.segment_sizes(segments, WORDS), "spend": pictures.segment_spend(segments, WORDS),
        "traits": pictures.trait_heat_map(segments, WORDS), "map": pictures.user_map(points, segments, WORDS),
        "moves": pictures.moves(changes, segments, WORDS),
    }  # fmt: skip


@pytest.mark.parametrize(("count", "chinese"), [(2, False), (25, False), (25, True)])
def test_no_word_is_cut_off(count, chinese):
    for name, figure in figures(night(count, chinese)).items():
        figure.draw_without_rendering()
        whole = figure.bbox.padded(1)
        for text in figure.findobj(matplotlib.text.Text):
            if text.get_text() and text.get_visible():
                corners = text.get_window_extent().corners()
                assert all(whole.contains(*corner) for corner in corners), (name, text.get_text(), corners)
        pictures.plt.close(figure)


def test_labels_of_neighbouring_rows_do_not_touch():
    for name in ("sizes", "traits", "moves"):
        figure = figures(night(25, chinese=True))[name]
        figure.draw_without_rendering()
        boxes = sorted((t.get_window_extent() for t in figure.axes[0].get_yticklabels()), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 for low, high in pairwise(boxes)), name
        pictures.plt.close("all")


def test_moves_stand_by_id_and_whoever_ended_comes_last():
    labels = {n: pictures.label(n, f"Name {n}") for n in (1, 2, 3, 10)}
    segments = pd.DataFrame({"segment_id": [10, 2, 1, 3], "label": [labels[n] for n in (10, 2, 1, 3)]})
    moved = [("gone", labels[2], 7), (labels[10], labels[1], 5), (labels[2], labels[10], 3)]
    changes = pd.DataFrame(moved, columns=["from_label", "to_label", "users"])
    figure = pictures.moves(changes, segments, WORDS)
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "10", "gone"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [labels[1], labels[2], labels[10], "gone"]
    assert axes.images[0].get_array().tolist() == [[0, 0, 0, 0], [0, 0, 3, 0], [5, 0, 0, 0], [0, 7, 0, 0]]
    pictures.plt.close(figure)
