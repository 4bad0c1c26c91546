"""What probes are asked: what users did in the next 28 days, and who they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ml.data.outcomes import Outcomes
from ml.judge.probing import CATEGORIES, Probe

LEAST = 20  # of the rarer outcome, without which nothing is probed
OLD = ("55-64", "65+")
RICH = ("75", "100", "125", "150", "175", "200", "250")  # a band's first number


def of_future(truth: Outcomes) -> list[Probe]:
    """churn, spend and category; those of which there is too little to learn are left out."""
    everybody, silent = np.arange(len(truth.lines)), truth.silent
    probes = []
    if LEAST <= silent.sum() <= len(silent) - LEAST:
        probes.append(Probe("churn", "auc", everybody, silent.astype(np.float64)))
        probes.append(Probe("spend", "r2", everybody, np.log1p(np.maximum(truth.spend, 0))))
    lines_UC = truth.largest(CATEGORIES).lines_UC.toarray()
    bought = np.flatnonzero(lines_UC.any(axis=1))
    if len(bought) >= LEAST and lines_UC.shape[1] > 1:
        probes.append(Probe("category", "ndcg", bought, lines_UC[bought]))
    return probes


def of_people(users: pa.Table) -> list[Probe]:
    """age, income and children, by rows of silver.users in the order of the users; null where there is none."""
    count = [dict(pairs or []).get("kids_count") for pairs in users["attributes"].to_pylist()]
    answered = {
        "age": [None if band is None else band in OLD for band in users["age_band"].to_pylist()],
        "income": [None if band is None else band.startswith(RICH) for band in users["income_band"].to_pylist()],
        "children": [None if kids is None else kids != "0" for kids in count],
    }
    probes = []
    for name, answers in answered.items():
        asked = np.array([index for index, answer in enumerate(answers) if answer is not None], np.int64)
        y = np.array([float(answers[index]) for index in asked])
        if LEAST <= y.sum() <= len(y) - LEAST:
            probes.append(Probe(name, "auc", asked, y))
    return probes
