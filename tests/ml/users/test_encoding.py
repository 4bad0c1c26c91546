"""Vectors of users: the same bits whoever else is encoded, so that an earlier night's can be taken; and as served."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.tables import USER_EMBEDDINGS
from ml.common.arrays import matrix
from ml.common.model_settings import ModelConfig
from ml.data.catalogue import Catalogue, feature_count
from ml.data.sequences import CONTEXT, Sequences
from ml.data.snapshot import Snapshot
from ml.transformer import clock, package
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel
from ml.transformer.readout import Outlook, Readout
from ml.users import vectors
from ml.users.states import FormerStates

ITEMS, FEATURES, MAX_LEN = 40, 90, 32


def sequences(lengths: list[int], seed: int = 0) -> Sequences:
    random, events = np.random.default_rng(seed), sum(lengths)
    return Sequences(
        pa.array([f"u{index}" for index in range(len(lengths))]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.arange(events),
        random.integers(2, ITEMS, events).astype(np.int32),
        random.integers(1, 60, (events, CONTEXT)).astype(np.uint8),
        np.zeros(events, np.int32),
    )


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """Of random weights; the shape of the nightly model."""
    torch.manual_seed(2)
    config = ModelConfig(d_model=64, layers=2, heads=2, hidden=256, max_len=MAX_LEN, dropout=0.1)
    features = np.random.default_rng(5).integers(1, FEATURES, (ITEMS, 6)).astype(np.int32)
    names = pa.array([f"p{index}" for index in range(ITEMS - 2)])
    nothing = np.zeros(ITEMS, np.int32)
    catalogue = Catalogue(names, features, np.zeros(ITEMS, np.float32), nothing, [""])
    return Encoder.of(BehaviourModel(config, FEATURES), None, catalogue)


def test_a_users_bits_do_not_depend_on_who_else_is_encoded(encoder: Encoder) -> None:
    """Every length up to beyond max_len, 200 users, against each alone and parts of them."""
    everybody = sequences([*range(40), *np.random.default_rng(1).integers(0, 60, 160)])
    whole = encoder.states(everybody)
    parts = [np.array([user]) for user in range(0, 200, 7)]
    parts += [np.random.default_rng(seed).permutation(200)[: 3 + 11 * seed] for seed in range(8)]
    for users in parts:
        assert (encoder.states(everybody.part(users)) == whole[users]).all(), users


def test_a_fingerprint_knows_all_that_the_model_reads_and_nothing_else(encoder: Encoder) -> None:
    base = sequences([5, 0, MAX_LEN + 8])
    prints = encoder.fingerprints(base)
    assert len(set(prints.tolist())) == 3

    retrained = BehaviourModel(encoder.model.config, FEATURES)
    assert (replace(encoder, model=retrained).fingerprints(base) != prints).all()

    def changed(**values: np.ndarray) -> np.ndarray:
        return encoder.fingerprints(Sequences(**(vars(base) | values))) != prints

    swapped, kind, forgotten = base.items.copy(), base.context_EC.copy(), base.items.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    kind[2, 0] += 1
    forgotten[6] = 2 + (forgotten[6] + 1) % 30  # the third user's second event: before the newest MAX_LEN
    assert changed(items=swapped).tolist() == [base.items[0] != base.items[1], False, False]
    assert changed(context_EC=kind).tolist() == [True, False, False]
    assert changed(items=forgotten).tolist() == [False, False, False]
    described = encoder.catalogue.features_IF.copy()
    described[base.items[0], 3] += 1
    other = Encoder.of(encoder.model, None, Catalogue(**(vars(encoder.catalogue) | {"features_IF": described})))
    assert other.fingerprints(base)[0] != prints[0]


def test_what_only_an_event_changes_is_taken_and_the_rest_made_anew(encoder: Encoder, monkeypatch) -> None:
    """A night later, without an event: the same states and means, whatever is expected by then."""
    monkeypatch.setattr(vectors, "pack", lambda batches, catalogue, vocabularies: sequences([5, 9, 30]))
    monkeypatch.setattr("ml.transformer.encoder.purchase_id", lambda vocabularies: 1)
    square = np.eye(clock.FACTS)[:, :6]
    outlook = Outlook(
        np.zeros(clock.FACTS), np.ones(clock.FACTS), square, np.zeros(6), np.eye(6), np.zeros(6), np.eye(6), np.zeros(6)
    )
    readout = Readout(np.ones(2), np.zeros(6), np.ones(6), outlook)
    whole, table = replace(encoder, readout=readout), pa.table({"user_id": ["u0", "u1", "u2"]})
    stamp, told = {"model_version": "1", "run_id": "r"}, []

    def night(ds: datetime.date, former: FormerStates | None) -> pa.RecordBatch:
        count = lambda users, encoded: told.append((users, encoded))  # noqa: E731
        return next(vectors.vectors(whole, [table], USER_EMBEDDINGS, stamp | {"ds": ds}, ds, former, count))

    first = night(datetime.date(1970, 1, 1), None)
    before = FormerStates(
        first["user_id"], first["input_hash"].to_numpy(), matrix(pa.table([first["embedding"]], ["e"])["e"])
    )
    second = matrix(pa.table([night(datetime.date(1970, 1, 2), before)["embedding"]], ["e"])["e"])
    assert told == [(3, 3), (3, 0)]
    assert before.rows_UD.shape == (3, whole.width)
    assert (second[:, : whole.lasting_width] == before.rows_UD[:, : whole.lasting_width]).all()
    assert (second[:, whole.lasting_width :] != before.rows_UD[:, whole.lasting_width :]).any(axis=1).all()
    state, means = encoder.readings(sequences([5, 9, 30]))
    assert (state == encoder.states(sequences([5, 9, 30]))).all()
    assert means.shape == (3, 2 * state.shape[1])


def test_known_vectors_are_taken_only_where_the_input_is_the_same() -> None:
    known = FormerStates(pa.array(["a", "b", "c"]), np.array([1, 2, 3]), np.zeros((3, 4), np.float32))
    assert known.places(pa.array(["c", "new", "b", "a"]), np.array([3, 1, 9, 1])).tolist() == [2, -1, -1, 0]


def test_served_by_mlflow_with_a_signature(frozen: Snapshot) -> None:
    import mlflow.pyfunc

    torch.manual_seed(0)
    model = BehaviourModel(frozen.config.model, feature_count(frozen.vocabularies(), frozen.config.model))
    folder = package.save(model, frozen)
    served = mlflow.pyfunc.load_model(str(folder))
    *_, batch = next(frozen._sequence_batches())
    said = served.predict(batch.to_pandas())
    own = frozen.sequences_among(frozen.catalogue(), frozen.vocabularies())
    assert (said == Encoder.load(folder, frozen.products()).states(own)).all()
    assert served.metadata.signature.inputs.input_names()[:2] == ["user_id", "event_times"]
    with pytest.raises(mlflow.exceptions.MlflowException, match="product_ids"):
        served.predict(batch.to_pandas().drop(columns="product_ids"))
