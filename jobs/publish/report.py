"""report: the pictures and tables of a night as one HTML page, and in MLflow. Needs no JVM."""

from __future__ import annotations

import base64
import io as bytes_io
import os
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from jobs.errors import DataError, UsageError
from jobs.lake import pages, sql
from jobs.publish import pictures
from jobs.settings import Settings

_MAP_USERS = 5000
EXPERIMENT = "huaxiang-nightly"
NEAR_DUPLICATE = 0.8  # Jaccard of two audiences from which on the page names them, as conf/checks does


def _ask(s: Settings, query: str) -> pd.DataFrame:
    return sql.connect(s.warehouse, query).sql(query).df()


def _ask_where_written(s: Settings, query: str) -> pd.DataFrame:
    """The answer, or no rows where a table of the query was never written."""
    try:
        return _ask(s, query)
    except UsageError:
        return pd.DataFrame()


def read_night(s: Settings) -> dict[str, pd.DataFrame]:
    """The night's tables; DataError where it was not published."""
    day = f"ds = DATE '{s.ds}'"
    run = _ask(s, f"SELECT * FROM ops.runs WHERE {day} ORDER BY published_at DESC LIMIT 1")
    if run.empty:
        raise DataError(f"expected a published night {s.ds} in ops.runs, found none; run publish first")
    segments = _ask(s, f"SELECT * FROM gold.segments WHERE {day} ORDER BY size DESC, segment_id")
    alive = segments["status"] != "died"
    return {
        "run": run,
        "segments": segments[alive].reset_index(drop=True),
        "ended": segments[~alive],
        "changes": _ask(s, "SELECT from_segment_id, to_segment_id, change, cause, count(*) AS users"
                           f" FROM gold.segment_changes WHERE {day} GROUP BY ALL ORDER BY users DESC, 1, 2"),
        "stages": _ask(s, f"SELECT lifecycle_stage, count(*) AS users FROM gold.user_profiles WHERE {day} GROUP BY ALL"
                          " ORDER BY users DESC"),
        "stage_moves": _ask(s, "SELECT previous_lifecycle_stage AS old, lifecycle_stage AS new,"
                               " lifecycle_cause AS cause, count(*) AS users FROM gold.user_profiles"
                               f" WHERE {day} AND lifecycle_cause IS NOT NULL GROUP BY ALL ORDER BY users DESC, 1, 2"),
        "tags": _ask(s, f"SELECT * FROM gold.tags WHERE {day} ORDER BY kind, users DESC, tag"),
        "audiences": _ask(s, f"SELECT * FROM gold.audiences WHERE {day} ORDER BY size DESC, audience_id"),
        "overlaps": _ask(s, f"SELECT * FROM gold.audience_overlap WHERE {day} AND jaccard >= {NEAR_DUPLICATE}"
                            " ORDER BY jaccard DESC, audience_id, other_id"),
        "offers": _ask_where_written(s, "SELECT r.*, p.title, p.category FROM gold.recommendations r LEFT JOIN"
                      f" silver.products p USING (product_id) WHERE {day} AND user_id = (SELECT user_id FROM"
                      f" gold.recommendations WHERE {day} AND score IS NOT NULL ORDER BY md5(user_id) LIMIT 1)"
                       " ORDER BY rank"),
        "hits": _ask_where_written(s, "SELECT * FROM ops.recommendation_accuracy WHERE days = 28 AND purchases = 'all'"
                    f" AND ds = (SELECT max(ds) FROM ops.recommendation_accuracy WHERE ds < DATE '{s.ds}')"
                     " ORDER BY recall_10 DESC, method"),
        "checks": _ask(s, 'SELECT "table", severity, count(*) AS expectations, count(*) FILTER (success) AS met'
                          f" FROM ops.quality_results WHERE {day} GROUP BY ALL ORDER BY 1, 2"),
        "flags": _ask(s, 'SELECT "table", "column", expectation, severity, threshold, observed FROM ops.quality_results'
                         f" WHERE {day} AND NOT success ORDER BY severity, 1, 2"),
    }  # fmt: skip


def _cells(column: pd.Series) -> list:
    """Lists or maps; None for a null, whichever of its kinds pandas took."""
    return [None if cell is pd.NA or isinstance(cell, float) else cell for cell in column]


