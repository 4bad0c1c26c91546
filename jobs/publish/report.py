"""report: the pictures and tables of a night as one HTML page, and in MLflow. Needs no JVM."""

from __future__ import annotations

import base64
import io as bytes_io
from pathlib import Path

import jinja2
import pandas as pd

from jobs.lake import pages
from jobs.publish import pictures
from jobs.publish.reading import read_night
from jobs.publish.tracking import log_to_mlflow
from jobs.publish.user_map import project
from jobs.settings import Settings


def draw(night: dict[str, pd.DataFrame], points: pd.DataFrame) -> dict[str, bytes]:
    """PNG by name."""
    names = ["segment_id", "segment_name", *(["segment_name_zh"] if pictures.chinese_font() else [])]
    labels = [pictures.label(*row) for row in night["segments"][names].itertuples(index=False)]
    segments = night["segments"].assign(label=labels)
    figures = {
        "segment_sizes": pictures.segment_sizes(segments),
        "segment_spend": pictures.segment_spend(segments),
        "traits": pictures.trait_heat_map(segments),
        "user_map": pictures.user_map(points, segments),
    }
    moved = night["changes"][night["changes"]["change"] == "move"]
    if len(moved):
        short = segments.set_index("segment_id")["label"]
        moved = moved.assign(from_label=moved["from_segment_id"].map(short), to_label=moved["to_segment_id"].map(short))
        figures["moves"] = pictures.moves(moved.fillna({"from_label": "gone", "to_label": "gone"}), segments)
    images = {}
    for name, figure in figures.items():
        buffer = bytes_io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        images[name] = buffer.getvalue()
        pictures.plt.close(figure)
    return images


def render(s: Settings, night: dict[str, pd.DataFrame], images: dict[str, bytes]) -> str:
    """The page: one HTML file that needs nothing else."""
    folder = Path(__file__).parent
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
    encoded = {name: base64.b64encode(png).decode() for name, png in images.items()}
    tables = {name: frame.to_dict("records") for name, frame in night.items()}
    return environment.get_template("report.html.j2").render(ds=s.ds, images=encoded, **tables)


def run(s: Settings) -> str:
    """Write `<ds>.html` and its pictures to the warehouse's report folder and log them to MLflow."""
    night = read_night(s)
    images = draw(night, project(s))
    folder = pages.local_folder(s.warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{s.ds}.html"
    page.write_text(render(s, night, images), encoding="utf-8")
    for name, png in images.items():
        (folder / f"{s.ds}_{name}.png").write_bytes(png)
    files = [page, *(folder / f"{s.ds}_{name}.png" for name in images)]
    return f"report {s.ds}: {page}; {log_to_mlflow(s, night, files)}"
