"""What the morning page shows of a night, read without a JVM from the tables as they were published."""

from __future__ import annotations

import pandas as pd

from jobs.errors import DataError, UsageError
from jobs.lake import sql
from jobs.settings import Settings

NEAR_DUPLICATE = 0.8  # Jaccard of two audiences from which on the page names them, as conf/checks does


def ask(s: Settings, query: str) -> pd.DataFrame:
    """The answer of DuckDB; UsageError where a table of the query was never written."""
    return sql.connect(s.warehouse, query).sql(query).df()


def _ask_where_written(s: Settings, query: str) -> pd.DataFrame:
    """The answer, or no rows where a table of the query was never written."""
    try:
        return ask(s, query)
    except UsageError:
        return pd.DataFrame()


def read_night(s: Settings) -> dict[str, pd.DataFrame]:
    """The night's tables; DataError where it was not published."""
    day = f"ds = DATE '{s.ds}'"
    run = ask(s, f"SELECT * FROM ops.runs WHERE {day} ORDER BY published_at DESC LIMIT 1")
    if run.empty:
        raise DataError(f"expected a published night {s.ds} in ops.runs, found none; run publish first")
    segments = ask(s, f"SELECT * FROM gold.segments WHERE {day} ORDER BY size DESC, segment_id")
    alive = segments["status"] != "died"
    version = segments["model_version"].max() if len(segments) else None
    return {
        "run": run,
        # All columns: model versions of long ago have no conditions.
        "rules": _ask_where_written(s, f"SELECT * FROM gold.segment_models WHERE model_version = '{version}'"),
        "written": _ask_where_written(s, "SELECT segment_id, language, answer FROM ops.portraits WHERE verdict ="
                         f" 'accepted' AND {day} AND run_id IN (SELECT run_id FROM gold.segments WHERE {day})"),
        "before": ask(s, f"SELECT max(ds) AS ds FROM ops.runs WHERE ds < DATE '{s.ds}' HAVING max(ds) IS NOT NULL"),
        "segments": segments[alive].reset_index(drop=True),
        "ended": segments[~alive],
        "changes": ask(s, "SELECT from_segment_id, to_segment_id, change, cause, count(*) AS users"
                           f" FROM gold.segment_changes WHERE {day} GROUP BY ALL ORDER BY users DESC, 1, 2"),
        "stages": ask(s, f"SELECT lifecycle_stage, count(*) AS users FROM gold.user_profiles WHERE {day} GROUP BY ALL"
                          " ORDER BY users DESC"),
        "stage_moves": ask(s, "SELECT previous_lifecycle_stage AS old, lifecycle_stage AS new,"
                               " lifecycle_cause AS cause, count(*) AS users FROM gold.user_profiles"
                               f" WHERE {day} AND lifecycle_cause IS NOT NULL GROUP BY ALL ORDER BY users DESC, 1, 2"),
        "tags": ask(s, f"SELECT * FROM gold.tags WHERE {day} ORDER BY kind, users DESC, tag"),
        "audiences": ask(s, f"SELECT * FROM gold.audiences WHERE {day} ORDER BY size DESC, audience_id"),
        "overlaps": ask(s, f"SELECT * FROM gold.audience_overlap WHERE {day} AND jaccard >= {NEAR_DUPLICATE}"
                            " ORDER BY jaccard DESC, audience_id, other_id"),
        "offers": _ask_where_written(s, "SELECT r.*, p.title, p.category FROM gold.recommendations r LEFT JOIN"
                      f" silver.products p USING (product_id) WHERE {day} AND user_id = (SELECT user_id FROM"
                      f" gold.recommendations WHERE {day} AND score IS NOT NULL ORDER BY md5(user_id) LIMIT 1)"
                       " ORDER BY rank"),
        "hits": _ask_where_written(s, "SELECT * FROM ops.recommendation_accuracy WHERE days = 28 AND purchases = 'all'"
                    f" AND ds = (SELECT max(ds) FROM ops.recommendation_accuracy WHERE ds < DATE '{s.ds}')"
                     " ORDER BY recall_10 DESC, method"),
        "checks": ask(s, 'SELECT "table", severity, count(*) AS expectations, count(*) FILTER (success) AS met'
                          f" FROM ops.quality_results WHERE {day} GROUP BY ALL ORDER BY 1, 2"),
        "flags": ask(s, 'SELECT "table", "column", expectation, severity, threshold, observed FROM ops.quality_results'
                         f" WHERE {day} AND NOT success ORDER BY severity, 1, 2"),
    }  # fmt: skip
