"""Groups users by k-means and says what each group is: the rows of gold.segment_models.

Legend: U users, J inputs, K segments.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from jobs.tables import SEGMENT_MODELS
from ml.common import lake
from ml.common.cli import DataError
from ml.data.sequences import stable_hash
from ml.heads.taste import Taste
from ml.heads.trial import Trial
from ml.judge.measures import folds, value
from ml.segments.alignment import Turn, carried
from ml.segments.inputs import DEPARTMENT, EXPECTATIONS, KINDS, Block, Scaler, SegmentConfig, Users, fit_scaler
from ml.segments.matching import Identity, first_identities, identities, nearness
from ml.segments.rules import rule
from ml.segments.terms import terms

STABILITY_USERS = 20_000


@dataclass(frozen=True)
class SegmentModel:
    """Centres (K, J) in standardised inputs; `ids` names them once they are matched."""

    scaler: Scaler
    centers_KJ: np.ndarray
    ids: np.ndarray

    @classmethod
    def read(cls, warehouse: str, version: str) -> SegmentModel | None:
        """The rows of a model version, or None where there are none."""
        if not lake.exists(SEGMENT_MODELS, warehouse):
            return None
        found = lake.read(lake.open_table(SEGMENT_MODELS, warehouse), SEGMENT_MODELS.column_names)
        rows = found.filter(pc.field("model_version") == version).sort_by("segment_id").to_pylist()
        if not rows:
            return None
        columns = ("fill", "log_scaled", "mean", "scale")
        scaler = Scaler(rows[0]["inputs"], *(np.array(rows[0][name]) for name in columns))
        return cls(scaler, np.array([row["center"] for row in rows]), np.array([row["segment_id"] for row in rows]))

    def assign(self, users: Users) -> np.ndarray:
        """Index (U) of the nearest centre."""
        return nearest(self.scaler(users.raw(self.scaler.inputs)), self.centers_KJ)


def nearest(values_UJ: np.ndarray, centers_KJ: np.ndarray) -> np.ndarray:
    squared_UK = (centers_KJ**2).sum(axis=1) - 2 * values_UJ @ centers_KJ.T
    return squared_UK.argmin(axis=1)


@dataclass(frozen=True)
class Choice:
    """A number of segments, tried: mean adjusted Rand index against resamples, share of the smallest segment, and how
    useful it was on the trial's day (None without a trial).
    """

    k: int
    stability: float
    smallest: float
    centers_KJ: np.ndarray
    useful: float | None = None

    @property
    def merit(self) -> float:
        return self.stability if self.useful is None else self.useful


@dataclass(frozen=True)
class Before:
    """What the champion says of the same users: its segments `ids_K` with their centres in the new model's inputs, and
    the segment id of each user.
    """

    ids_K: np.ndarray
    centers_KJ: np.ndarray
    ids_U: np.ndarray

    @classmethod
    def of(cls, model: SegmentModel, users: Users, scaler: Scaler, turn: Turn) -> Before:
        """`users` with the champion's states, in the order in which the new model has them."""
        centers = carried(model.centers_KJ, model.scaler, scaler, turn)
        return cls(model.ids, centers, model.ids[model.assign(users)])


def try_k(values_UJ: np.ndarray, k: int, config: SegmentConfig, start_KJ: np.ndarray | None = None) -> Choice:
    """Fits k segments and measures how alike they come out on other draws (Hennig 2007, cluster-wise stability).

    start_KJ: centres to set out from, where they are k; else the best of ten random starts.
    """
    warm = start_KJ is not None and len(start_KJ) == k
    start, tries = (start_KJ, 1) if warm else ("k-means++", 10)
    fitted = KMeans(k, init=start, n_init=tries, random_state=config.seed).fit(values_UJ)
    smallest = np.bincount(fitted.labels_, minlength=k).min() / len(values_UJ)
    random = np.random.default_rng([config.seed, k])
    drawn = values_UJ[:STABILITY_USERS]  # users come in hash order
    base = nearest(drawn, fitted.cluster_centers_)
    size = max(k, int(config.stability.share * len(drawn)))
    alike = []
    for _ in range(config.stability.resamples):
        sample = drawn[random.choice(len(drawn), size, replace=False)]
        other = KMeans(k, n_init=3, random_state=config.seed).fit(sample)
        alike.append(adjusted_rand_score(base, nearest(drawn, other.cluster_centers_)))
    return Choice(k, float(np.mean(alike)), float(smallest), fitted.cluster_centers_.astype(np.float64))


