"""report: the pictures and tables of a night as one HTML page, and in MLflow. Needs no JVM."""

from __future__ import annotations

import base64
import io as bytes_io
from collections.abc import Iterable
from pathlib import Path

import jinja2
import pandas as pd

from jobs.lake import pages
from jobs.language import MODEL, TABLED, Further, Pages, words
from jobs.publish import pictures
from jobs.publish.page import Page
from jobs.publish.reading import read_night
from jobs.publish.tracking import log_to_mlflow
from jobs.publish.user_map import project
from jobs.settings import Settings
from jobs.sources.spec import load


def draw(page: Page, night: dict[str, pd.DataFrame], points: pd.DataFrame) -> dict[str, bytes]:
    """PNG by name, in the words of the page."""
    segments, words = night["segments"], page.words
    labels = [pictures.label(group, page.names[group]) for group in segments["segment_id"]]
    segments = segments.assign(label=labels, traits=[page.traits(row) for row in segments["traits"]])
    figures = {
        "segment_sizes": pictures.segment_sizes(segments, words),
        "segment_spend": pictures.segment_spend(segments, words),
        "traits": pictures.trait_heat_map(segments, words),
        "user_map": pictures.user_map(points, segments, words),
    }
    moved = night["changes"][night["changes"]["change"] == "move"]
    if len(moved):
        gone = words.page["gone"]
        short = segments.set_index("segment_id")["label"]
        moved = moved.assign(from_label=moved["from_segment_id"].map(short), to_label=moved["to_segment_id"].map(short))
        figures["moves"] = pictures.moves(
            moved.fillna(dict.fromkeys(("from_label", "to_label"), gone)), segments, words
        )
    images = {}
    for name, figure in figures.items():
        buffer = bytes_io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        images[name] = buffer.getvalue()
        pictures.plt.close(figure)
    return images


def render(page: Page, images: dict[str, bytes], files: dict[str, str]) -> str:
    """The page as one HTML file that needs nothing else. files: of all languages."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    encoded = {name: base64.b64encode(png).decode() for name, png in images.items()}
    others = [
        {"code": other, "file": file, "name": words(other).name} for other, file in files.items() if other != page.code
    ]
    gap = " " if page.words.spaced else ""  # between sentences
    told = {"ds": page.s.ds, "code": page.code, "t": page.words.page, "others": others, "images": encoded, "gap": gap}
    return environment.get_template("report.html.j2").render(told, **page.sections())


def _further(languages: Iterable[str]) -> dict[str, Further]:
    """What further languages say of audiences, by audience; read where a page is in one."""
    if {*languages} <= {*TABLED}:
        return {}
    from jobs.audiences import Book  # a second, which other pages do not need

    return {audience: definition.further for audience, definition in Book.load().by_id.items()}


def run(s: Settings) -> str:
    """Write the page in each language, and its pictures, to the warehouse's report folder and log them to MLflow."""
    night = read_night(s)
    points = project(s)
    folder = pages.local_folder(s.warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    source, names, files = load(s.source), Pages.load().files(s.ds), list[Path]()
    labels, audiences = source.category_labels(), _further(names)
    for code, name in names.items():
        page = Page(s, night, code, labels, audiences)
        # Where no font has the language's letters, its pictures are in English.
        drawn = page if pictures.writes(page.words.page["sizes"]) else Page(s, night, MODEL, labels)
        images = draw(drawn, night, points)
        files.append(folder / name)
        files[-1].write_text(render(page, images, names), encoding="utf-8")
        for picture, png in images.items():
            files.append(files[-1].with_name(f"{Path(name).stem}_{picture}.png"))
            files[-1].write_bytes(png)
    return f"report {s.ds}: {files[0]}; {log_to_mlflow(s, night, files)}"
