"""The exported folder says what `encode` says, by transformers alone."""

from __future__ import annotations

import ast
import datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.tables import USER_SEQUENCES
from ml.common.cli import UsageError
from ml.common.lake import arrow_schema
from ml.data.catalogue import feature_count
from ml.data.sequences import SEQUENCE_COLUMNS, pack
from ml.data.snapshot import Snapshot
from ml.hugging_face import folder
from ml.hugging_face.card import Origin
from ml.transformer.clock import FACTS
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel
from ml.transformer.readout import Outlook, Readout

ORIGIN = Origin("huaxiang-behaviour-x", "3", datetime.date(2017, 11, 25), {"ds": "2017-12-01"},
                {"test.model.hr_10": 0.25, "test.popularity.hr_10": 0.125})  # fmt: skip
NOON = 1_511_956_800  # 2017-11-29
DAY = datetime.date(2017, 12, 20)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "exported"


@pytest.fixture
def encoder(frozen: Snapshot) -> Encoder:
    """Of random weights."""
    torch.manual_seed(0)
    model = BehaviourModel(frozen.config.model, feature_count(frozen.vocabularies(), frozen.config.model))
    with torch.no_grad():
        model.bos_D.normal_()
    random, shapes = np.random.default_rng(0), [(FACTS, 5), (5,), (5, 5), (5,), (5, 2), (2,)]
    outlook = Outlook(np.full(FACTS, 2.0), np.full(FACTS, 3.0), *(random.normal(0, 0.2, shape) for shape in shapes))
    readout = Readout(np.array([0.5, 0.2]), np.array([1.0, 2.0]), np.array([0.3, 0.4]), outlook)
    return Encoder.of(model, frozen.vocabularies(), frozen.catalogue(), readout)


def odd_rows() -> list[dict]:
    """No event; one; an unnamed, an unknown product and an unheard-of kind of event; more than the model reads."""
    rows = []
    for count, names in ((0, []), (1, ["p01"]), (3, ["", "nobody's", "p02"]), (40, ["p03", "p04"] * 20)):
        times = [NOON - 100_000 + 1_000 * place * place for place in range(count)]
        rows.append({
            "user_id": f"odd {count}", "event_times": times, "product_ids": names,
            "event_types": [("purchase", "view", "waved")[place % 3] for place in range(count)],
            "price_buckets": [(None, 0, 3, 60)[place % 4] for place in range(count)],
            "event_days": [time // 86_400 - place % 2 for place, time in enumerate(times)],
            "event_hours": [(time // 3600 + 19) % 24 for time in times],
        })  # fmt: skip
    return rows


def test_a_user_has_the_vector_of_encode(
    transformers: ModuleType, encoder: Encoder, frozen: Snapshot, into: Path
) -> None:
    folder.write(encoder, into, ORIGIN)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(into, trust_remote_code=True)
    model = transformers.AutoModel.from_pretrained(into, trust_remote_code=True).eval()
    *_, batch = next(frozen._sequence_batches())
    schema = pa.schema([arrow_schema(USER_SEQUENCES).field(name) for name in SEQUENCE_COLUMNS])
    batches = [batch.select(SEQUENCE_COLUMNS).cast(schema), pa.RecordBatch.from_pylist(odd_rows(), schema)]
    rows = [row for part in batches for row in part.to_pylist()]
    sequences = pack(batches, encoder.catalogue, encoder.vocabularies)

    with torch.no_grad():
        vectors = model(**extractor(rows, as_of=DAY)).pooler_output
        dated = model(**extractor([row | {"ds": str(DAY)} for row in rows])).pooler_output
    published = encoder.vectors(sequences, DAY)
    assert vectors.shape == published.shape == (len(rows), 3 * 16 + 2)
    assert np.abs(vectors.numpy() - published).max() < 2e-5
    assert torch.equal(vectors, dated)
    with pytest.raises(ValueError, match="expected as_of, or `ds` in each row"):
        extractor(rows)

    ours = encoder.next_product(sequences, np.diff(sequences.offsets))(np.arange(len(rows)))
    scores = model.scores(vectors)
    assert torch.allclose(scores.softmax(dim=1), ours, atol=1e-5)
    best = extractor.products(scores.topk(1).indices)
    assert [[encoder.catalogue.product_ids[int(place)].as_py()] for place in ours.argmax(dim=1)] == best


def test_the_card_tells_figures_and_what_was_not_measured(encoder: Encoder, into: Path) -> None:
    folder.write(encoder, into, ORIGIN)
    card = (into / "README.md").read_text(encoding="utf-8")
    assert "| this model | 0.2500 |  |  |" in card
    assert "events from 2017-11-25 on were held out" in card
    folder.write(encoder, into, Origin("m", "1", ORIGIN.cutoff, {}, {}))
    assert "Not measured." in (into / "README.md").read_text(encoding="utf-8")


def test_a_folder_of_something_else_is_left_alone(encoder: Encoder, into: Path) -> None:
    into.mkdir()
    (into / "thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected an empty folder or an earlier export at .*, found thesis\.tex"):
        folder.write(encoder, into, ORIGIN)
    assert [path.name for path in into.iterdir()] == ["thesis.tex"]


def test_its_code_needs_nothing_of_ours() -> None:
    tree = ast.parse(folder.CODE.read_text(encoding="utf-8"))
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    modules |= {alias.name.split(".")[0] for node in plain for alias in node.names}
    assert modules == {"__future__", "datetime", "math", "numpy", "torch", "transformers"}