def choose(choices: list[Choice], config: SegmentConfig, current: int | None = None) -> Choice:
    """Of those that are stable enough and have no tiny segment the most useful one (without a trial, the most stable);
    within the tie, the largest k. If all have a tiny segment, the least tiny.

    `current`, the champion's number, stays while it has no tiny segment and none is better by more than `switch`.
    """
    allowed = [choice for choice in choices if choice.smallest >= config.min_share]
    if not allowed:
        return max(choices, key=lambda choice: (choice.smallest, -choice.k))
    allowed = [choice for choice in allowed if choice.stability >= config.stability.least] or allowed
    best = max(choice.merit for choice in allowed)
    for choice in allowed:
        if choice.k == current and choice.merit >= best - config.stability.switch:
            return choice
    return max((c for c in allowed if c.merit >= best - config.stability.tie), key=lambda choice: choice.k)


def usefulness(trial: Trial, config: SegmentConfig) -> dict[int, float]:
    """By number of segments: bits, eta2 and AUC (ml/judge/measures.py) on the trial's day, each as a share of the best
    number's, on average. Centres are fitted on what was expected as of that day, and on nothing else; what came true
    was never seen.
    """
    users = Users(trial.user_ids.to_pylist(), pa.table({}), np.zeros((len(trial.user_ids), 0)), trial.expected_UE)
    alone = {name: block for name, block in config.blocks.items() if name in EXPECTATIONS and block.weight}
    if not alone:
        return {}
    config = config.model_copy(update={"blocks": alone})
    scaler, fold, found = fit_scaler(users, config), folds(trial.user_ids), {}
    values = scaler(users.raw(scaler.inputs))
    for k in config.k.numbers():
        labels = KMeans(k, n_init=10, random_state=config.seed).fit_predict(values)
        measured = value(labels, trial.truth, fold)
        found[k] = [max(part, 0.0) for part in (measured.bits, measured.eta2, np.nan_to_num(measured.auc, nan=0.5))]
    best = np.maximum(np.max(list(found.values()), axis=0), 1e-9)
    return {k: float(np.mean(np.array(parts) / best)) for k, parts in found.items()}


def by_kind(users: Users, config: SegmentConfig) -> bool:
    """Whether the users' kinds are their segments."""
    return config.natural_kinds and users.kinds > 0


def scaler_of(users: Users, config: SegmentConfig) -> Scaler:
    """Of what the users are grouped by: their kinds where they are of kinds by themselves, else conf's blocks."""
    if by_kind(users, config):
        config = config.model_copy(update={"blocks": {KINDS: Block(together=True)} | {
            name: block.model_copy(update={"weight": 0.0}) for name, block in config.blocks.items()}})  # fmt: skip
    return fit_scaler(users, config)


def kind_centres(users: Users, scaler: Scaler, rows: np.ndarray) -> np.ndarray:
    """(K, J) mean of the users of each kind, among `rows`; of a kind that is nobody's, of all."""
    values, kind = scaler(users.raw(scaler.inputs))[rows], users.expected_UE[rows, -users.kinds :].argmax(axis=1)
    members = [kind == k for k in range(users.kinds)]
    return np.stack([values[here].mean(axis=0) if here.any() else values.mean(axis=0) for here in members])


