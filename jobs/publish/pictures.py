"""The night's pictures, drawn by matplotlib: each function takes a frame and returns a figure.

A segment's `label` is that of the function of this name: its id, two spaces, and its name in one or several lines.
Titles and numbers are those of the language in `words`.
"""

from __future__ import annotations

import contextlib
import logging
import re
import textwrap

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure

from jobs.language import Catalogue

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells of weights that a font lacks
# Okabe and Ito's colours tell apart for colour-blind readers; the rest repeat them lighter.
_COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C00", "#999999",
            "#7FB8D8", "#F2CF80", "#80CEB9", "#E5BCD3"]  # fmt: skip
_CJK = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)
_EASTERN = re.compile(r"[\u2e80-\ud7ff\uf900-\ufaff]")  # Chinese, Japanese, Korean


def writes(text: str) -> bool:
    """Whether the machine has a font for the text; East Asian ones are used where they are there."""
    eastern = _eastern()
    if not eastern and _EASTERN.search(text):
        known = {font.fname for font in font_manager.fontManager.ttflist}  # as of matplotlib's first use, by its cache
        for file in {*font_manager.findSystemFonts()} - known:
            with contextlib.suppress(RuntimeError):  # a font that matplotlib cannot read
                font_manager.fontManager.addfont(file)
        eastern = _eastern()
    plt.rcParams["font.sans-serif"] = [*eastern, "DejaVu Sans"]
    plt.rcParams["axes.unicode_minus"] = False
    return bool(eastern) or not _EASTERN.search(text)


def _eastern() -> list[str]:
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _CJK if name in installed]


def label(segment_id: int, name: str) -> str:
    """A segment's id and name, in lines that leave the picture room."""
    wide = 20 if _EASTERN.search(name) else 36
    return f"{segment_id}  " + "\n".join(textwrap.wrap(name, wide, break_on_hyphens=False))


def colours(segment_ids: list[int]) -> dict[int, str]:
    """A colour for each segment; an id keeps its colour from night to night."""
    return {segment: _COLOURS[(segment - 1) % len(_COLOURS)] for segment in segment_ids}


def _tall(labels: pd.Series, least: float) -> float:
    """Inches of so many rows, in each of which the tallest of the labels has room."""
    return len(labels) * max(least, 0.08 + 0.16 * (1 + labels.str.count("\n").max()))


def _bare(axes, title: str) -> None:
    """The title, over the labels as well; and no box."""
    axes.figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _bars(segments: pd.DataFrame, value: str, texts: list[str], title: str) -> Figure:
    """segments: in the order of their bars, from the bottom; texts: at them."""
    frame = segments
    figure, axes = plt.subplots(figsize=(9, _tall(frame["label"], 0.4) + 0.6), layout="constrained")
    shade = colours(sorted(segments["segment_id"]))
    bars = axes.barh(frame["label"], frame[value].astype(float), color=[shade[i] for i in frame["segment_id"]])
    axes.bar_label(bars, labels=texts, padding=4, fontsize=9)
    axes.margins(x=0.7, y=0.01)  # room for the figures at the bars
    axes.tick_params(axis="y", labelsize=9)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    _bare(axes, title)
    return figure


def segment_sizes(segments: pd.DataFrame, words: Catalogue) -> Figure:
    """Users in each segment. `segments`: segment_id, label, size, share."""
    frame = segments.sort_values("size")
    rows = zip(frame["size"], frame["share"], strict=True)
    texts = [f"{words.whole(size)} ({words.percent(share)})" for size, share in rows]
    return _bars(frame, "size", texts, words.page["sizes"])


