"""Users as points in the plane: who behaves alike lies near."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.publish.reading import ask
from jobs.segments import SegmentModel, model_rows
from jobs.settings import Settings

_USERS = 2000  # as many points as a picture of this size shows
_NEIGHBOURHOODS = 50  # users from which on there are any to keep


def _inputs(s: Settings, most: int) -> tuple[pd.DataFrame, np.ndarray]:
    """segment_id of at most `most` users, and what the model of the night tells them apart by (users, inputs)."""
    night = f"ds = DATE '{s.ds}'"
    version = ask(s, f"SELECT max(model_version) AS version FROM gold.user_embeddings WHERE {night}")["version"][0]
    model = SegmentModel.from_rows(version, model_rows(s, version))
    # The few users first, and of them only what the model reads: both matter where there are a million.
    places = dict.fromkeys((number.place.table.name, number.place.column) for number in model.inputs)
    columns = ", ".join(f'{table}."{column}"' for table, column in places)
    joins = " ".join(
        f"JOIN (SELECT * FROM gold.{table} WHERE {night}) {table} USING (user_id)"
        for table in dict.fromkeys(table for table, _ in places)
    )
    few = f"SELECT user_id, segment_id FROM gold.user_segments WHERE {night} ORDER BY md5(user_id) LIMIT {most}"
    rows = ask(s, f"WITH few AS ({few}) SELECT few.segment_id, {columns} FROM few {joins} ORDER BY md5(user_id)")
    return rows[["segment_id"]], np.stack([number.in_pandas(rows) for number in model.inputs], axis=1)


def project(s: Settings, most: int = _USERS) -> pd.DataFrame:
    """x, y, segment_id of at most `most` users, by t-SNE of the inputs (van der Maaten and Hinton, JMLR 2008)."""
    rows, inputs = _inputs(s, most)
    flat = in_the_plane(inputs)
    return rows.assign(x=flat[:, 0], y=flat[:, 1])


def in_the_plane(inputs: np.ndarray) -> np.ndarray:
    """(users, 2); the second number is 0 where there are no two directions to tell."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if len(inputs) < 2:
        return np.zeros((len(inputs), 2))
    if len(inputs) < _NEIGHBOURHOODS:
        flat = PCA(n_components=min(2, *inputs.shape), random_state=0).fit_transform(inputs)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    start = PCA(n_components=min(16, *inputs.shape), random_state=0).fit_transform(inputs)
    return TSNE(init="pca", perplexity=30, max_iter=400, angle=0.8, random_state=0, n_jobs=1).fit_transform(start)
