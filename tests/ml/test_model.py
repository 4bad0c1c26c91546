"""The Transformer: what it may see, what it says of a product that nobody has bought, what its loss is."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import torch

from ml import catalogue as goods
from ml.config import Config, ModelConfig
from ml.model import BehaviourModel, NextItemLoss
from ml.package import Encoder
from ml.ranks import Ranks
from ml.sequences import CONTEXT, CONTEXT_SIZE
from ml.snapshot import Snapshot
from ml.train import Trainer


def tiny_model() -> BehaviourModel:
    torch.manual_seed(0)
    return BehaviourModel(ModelConfig(d_model=16, layers=2, heads=2, hidden=32, dropout=0.0), feature_count=50).eval()


def test_a_later_event_never_changes_an_earlier_state() -> None:
    model, random = tiny_model(), torch.Generator().manual_seed(1)
    items_BLD = torch.randn(3, 9, 16, generator=random)
    context_BLC = torch.randint(0, CONTEXT_SIZE, (3, 9, CONTEXT), generator=random)
    before = model(items_BLD, context_BLC)
    changed, context = items_BLD.clone(), context_BLC.clone()
    changed[:, 5:] += 1
    context[:, 5:] = 1
    after = model(changed, context)
    assert torch.equal(before[:, :6], after[:, :6])
    assert not torch.allclose(before[:, 6:], after[:, 6:])


def test_right_padding_changes_no_state() -> None:
    model, random = tiny_model(), torch.Generator().manual_seed(1)
    items_BLD = torch.randn(2, 4, 16, generator=random)
    context_BLC = torch.randint(0, CONTEXT_SIZE, (2, 4, CONTEXT), generator=random)
    padded = model(torch.nn.functional.pad(items_BLD, (0, 0, 0, 3)), torch.nn.functional.pad(context_BLC, (0, 0, 0, 3)))
    torch.testing.assert_close(padded[:, :5], model(items_BLD, context_BLC))


def test_all_items_as_negatives_are_the_full_softmax() -> None:
    model = tiny_model()
    features_IF = torch.cat([torch.zeros(2, 3, dtype=torch.int64), torch.randint(1, 50, (8, 3))])
    log_count_I = torch.rand(10)
    items_BL = torch.tensor([[2, 5, 0], [9, 1, 3]])
    context_BLC = torch.randint(0, CONTEXT_SIZE, (2, 3, CONTEXT))
    loss = NextItemLoss(model, features_IF, log_count_I)(items_BL, context_BLC, torch.arange(2, 10), torch.zeros(8))
    vectors_ID = model.items(features_IF)
    states_BTD = model(vectors_ID[items_BL], context_BLC)
    expected = 0.0
    for b, t in ((0, 0), (0, 1), (1, 0), (1, 2)):  # the padding and the unknown product are no targets
        logits_I = vectors_ID[2:] @ states_BTD[b, t] + model.popularity * log_count_I[2:]
        expected -= logits_I.log_softmax(0)[items_BL[b, t] - 2].item()
    assert math.isclose(loss.item(), expected, rel_tol=1e-5)


def test_a_new_product_lies_near_its_category(frozen: Snapshot, debug: Config) -> None:
    trainer = Trainer(frozen, debug, Ranks(0, 1, torch.device("cpu")))
    trainer.fit(debug.train.epochs, report=lambda row: None, advance=lambda epoch: None)
    products = frozen.products()
    like = products.slice(0, 1).to_pylist()[0]
    new = pa.Table.from_pylist([like | {"product_id": "brand new"}], products.schema)
    extended = goods.describe(pa.concat_tables([products, new]), trainer.vocabularies, debug.model)
    vectors_ID = Encoder.of(trainer.model, trainer.vocabularies, extended).vectors_ID[goods.FIRST :]
    similar_I = torch.cosine_similarity(vectors_ID[-1], vectors_ID[:-1], dim=1).numpy()
    assert extended.product_ids[-1].as_py() == "brand new"
    same_I = extended.category_I[goods.FIRST : -1] == extended.category_I[-1]
    assert np.median(similar_I[same_I]) > np.quantile(similar_I[~same_I], 0.75)


def test_words_are_words_and_chinese_bigrams() -> None:
    assert goods.words("Whole Milk 1L 红富士苹果 酒") == ["whole", "milk", "1l", "红富", "富士", "士苹", "苹果", "酒"]


def test_vocabulary_goes_by_frequency_then_name_and_rare_names_share_an_id() -> None:
    vocabulary = goods.Vocabulary.fit({"b": 3, "a": 3, "c": 9, "rare": 1, "": 50}, min_count=2)
    ids = vocabulary.encode(pa.array(["c", "a", "b", "rare", "never", "", None]))
    assert ids.tolist() == [2, 3, 4, goods.UNKNOWN, goods.UNKNOWN, goods.PADDING, goods.PADDING]