def fit(
    users: Users,
    config: SegmentConfig,
    scaler: Scaler | None = None,
    before: Before | None = None,
    trial: Trial | None = None,
) -> tuple[SegmentModel, list[Choice]]:
    """Centres for the users' day and the numbers of segments that were tried. Deterministic: seeded, one thread.

    scaler: of the users, where the caller has it already. before: the champion's view, to set out from its centres.
    trial: what older heads expected, and what came true. Where users are of kinds by themselves, the kinds are the
    segments. Raises DataError where there are fewer users than segments.
    """
    if len(users.user_ids) < config.k.max:
        raise DataError(f"expected at least k.max = {config.k.max} users to group, found {len(users.user_ids)}")
    scaler = scaler or scaler_of(users, config)
    start, current = (None, None) if before is None else (before.centers_KJ, len(before.ids_K))
    order = np.argsort(stable_hash(pa.array(users.user_ids)), kind="stable")[: config.max_users]
    values = scaler(users.raw(scaler.inputs))[order]
    useful = {}
    if by_kind(users, config):
        with threadpool_limits(1):
            choices = [try_k(values, users.kinds, config, kind_centres(users, scaler, order))]
        return SegmentModel(scaler, choices[0].centers_KJ, np.arange(users.kinds)), choices
    with threadpool_limits(1):
        if trial is not None and users.expected_UE is not None and len(trial.user_ids) >= config.k.max:
            useful = usefulness(trial, config)
        choices = [replace(try_k(values, k, config, start), useful=useful.get(k)) for k in config.k.numbers()]
    chosen = choose(choices, config, current)
    return SegmentModel(scaler, chosen.centers_KJ, np.arange(chosen.k)), choices


def identify(
    model: SegmentModel, users: Users, before: Before | None, highest: int, config: SegmentConfig
) -> list[Identity]:
    """Ids of the model's segments: those of the champion's segments that they continue, see ml/segments/matching.py."""
    labels = model.assign(users)
    if before is None:
        return first_identities(labels, len(model.ids))
    near = nearness(model.centers_KJ, before.centers_KJ)
    by_id = {int(number): near[:, column] for column, number in enumerate(before.ids_K)}
    return identities(labels, before.ids_U, len(model.ids), highest, config.match, by_id)


def rows(
    model: SegmentModel, users: Users, named: list[Identity], config: SegmentConfig, version: str,
    fitted_ds: datetime.date, tastes: Taste | None = None,
) -> pa.RecordBatch:  # fmt: skip
    """One row a segment, exactly gold.segment_models, by segment id. tastes: of the model's heads, for the rules."""
    labels, scaler = model.assign(users), model.scaler
    names = [*config.rule, *(name for name in scaler.inputs if name.startswith(DEPARTMENT))]
    raw = users.raw(names)
    fill = dict(zip(scaler.inputs, scaler.fill, strict=True))
    middle = [fill.get(name, np.nanmedian(np.append(column, 0))) for name, column in zip(names, raw.T, strict=True)]
    told, values = terms(users, names, np.where(np.isnan(raw), middle, raw), tastes)
    shared = {name: getattr(scaler, name).tolist() for name in ("fill", "log_scaled", "mean", "scale")}
    found = []
    for index, identity in enumerate(named):
        said = rule(values, told, labels == index)
        found.append({
            "model_version": version, "segment_id": identity.segment_id, "center": model.centers_KJ[index].tolist(),
            "inputs": scaler.inputs, **shared, "parents": identity.parents, "status": identity.status,
            "rule": said.text, "rule_zh": said.text_zh, "rule_fidelity": said.fidelity, "fitted_ds": fitted_ds,
        })  # fmt: skip
    return pa.RecordBatch.from_pylist(
        sorted(found, key=lambda row: row["segment_id"]), lake.arrow_schema(SEGMENT_MODELS)
    )


def sizes(model: SegmentModel, users: Users) -> list[int]:
    """Users of each segment."""
    return np.bincount(model.assign(users), minlength=len(model.ids)).tolist()
