"""Rows of gold.segment_models: what each segment of a model is."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.heads.taste import Taste
from ml.segments.continuity import Identity
from ml.segments.inputs import DEPARTMENT, Users
from ml.segments.model import SegmentModel
from ml.segments.rules import rule
from ml.segments.settings import SegmentConfig
from ml.segments.terms import terms


def rows(
    model: SegmentModel, users: Users, identities: list[Identity], config: SegmentConfig, version: str,
    fitted_ds: datetime.date, tastes: Taste | None = None,
) -> pa.RecordBatch:  # fmt: skip
    """One row a segment, exactly gold.segment_models, by segment id.

    identities: of the model's segments, in their order. tastes: of the model's heads, for the rules.
    """
    labels, scaler = model.assign(users), model.scaler
    names = [*config.rule, *(name for name in scaler.inputs if name.startswith(DEPARTMENT))]
    raw = users.raw(names)
    fill = dict(zip(scaler.inputs, scaler.fill, strict=True))
    middle = [fill.get(name, np.nanmedian(np.append(column, 0))) for name, column in zip(names, raw.T, strict=True)]
    speaking, values = terms(users, names, np.where(np.isnan(raw), middle, raw), tastes)
    shared = {name: getattr(scaler, name).tolist() for name in ("fill", "log_scaled", "mean", "scale")}
    segments = []
    for index, identity in enumerate(identities):
        conditions = rule(values, speaking, labels == index)
        segments.append({
            "model_version": version, "segment_id": identity.segment_id, "center": model.centers_KJ[index].tolist(),
            "inputs": scaler.inputs, **shared, "parents": identity.parents, "status": identity.status,
            "rule": conditions.text, "rule_zh": conditions.text_zh, "rule_fidelity": conditions.fidelity,
            "conditions": conditions.conditions,
            "fitted_ds": fitted_ds,
        })  # fmt: skip
    return pa.RecordBatch.from_pylist(
        sorted(segments, key=lambda row: row["segment_id"]), lake.arrow_schema(SEGMENT_MODELS)
    )
