"""Whether a trained snapshot is better than the champion by more than noise."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from jobs.tables import SILVER_EVENTS
from ml.common import lake
from ml.data import outcomes
from ml.data.snapshot import Snapshot
from ml.judge.held_out_week import held_out
from ml.judge.probing import difference
from ml.judge.questions import of_future
from ml.judge.readings import whole
from ml.measures.metrics import bootstrap, folds
from ml.measures.next_product import score
from ml.transformer import package
from ml.transformer.encoder import Encoder

PROBED = 20_000  # users, by a hash of the id


def ndcg_by_user(folder: Path, snapshot: Snapshot) -> dict[str, float]:
    """ndcg@10 of each user of the held-out week by the model in `folder`; empty where there is none."""
    encoder = Encoder.load(folder, snapshot.products())
    week = held_out(snapshot, encoder)
    if not len(week.users):
        return {}
    users = np.array(week.sequences.user_ids.to_pylist(), object)[week.users]
    ranked = score(week, encoder.next_product(week.sequences, week.history), encoder.catalogue)
    return dict(zip(users, ranked.ndcg, strict=True))


def unfair(current: Path, snapshot: Snapshot) -> str | None:
    """Why the champion in the folder `current` cannot be held against the snapshot: it trained on the held-out week."""
    if (until := package.cutoff(current)) <= snapshot.cutoff:
        return None
    return (
        f"the champion trained on events up to {until - datetime.timedelta(days=1)}, so on part of the week from "
        f"{snapshot.cutoff} that the snapshot of {snapshot.ds} holds out: take a snapshot of a later day"
    )


def probe_day(snapshot: Snapshot) -> datetime.date:
    """The last day before the held-out week: no model that is compared trained on what came after it."""
    return snapshot.cutoff - datetime.timedelta(days=1)


def vectors_of(folder: Path, snapshot: Snapshot) -> tuple[pa.Array, np.ndarray] | None:
    """Users of the day of the probes, by id, and their vectors by the model in `folder`, as gold.user_embeddings would
    hold them; None where there are none.
    """
    encoder, users = Encoder.load(folder, snapshot.products()), snapshot.sample(PROBED).sort_by("user_id")
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies, users)
    known = np.flatnonzero(sequences.lengths_until(probe_day(snapshot)))
    if not len(known):
        return None
    sequences = sequences.part(known)
    day = probe_day(snapshot)
    return sequences.user_ids, whole(encoder.vectors(sequences, day, sequences.lengths_until(day)))


def probe(challenger: Path, current: Path, snapshot: Snapshot) -> tuple[list[dict], str]:
    """A dict a probe: metric of the challenger, the difference and its interval; and, where there is none, why."""
    day = probe_day(snapshot)
    if not lake.exists(SILVER_EVENTS, snapshot.warehouse) or (ours := vectors_of(challenger, snapshot)) is None:
        return [], f"no probes: gold.user_sequences or silver.events have nothing as of {day}"
    user_ids, vectors_UD = ours
    days = (snapshot.ds - day).days
    probes = of_future(outcomes.read(snapshot.warehouse, day, user_ids, loaded_until=snapshot.ds, days=days))
    if not probes:
        return [], f"no probes: {len(user_ids):,} users as of {day} are too few, or all of them did the same"
    theirs_UD, fold_U, results = vectors_of(current, snapshot)[1], folds(user_ids), []
    with threadpool_limits(1):
        for asked in probes:
            now, before = (asked.measure(asked.out_of_fold([values], fold_U)) for values in (vectors_UD, theirs_UD))
            gain = difference(now, before, len(asked.y), snapshot.config.train.seed)
            results.append({"probe": asked.name, "metric": now(np.arange(len(asked.y))), **gain})
    return results, ""


def decide(
    challenger: dict[str, float], current: dict[str, float], seed: int, probed: list[dict], why_not: str = ""
) -> dict[str, object]:
    """The decision and its evidence. challenger, current: ndcg by user. probed, why_not: what `probe` gives."""
    gain_U = np.array([challenger[user] - current[user] for user in sorted(challenger.keys() & current.keys())])
    if not len(gain_U):
        reason = "nobody bought or viewed a product that both models know in the held-out week: nothing to compare"
        return {"promote": False, "reason": reason, "probes": probed, "interval": None, "users": 0}
    low, high = bootstrap(lambda drawn: gain_U[drawn].mean(), len(gain_U), seed)
    interval = f"ndcg@10 {gain_U.mean():+.4f} against the champion, 95% interval {low:+.4f} .. {high:+.4f}"
    worse = [result["probe"] for result in probed if result["high"] < 0]
    verdict = "better by more than noise" if low > 0 else "not better by more than noise"
    gains = [f"{result['probe']} {result['gain']:+.4f} ({result['low']:+.4f} .. {result['high']:+.4f})"
             for result in probed]  # fmt: skip
    evidence = f"probes: {', '.join(gains)}" if probed else why_not
    if worse:
        evidence += f"; worse by more than noise: {', '.join(worse)}"
    return {
        "promote": low > 0 and not worse,
        "reason": f"{interval}, {len(gain_U):,} users: {verdict}; {evidence}",
        "probes": probed,
        "ndcg_10": float(np.mean(list(challenger.values()))),
        "champion_ndcg_10": float(np.mean(list(current.values()))),
        "interval": [low, high],
        "users": len(gain_U),
    }
