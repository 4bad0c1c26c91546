"""The Transformer: what it may see, what it says of a product that nobody has bought, what its loss is."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from ml.common.model_settings import Config, ModelConfig
from ml.data import catalogue as goods
from ml.data import vocabulary
from ml.data.sequences import CONTEXT, CONTEXT_SIZE
from ml.data.snapshot import Snapshot
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer import losses
from ml.transformer.encoder import Encoder
from ml.transformer.layout import Layout
from ml.transformer.model import BehaviourModel, NextItemLoss


def tiny_model() -> BehaviourModel:
    torch.manual_seed(0)
    return BehaviourModel(ModelConfig(d_model=16, layers=2, heads=2, hidden=32, dropout=0.0), feature_count=50).eval()


def states(model: BehaviourModel, vectors_UD: torch.Tensor, at_P: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """States of sequences of rows of vectors_UD, one after the other; an event's context follows its row."""
    context_PC = (at_P[:, None] * torch.tensor([3, 5, 7, 11, 13, 17]) + 1) % CONTEXT_SIZE
    return model(vectors_UD, at_P, context_PC, Layout.of(np.array(lengths)))


def test_a_later_event_never_changes_an_earlier_state() -> None:
    model, vectors_UD = tiny_model(), torch.randn(9, 16, generator=torch.Generator().manual_seed(1))
    before = states(model, vectors_UD, torch.arange(9), [9])
    changed = torch.cat([vectors_UD[:5], -vectors_UD[5:]])
    after = states(model, changed, torch.arange(9), [9])
    assert torch.equal(before[:6], after[:6])  # the state at a place knows the events before it
    assert not torch.isclose(before[6:], after[6:]).all(dim=1).any()


def test_neighbours_in_the_run_change_no_state() -> None:
    model, vectors_UD = tiny_model(), torch.randn(23, 16, generator=torch.Generator().manual_seed(1))
    lengths = [4, 1, 6, 9, 3]
    together = states(model, vectors_UD, torch.arange(23), lengths).split(lengths)
    for found, rows in zip(together, torch.arange(23).split(lengths), strict=True):
        torch.testing.assert_close(found, states(model, vectors_UD, rows, [len(rows)]))


def catalogue_of_eight() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    features_IF = torch.cat([torch.zeros(2, 3, dtype=torch.int64), torch.randint(1, 50, (8, 3))])
    return features_IF, torch.rand(10)


@pytest.mark.parametrize("negatives", [(), (torch.arange(2, 10), torch.zeros(8))], ids=["exact", "all as negatives"])
def test_the_loss_is_the_softmax_over_all_items(negatives: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "matmul_dtype", lambda device: torch.float32)
    model = tiny_model()
    features_IF, log_count_I = catalogue_of_eight()
    items_P, layout = torch.tensor([2, 5, 9, 1, 3]), Layout.of(np.array([2, 3]))
    context_PC = torch.randint(0, CONTEXT_SIZE, (5, CONTEXT))
    loss = NextItemLoss(model, features_IF, log_count_I)(items_P, context_PC, layout, *negatives)
    vectors_ID = model.items(features_IF)
    states_PD = model(vectors_ID, items_P, context_PC, layout)
    expected = 0.0
    for place in (0, 1, 2, 4):  # the unknown product is no target
        logits_I = vectors_ID[2:] @ states_PD[place] + model.popularity * log_count_I[2:]
        expected -= logits_I.log_softmax(0)[items_P[place] - 2].item()
    assert math.isclose(loss.item(), expected, rel_tol=1e-5)


def test_a_new_product_lies_near_its_category(frozen: Snapshot, debug: Config) -> None:
    trainer = Trainer.of(frozen, debug, Ranks(0, 1, torch.device("cpu")))
    trainer.fit(debug.train.epochs, report=lambda row: None, advance=lambda epoch: None)
    products = frozen.products()
    like = products.slice(0, 1).to_pylist()[0]
    new = pa.Table.from_pylist([like | {"product_id": "brand new"}], products.schema)
    extended = goods.Catalogue.of(pa.concat_tables([products, new]), frozen.vocabularies(), debug.model)
    vectors_ID = Encoder.of(trainer.model, frozen.vocabularies(), extended).vectors_ID[vocabulary.FIRST :]
    similar_I = torch.cosine_similarity(vectors_ID[-1], vectors_ID[:-1], dim=1).numpy()
    assert extended.product_ids[-1].as_py() == "brand new"
    same_I = extended.category_I[vocabulary.FIRST : -1] == extended.category_I[-1]
    assert np.median(similar_I[same_I]) > np.quantile(similar_I[~same_I], 0.75)


def test_words_are_words_and_chinese_bigrams() -> None:
    assert goods.words("Whole Milk 1L 红富士苹果 酒") == ["whole", "milk", "1l", "红富", "富士", "士苹", "苹果", "酒"]


def test_vocabulary_goes_by_frequency_then_name_and_rare_names_share_an_id() -> None:
    fitted = vocabulary.Vocabulary.fit({"b": 3, "a": 3, "c": 9, "rare": 1, "": 50}, min_count=2)
    ids = fitted.encode(pa.array(["c", "a", "b", "rare", "never", "", None]))
    assert ids.tolist() == [2, 3, 4, vocabulary.UNKNOWN, vocabulary.UNKNOWN, vocabulary.PADDING, vocabulary.PADDING]
