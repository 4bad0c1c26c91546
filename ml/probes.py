"""What frozen vectors know of users, beside counts and a random encoder: python -m ml.probes --snapshot DIR

The model of the snapshot has seen nothing after the snapshot's ds; asked is what users did in the 28 days after it
(silver.events must reach that far) and who they are (silver.users, where it says so):

churn     AUC of "no purchase", logistic regression
spend     share of the variance of log(1 + spend) explained, ridge regression
category  NDCG@10 of the categories bought, ranked by ridge regressions of log(1 + lines); users who bought
age, income, children   AUC of 55 or older, 75K or more, children at home, logistic regression; users who said so

Each user is predicted by a probe that learned from other users: five folds by a hash of the id. How strongly a probe is
held back, and how much blocks weigh against each other, is chosen inside the four folds that it learns from. The
interval of a difference is a paired bootstrap over users. Legend: U users, J inputs, D width, C categories.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from jobs.tables import SILVER_USERS, USER_FEATURES
from ml import value
from ml.common import lake
from ml.common.cli import entry, parser
from ml.data import outcomes
from ml.data.catalogue import FIRST
from ml.data.outcomes import Outcomes
from ml.data.sequences import Sequences
from ml.evaluate import model_folder
from ml.judge import rival_segmentations
from ml.judge.measures import FOLDS, bootstrap, folds
from ml.snapshot import Snapshot
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel

TOP, CATEGORIES = 10, 200
FADING = 0.97  # an event's weight in a mean to that of the next one
STRENGTHS = np.logspace(-1.5, 2, 6)  # C of a logistic regression on blocks whose variances sum up to their weight^2
PENALTIES = np.logspace(-2.5, 3, 10)  # of a ridge regression, as above
WEIGHTS = (0.3, 1.0, 2.0)
LEAST = 20  # of the rarer outcome, without which nothing is probed
OLD = ("55-64", "65+")
RICH = ("75", "100", "125", "150", "175", "200", "250")  # a band's first number


@dataclass(frozen=True)
class Probe:
    """A question. kind: auc, r2 or ndcg. users: indices of those who can be asked. y: their truth, (n) or (n, C)."""

    name: str
    kind: str
    users: np.ndarray
    y: np.ndarray

    def out_of_fold(self, designs: list[np.ndarray], fold_U: np.ndarray) -> np.ndarray:
        """Predictions (n) or (n, C) of inputs (U, J), by the best of the designs."""
        inputs, fold = [design[self.users] for design in designs], fold_U[self.users]
        if self.kind == "auc":
            return _out_of_fold(inputs, self.y, fold, _logistic, _log_loss)
        return _out_of_fold(inputs, np.log1p(self.y) if self.kind == "ndcg" else self.y, fold, _ridge, _squares)

    def measure(self, predicted: np.ndarray) -> Callable[[np.ndarray], float]:
        """The metric as a function of rows, so that it can be resampled."""
        if self.kind == "auc":
            return lambda rows: auc(self.y[rows], predicted[rows])
        if self.kind == "r2":
            error = (self.y - predicted) ** 2
            return lambda rows: float(1 - error[rows].sum() / ((self.y[rows] - self.y[rows].mean()) ** 2).sum())
        gained = ndcg(self.y > 0, predicted)
        return lambda rows: float(gained[rows].mean())


def auc(y: np.ndarray, predicted: np.ndarray) -> float:
    """Area under the ROC curve; nan where all y are equal."""
    ones = int(y.sum())
    if not 0 < ones < len(y):
        return float("nan")
    return float((rankdata(predicted)[y > 0].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones)))


def ndcg(relevant: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """NDCG@TOP of each row with binary relevance; 0 where nothing is relevant."""
    gain = 1 / np.log2(np.arange(2, TOP + 2))[: relevant.shape[1]]
    top = np.argsort(-predicted, axis=1, kind="stable")[:, :TOP]
    best = np.concatenate([[1.0], np.cumsum(gain)])[np.minimum(relevant.sum(axis=1), len(gain))]
    return (np.take_along_axis(relevant, top, axis=1) * gain).sum(axis=1) / best


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], list[np.ndarray]]


def _out_of_fold(designs: list[np.ndarray], y: np.ndarray, fold: np.ndarray, fit: Fit, loss: Callable) -> np.ndarray:
    """`fit` gives predictions of one strength after the other; the best design and strength is that of least loss on
    each of the folds that are learned from, predicted from the others of them.
    """
    out = np.empty(y.shape)
    for held in range(FOLDS):
        learned = fold != held
        best = (np.inf, 0, 0)
        for index, design in enumerate(designs):
            losses = 0.0
            for inner in range(FOLDS):
                if inner != held:
                    known, asked = learned & (fold != inner), fold == inner
                    predictions = fit(design[known], y[known], design[asked])
                    losses = losses + np.array([loss(y[asked], predicted) for predicted in predictions])
            place = int(np.argmin(losses))
            best = min(best, (float(losses[place]), index, place))
        _, index, place = best
        out[~learned] = fit(designs[index][learned], y[learned], designs[index][~learned])[place]
    return out


def _logistic(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    """Log-odds by a logistic regression of each of STRENGTHS."""
    fitted = (LogisticRegression(C=c, solver="newton-cholesky", max_iter=50, tol=1e-3).fit(x, y) for c in STRENGTHS)
    return [one.decision_function(asked) for one in fitted]


def _ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> list[np.ndarray]:
    """Values by a ridge regression of each of PENALTIES, from one decomposition."""
    middle, mean = x.mean(axis=0), y.mean(axis=0)
    left, size, right = np.linalg.svd(x - middle, full_matrices=False)
    target, onto = left.T @ (y - mean), (asked - middle) @ right.T
    shrunk = (size / (size**2 + penalty) for penalty in PENALTIES)
    return [onto @ (s * target.T).T + mean for s in shrunk]


def _log_loss(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.logaddexp(0, -(2 * y - 1) * predicted).sum())


def _squares(y: np.ndarray, predicted: np.ndarray) -> float:
    return float(((y - predicted) ** 2).sum())


def block(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and equal variances that sum up to one; constant ones are 0."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf) / np.sqrt(values.shape[1])


def beside(base: np.ndarray, more: np.ndarray) -> list[np.ndarray]:
    """Designs of two blocks: the first one alone, and with the second at each weight."""
    return [base, *(np.hstack([base, weight * more]) for weight in WEIGHTS)]


@torch.no_grad()
def readings(encoder: Encoder, sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """(U, D) the state at the end; (U, 2 D) means of the states and of the products' vectors, newer ones count more."""
    lengths, max_len = np.diff(sequences.offsets), encoder.model.config.max_len
    width = encoder.model.config.d_model
    state, means = np.zeros((len(sequences), width)), np.zeros((len(sequences), 2 * width))
    order = np.argsort(-np.minimum(lengths, max_len), kind="stable")
    for users in np.array_split(order, max(1, -(-len(order) // 64))):
        items_P, states_PD, places_B = encoder.every_state(sequences, users, lengths[users])
        ends = np.cumsum(places_B)
        state[users] = states_PD[ends - 1]
        weight_P = FADING ** (np.repeat(ends, places_B) - 1.0 - np.arange(len(items_P)))
        total = np.add.reduceat(weight_P, ends - places_B)[:, None]
        products = encoder.vectors_ID[torch.from_numpy(items_P)].cpu().numpy() * (items_P >= FIRST)[:, None]
        both = np.hstack([states_PD, products]) * weight_P[:, None]
        means[users] = np.add.reduceat(both, ends - places_B, axis=0) / total
    return state, means


def random_encoder(encoder: Encoder, seed: int) -> Encoder:
    """The same, untrained."""
    torch.manual_seed(seed)
    model = BehaviourModel(encoder.model.config, encoder.model.features.num_embeddings)
    return Encoder.of(model, encoder.vocabularies, encoder.catalogue)


def of_future(truth: Outcomes) -> list[Probe]:
    """churn, spend and category; those of which there is too little to learn are left out."""
    everybody, silent = np.arange(len(truth.lines)), truth.silent
    found = []
    if LEAST <= silent.sum() <= len(silent) - LEAST:
        found.append(Probe("churn", "auc", everybody, silent.astype(np.float64)))
        found.append(Probe("spend", "r2", everybody, np.log1p(np.maximum(truth.spend, 0))))
    lines_UC = truth.largest(CATEGORIES).lines_UC.toarray()
    bought = np.flatnonzero(lines_UC.any(axis=1))
    if len(bought) >= LEAST and lines_UC.shape[1] > 1:
        found.append(Probe("category", "ndcg", bought, lines_UC[bought]))
    return found


def of_people(users: pa.Table) -> list[Probe]:
    """age, income and children, by rows of silver.users in the order of the users; null where there is none."""
    count = [dict(pairs or []).get("kids_count") for pairs in users["attributes"].to_pylist()]
    said = {
        "age": [None if band is None else band in OLD for band in users["age_band"].to_pylist()],
        "income": [None if band is None else band.startswith(RICH) for band in users["income_band"].to_pylist()],
        "children": [None if kids is None else kids != "0" for kids in count],
    }
    found = []
    for name, answers in said.items():
        asked = np.array([index for index, answer in enumerate(answers) if answer is not None], np.int64)
        y = np.array([float(answers[index]) for index in asked])
        if LEAST <= y.sum() <= len(y) - LEAST:
            found.append(Probe(name, "auc", asked, y))
    return found


@dataclass(frozen=True)
class Row:
    """Inputs of the probes; `against`: the row that they are held against."""

    name: str
    designs: list[np.ndarray]
    against: str | None = None


def rows_of(snapshot: Snapshot, encoder: Encoder, sequences: Sequences) -> list[Row]:
    """counts: money, orders, lines of 7, 28, 90, 365 days, days since the last order. categories: lines of the year."""
    user_ids = sequences.user_ids
    features = lake.read(lake.open_table(USER_FEATURES, snapshot.warehouse, snapshot.versions[USER_FEATURES.full_name]),
                         ["user_id", *rival_segmentations.COLUMNS], snapshot.ds)  # fmt: skip
    features = features.take(pc.index_in(user_ids, value_set=features["user_id"].combine_chunks()))
    history = value.history(snapshot.warehouse, snapshot.ds, user_ids)
    largest = np.sort(np.argsort(-np.asarray(history.sum(axis=0)).ravel(), kind="stable")[:CATEGORIES])
    counts = block(rival_segmentations.standardised(features, rival_segmentations.COLUMNS))
    categories = block(np.log1p(history[:, largest].toarray()))
    state, means = map(block, readings(encoder, sequences))
    noise = block(readings(random_encoder(encoder, snapshot.config.train.seed), sequences)[1])
    detailed = [np.hstack([counts, weight * categories]) for weight in WEIGHTS]
    return [
        Row("counts", [counts]),
        Row("random encoder", [noise]),
        Row("state", [state]),
        Row("vector", [means]),
        Row("counts + random", beside(counts, noise), "counts"),
        Row("counts + vector", beside(counts, means), "counts"),
        Row("counts + categories", [counts, *detailed]),
        Row("counts + categories + vector",
            [counts, *(np.hstack([design, weight * means]) for design in detailed for weight in (0.0, *WEIGHTS[:2]))],
            "counts + categories"),
    ]  # fmt: skip


def run(rows: list[Row], probes: list[Probe], fold_U: np.ndarray, seed: int, say: Callable[[str], None]) -> list[dict]:
    """A dict a row and probe: metric, and the difference with its interval where the row is held against another."""
    measures: dict[tuple[str, str], Callable[[np.ndarray], float]] = {}
    found = []
    for row in rows:
        words = []
        for probe in probes:
            measures[row.name, probe.name] = now = probe.measure(probe.out_of_fold(row.designs, fold_U))
            everybody = np.arange(len(probe.y))
            one = {"row": row.name, "probe": probe.name, "metric": now(everybody), "users": len(everybody)}
            if row.against:
                before = measures[row.against, probe.name]
                gain = difference(now, before, len(everybody), seed)
                one |= {"against": row.against, **gain}
                words.append(
                    f"{probe.name} {one['metric']:.3f} ({gain['gain']:+.3f}, {gain['low']:+.3f} .. {gain['high']:+.3f})"
                )
            else:
                words.append(f"{probe.name} {one['metric']:.3f}")
            found.append(one)
        say(f"{row.name}: " + ", ".join(words))
    return found


def difference(now: Callable, before: Callable, users: int, seed: int) -> dict[str, float]:
    """now - before over the same users, with its 95% interval."""
    low, high = bootstrap(lambda drawn: now(drawn) - before(drawn), users, seed)
    everybody = np.arange(users)
    return {"gain": now(everybody) - before(everybody), "low": low, "high": high}


def table(found: list[dict]) -> str:
    """Markdown, a row a row; a gain is bold where its interval lies above zero."""
    names = list(dict.fromkeys(one["probe"] for one in found))
    cells: dict[str, dict[str, str]] = {}
    for one in found:
        text = f"{one['metric']:.3f}"
        if "gain" in one:
            gain = f"{one['gain']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
            text += f" **{gain}**" if one["low"] > 0 else f" {gain}"
        cells.setdefault(one["row"], {})[one["probe"]] = text
    lines = ["| inputs | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(
        lines + [f"| {row} | " + " | ".join(of[name] for name in names) + " |" for row, of in cells.items()]
    )


def main(argv: list[str] | None = None) -> None:
    args = parser(__doc__, "snapshot")
    args.add_argument("--json", type=Path, help="file for the figures")
    said = args.parse_args(argv)
    snapshot, started = Snapshot.open(said.snapshot), time.perf_counter()
    encoder = Encoder.load(model_folder(snapshot), snapshot.products())
    sequences = snapshot.sequences(encoder.catalogue, encoder.vocabularies)
    truth = outcomes.read(snapshot.warehouse, snapshot.ds, sequences.user_ids)
    probes = of_future(truth)
    if lake.exists(SILVER_USERS, snapshot.warehouse):
        people = lake.read(lake.open_table(SILVER_USERS, snapshot.warehouse),
                           ["user_id", "age_band", "income_band", "attributes"])  # fmt: skip
        probes += of_people(people.take(pc.index_in(sequences.user_ids, value_set=people["user_id"].combine_chunks())))
    print(f"{len(sequences):,} users as of {snapshot.ds}; asked: "
          + ", ".join(f"{p.name} ({p.kind} of {len(p.y):,})" for p in probes), flush=True)  # fmt: skip
    with threadpool_limits(1):
        rows, seed = rows_of(snapshot, encoder, sequences), snapshot.config.train.seed
        found = run(rows, probes, folds(sequences.user_ids), seed, lambda line: print(line, flush=True))
    print(table(found))
    if said.json:
        said.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    entry(main)