def model_inputs(rows: pd.DataFrame, model: dict) -> np.ndarray:
    """(users, inputs) what the segments were told apart by; see jobs/segments/assign.py for the same in Spark."""
    columns = []
    for k, name in enumerate(model["inputs"]):
        if name.startswith("emb:"):
            values = np.array([vector[int(name[4:])] for vector in rows["embedding"]], dtype=np.float64)
        elif name.startswith("exp:"):
            values = np.array([np.nan if cell is None else cell[int(name[4:])] for cell in _cells(rows["expected"])])
        elif name.startswith("dept:"):
            shares = [{} if cell is None else dict(cell) for cell in _cells(rows["department_shares_365d"])]
            values = np.array([share.get(name[5:], np.nan) for share in shares], dtype=np.float64)
        else:
            values = rows[name].astype("float64").to_numpy(copy=True)
        values = np.where(np.isnan(values), model["fill"][k], values)
        if model["log_scaled"][k]:
            values = np.log1p(np.maximum(values, 0))
        columns.append((values - model["mean"][k]) / model["scale"][k])
    return np.stack(columns, axis=1)


def _read_of(inputs: list[str]) -> dict[str, list[str]]:
    """The columns that a model's inputs are read from, by table of gold."""
    of_prefix = {"exp:": ("predictions", "expected"), "emb:": ("user_embeddings", "embedding"),
                 "dept:": ("user_features", "department_shares_365d")}  # fmt: skip
    found: dict[str, list[str]] = {}
    for name in inputs:
        table, column = next((at for start, at in of_prefix.items() if name.startswith(start)), ("user_features", name))
        if column not in found.setdefault(table, []):
            found[table].append(column)
    return found


def project(s: Settings, most: int = _MAP_USERS) -> pd.DataFrame:
    """x, y, segment_id of at most `most` users, by t-SNE of the inputs (van der Maaten and Hinton, JMLR 2008)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    version = f"(SELECT max(model_version) FROM gold.user_embeddings WHERE ds = DATE '{s.ds}')"
    model = _ask(s, f"SELECT * FROM gold.segment_models WHERE model_version = {version} LIMIT 1").iloc[0].to_dict()
    # The few users first, and of them only what the model reads: both matter where there are a million.
    columns, joins = ["few.segment_id"], []
    for table, names in _read_of(model["inputs"]).items():
        columns += [f'{table}."{name}"' for name in names]
        joins.append(f"JOIN (SELECT * FROM gold.{table} WHERE ds = DATE '{s.ds}') {table} USING (user_id)")
    rows = _ask(s, f"WITH few AS (SELECT user_id, segment_id FROM gold.user_segments WHERE ds = DATE '{s.ds}'"
                   f" ORDER BY md5(user_id) LIMIT {most}) SELECT {', '.join(columns)} FROM few {' '.join(joins)}"
                   " ORDER BY md5(user_id)")  # fmt: skip
    inputs = model_inputs(rows, model)
    if len(rows) < 50:  # too few for neighbourhoods
        flat = PCA(n_components=2, random_state=0).fit_transform(inputs)
    else:
        start = PCA(n_components=min(16, *inputs.shape), random_state=0).fit_transform(inputs)
        flat = TSNE(init="pca", perplexity=30, max_iter=400, random_state=0, n_jobs=1).fit_transform(start)
    return pd.DataFrame({"x": flat[:, 0], "y": flat[:, 1], "segment_id": rows["segment_id"]})


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


def log_to_mlflow(s: Settings, night: dict[str, pd.DataFrame], images: dict[str, bytes], page: Path) -> str:
    """Log the night to MLflow where MLFLOW_TRACKING_URI is set; says what was done."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return "MLFLOW_TRACKING_URI is not set: not logged to MLflow"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    run = night["run"].iloc[0]
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{s.ds}") as active:
        mlflow.set_tags({"ds": str(s.ds), "run_id": run["run_id"], "git_sha": run["git_sha"],
                         "model_version": run["model_version"]})  # fmt: skip
        sizes = {f"size_{r.segment_id}": float(r.size) for r in night["segments"].itertuples(index=False)}
        counts = (
            "rows_in",
            "rows_loaded",
            "rows_duplicate",
            "rows_quarantined",
            "users",
            "checks_passed",
            "checks_warned",
        )
        mlflow.log_metrics({name: float(run[name]) for name in counts} | sizes)
        mlflow.log_artifact(str(page))
        for name in images:
            mlflow.log_artifact(str(page.parent / f"{s.ds}_{name}.png"))
        shown = night["segments"].drop(columns=["traits", "parents", "successors", "journeys"]).astype(str)
        mlflow.log_table(shown.to_dict("list"), "segments.json")
        return f"MLflow run {active.info.run_id} in {EXPERIMENT}"


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
    return f"report {s.ds}: {page}; {log_to_mlflow(s, night, images, page)}"
