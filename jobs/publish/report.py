"""report: the pictures and tables of a night as one HTML page, and in MLflow. Needs no JVM."""

from __future__ import annotations

import base64
import io as bytes_io
from datetime import date
from pathlib import Path

import jinja2
import pandas as pd
from pydantic import Field

from jobs.conf import CONF, Strict, read
from jobs.errors import UsageError
from jobs.lake import pages
from jobs.language import Labels, languages, words
from jobs.publish import pictures
from jobs.publish.page import Page
from jobs.publish.reading import read_night
from jobs.publish.tracking import log_to_mlflow
from jobs.publish.user_map import project
from jobs.settings import Settings
from jobs.sources.spec import load


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


class Pages(Strict):
    """conf/pages.yaml: the languages of the page; the first is that of <ds>.html."""

    languages: list[str] = Field(min_length=1)

    @classmethod
    def load(cls, path: Path = CONF / "pages.yaml") -> Pages:
        """Of the file; UsageError where a language has no words."""
        pages = read(path, cls, "list of languages")
        if unknown := [code for code in pages.languages if code not in languages()]:
            raise UsageError(f"expected languages of {', '.join(languages())} in {path}, found {', '.join(unknown)}")
        return pages

    def files(self, ds: date) -> dict[str, str]:
        """The name of a night's page by language."""
        return {code: f"{ds}.html" if code == self.languages[0] else f"{ds}.{code}.html" for code in self.languages}


def render(
    s: Settings, night: dict[str, pd.DataFrame], images: dict[str, bytes], code: str, files: dict[str, str],
    labels: Labels,
) -> str:  # fmt: skip
    """The page in the language `code`: one HTML file that needs nothing else. files: of all languages."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    encoded = {name: base64.b64encode(png).decode() for name, png in images.items()}
    others = [
        {"code": other, "file": file, "name": words(other).name} for other, file in files.items() if other != code
    ]
    return environment.get_template("report.html.j2").render(
        ds=s.ds, code=code, t=words(code).page, others=others, images=encoded, **Page(s, night, code, labels).sections()
    )


def run(s: Settings) -> str:
    """Write the page in each language, and its pictures, to the warehouse's report folder and log them to MLflow."""
    night = read_night(s)
    images = draw(night, project(s))
    folder = pages.local_folder(s.warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    source, names = load(s.source), Pages.load().files(s.ds)
    for code, name in names.items():
        page = render(s, night, images, code, names, Labels(source.labels, source.labels_zh))
        (folder / name).write_text(page, encoding="utf-8")
    for name, png in images.items():
        (folder / f"{s.ds}_{name}.png").write_bytes(png)
    files = [*(folder / name for name in names.values()), *(folder / f"{s.ds}_{name}.png" for name in images)]
    return f"report {s.ds}: {files[0]}; {log_to_mlflow(s, night, files)}"
