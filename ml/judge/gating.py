"""Whether a trained snapshot is better than the champion by more than noise."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from jobs.tables import SILVER_EVENTS, USER_SEQUENCES
from ml.common import lake
from ml.common.hashing import stable_hash
from ml.data import outcomes
from ml.data.outcomes import HORIZON
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.data.snapshot import Snapshot
from ml.judge.held_out_week import held_out
from ml.judge.probing import difference
from ml.judge.questions import of_future
from ml.judge.readings import block, readings
from ml.measures.metrics import bootstrap, folds
from ml.measures.next_product import model_scorer, score
from ml.transformer.encoder import Encoder

PROBED = 20_000  # users, by a hash of the id


def ndcg_by_user(folder: Path, snapshot: Snapshot) -> dict[str, float]:
    """ndcg@10 of each user of the held-out week by the model in `folder`."""
    encoder = Encoder.load(folder, snapshot.products())
    task = held_out(snapshot, encoder)
    users = np.array(task.sequences.user_ids.to_pylist(), object)[task.users]
    return dict(zip(users, score(task, model_scorer(encoder, task), encoder.catalogue).ndcg, strict=True))


def probe_day(snapshot: Snapshot) -> datetime.date:
    """The newest day whose 28 days after are over at the snapshot."""
    return snapshot.ds - datetime.timedelta(days=HORIZON)


def vectors_of(folder: Path, snapshot: Snapshot) -> tuple[pa.Array, np.ndarray] | None:
    """Users of the day of the probes, by id, and their vectors by the model in `folder`; None where there are none."""
    encoder = Encoder.load(folder, snapshot.products())
    opened = lake.open_table(USER_SEQUENCES, snapshot.warehouse, snapshot.versions[USER_SEQUENCES.full_name])
    batches = lake.read_batches(opened, SEQUENCE_COLUMNS, probe_day(snapshot))
    sequences = pack(batches, encoder.catalogue, encoder.vocabularies)
    kept = np.argsort(stable_hash(sequences.user_ids), kind="stable")[:PROBED]
    if not len(kept):
        return None
    sequences = sequences.part(kept[np.argsort(sequences.user_ids.take(pa.array(kept)).to_numpy(zero_copy_only=False))])
    return sequences.user_ids, block(readings(encoder, sequences)[1])


def probe(challenger: Path, current: Path, snapshot: Snapshot) -> tuple[list[dict], str]:
    """A dict a probe: metric of both, the difference and its interval; and, where there is none, why."""
    day = probe_day(snapshot)
    if not lake.exists(SILVER_EVENTS, snapshot.warehouse) or (ours := vectors_of(challenger, snapshot)) is None:
        return [], f"no probes: gold.user_sequences or silver.events have nothing as of {day}"
    user_ids, vectors_UD = ours
    asked = of_future(outcomes.read(snapshot.warehouse, day, user_ids, loaded_until=snapshot.ds))
    if not asked:
        return [], f"no probes: {len(user_ids):,} users as of {day} are too few, or all of them did the same"
    theirs_UD, fold_U, found = vectors_of(current, snapshot)[1], folds(user_ids), []
    with threadpool_limits(1):
        for one in asked:
            now, before = (one.measure(one.out_of_fold([values], fold_U)) for values in (vectors_UD, theirs_UD))
            gain = difference(now, before, len(one.y), snapshot.config.train.seed)
            found.append({"probe": one.name, "metric": now(np.arange(len(one.y))), **gain})
    return found, ""


def decide(
    challenger: dict[str, float], current: dict[str, float], seed: int, probed: list[dict], why_not: str = ""
) -> dict[str, object]:
    """The decision and its evidence. why_not: there are no probes."""
    difference = np.array([challenger[user] - current[user] for user in sorted(challenger.keys() & current.keys())])
    low, high = bootstrap(lambda drawn: difference[drawn].mean(), len(difference), seed)
    interval = f"ndcg@10 {difference.mean():+.4f} against the champion, 95% interval {low:+.4f} .. {high:+.4f}"
    worse = [one["probe"] for one in probed if one["high"] < 0]
    promote = low > 0 and not worse
    verdict = "better by more than noise" if low > 0 else "not better by more than noise"
    said = [f"{one['probe']} {one['gain']:+.4f} ({one['low']:+.4f} .. {one['high']:+.4f})" for one in probed]
    probes_said = f"probes: {', '.join(said)}" if probed else why_not
    if worse:
        probes_said += f"; worse by more than noise: {', '.join(worse)}"
    return {
        "promote": promote,
        "reason": f"{interval}, {len(difference):,} users: {verdict}; {probes_said}",
        "probes": probed,
        "ndcg_10": float(np.mean(list(challenger.values()))),
        "champion_ndcg_10": float(np.mean(list(current.values()))),
        "interval": [low, high],
        "users": len(difference),
    }