def segment_spend(segments: pd.DataFrame, words: Catalogue) -> Figure:
    """Money of each segment in the last 28 days, and the mean of a user. `segments`: also spend_28d."""
    frame = segments.assign(spend_28d=segments["spend_28d"].astype(float)).sort_values("spend_28d")
    a_head = words.page["a_customer"]
    texts = [
        f"{words.whole(spent)}   {a_head.format(spend=words.amount(spent / max(size, 1)))}"
        for spent, size in zip(frame["spend_28d"], frame["size"], strict=True)
    ]
    return _bars(frame, "spend_28d", texts, words.page["spends"])


def trait_heat_map(segments: pd.DataFrame, words: Catalogue, most: int = 16) -> Figure:
    """How far each segment's mean lies from all users, in standard deviations, for the traits that differ most."""
    rows = {
        row["label"]: {trait["name"]: trait["z"] for trait in row["traits"]} for row in segments.to_dict("records")
    }  # fmt: skip
    z = pd.DataFrame(rows).T
    z = z[z.abs().max().sort_values(ascending=False).index[:most]]
    figure, axes = plt.subplots(figsize=(11, max(5.0, _tall(segments["label"], 0.45) + 2.6)), layout="constrained")
    image = axes.imshow(z.to_numpy(), cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
    axes.set_xticks(range(z.shape[1]), z.columns, rotation=40, ha="right", fontsize=9)
    axes.set_yticks(range(len(z)), z.index, fontsize=9)
    for (i, j), value in np.ndenumerate(z.to_numpy()):
        axes.text(
            j, i, f"{value:+.1f}", ha="center", va="center", fontsize=7, color="white" if abs(value) > 1.3 else "black"
        )
    figure.colorbar(image, ax=axes, label=words.page["deviations"], shrink=0.8)
    _bare(axes, words.page["heat"])
    return figure


def user_map(points: pd.DataFrame, segments: pd.DataFrame, words: Catalogue) -> Figure:
    """Users in the plane, each segment's id in its middle. `points`: x, y, segment_id; near users behave alike."""
    lines = len(segments) + segments["label"].str.count("\n").sum()
    figure, axes = plt.subplots(figsize=(11, max(6.5, 0.19 * lines + 0.5)), layout="constrained")
    shade = colours(sorted(segments["segment_id"]))
    for row in segments.sort_values("size", ascending=False).to_dict("records"):
        users = points[points["segment_id"] == row["segment_id"]]
        axes.scatter(
            users["x"], users["y"], s=7, alpha=0.65, color=shade[row["segment_id"]], label=row["label"], linewidths=0
        )
        if len(users):  # colours repeat where there are many segments, numbers do not
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
            at = (users["x"].median(), users["y"].median())
            axes.annotate(str(row["segment_id"]), at, ha="center", va="center", fontsize=9, bbox=box)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, markerscale=2.5, frameon=False)
    _bare(axes, words.page["user_map"])
    return figure


def moves(changes: pd.DataFrame, segments: pd.DataFrame, words: Catalogue) -> Figure:
    """Who moved from where (rows) to where (columns, ids alone) since the night before, both ordered by id.

    changes: from_label, to_label, users. A label that no segment of tonight has comes last.
    """
    table = changes.pivot_table(index="from_label", columns="to_label", values="users", aggfunc="sum", fill_value=0)
    seen = {*table.index, *table.columns}
    known = [text for text in segments.sort_values("segment_id")["label"] if text in seen]
    both = [*known, *sorted(seen.difference(known))]
    table = table.reindex(index=both, columns=both, fill_value=0)
    figure, axes = plt.subplots(figsize=(9, _tall(pd.Series(both), 0.35) + 0.9), layout="constrained")
    axes.imshow(table.to_numpy(), cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(both)), [text.split("  ")[0] for text in both], fontsize=9)
    axes.set_yticks(range(len(both)), both, fontsize=9)
    highest = table.to_numpy().max()
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        if value:
            shade = "white" if value > highest / 2 else "black"
            axes.text(j, i, words.whole(value), ha="center", va="center", fontsize=8, color=shade)
    _bare(axes, words.page["from_to"])
    return figure
