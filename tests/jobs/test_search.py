"""search: the nearest texts of products and queries, by letters and by a stub of the encoder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs import search
from jobs.__main__ import main
from jobs.errors import UsageError
from jobs.tables import SILVER_EVENTS, SILVER_PRODUCTS
from jobs.texts import PACKAGE, packaged

PRODUCTS = [("p1", "Fuji apples", ["FOOD", "FRUIT"]), ("p2", "Fuji apples", ["FOOD", "FRUIT"]),
            ("p3", "红富士苹果 5斤", None), ("p4", None, ["FOOD", "BREAD"]), ("p5", None, None)]  # fmt: skip
ENCODED: list[str] = []


class _Fruit:
    """An encoder that tells fruit from the rest, in two languages."""

    def __init__(self, threads: int) -> None:
        pass

    def encode(self, texts: list[str]) -> np.ndarray:
        ENCODED.extend(texts)
        fruit = np.array([float("apple" in text or "苹果" in text or "fruit" in text) for text in texts])
        return np.stack([fruit, 1 - fruit], axis=1).astype(np.float32)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse of five products and four searches, without an encoder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(search, "installed", lambda: False)
    ids, titles, paths = zip(*PRODUCTS, strict=True)
    kind = pa.list_(pa.string())
    products = {"product_id": ids, "title": titles, "category_path": pa.array(paths, kind)}
    write_deltalake(SILVER_PRODUCTS.path(str(tmp_path)), pa.table(products))
    queries = {"query": ["red apples", "red apples", "bread", None], "user_id": ["a", "b", "a", "b"]}
    write_deltalake(SILVER_EVENTS.path(str(tmp_path)), pa.table(queries))
    return str(tmp_path)


@pytest.fixture
def encoder(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType(PACKAGE)
    package.USE = _Fruit
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    monkeypatch.setattr(search, "packaged", packaged.__wrapped__)
    monkeypatch.setattr(search, "installed", lambda: True)
    ENCODED.clear()


def found(shop: str, words: str, **named: object) -> list[dict]:
    given = {"among": search.PRODUCTS, "by": None, "top": 10} | named
    return [json.loads(line) for line in search.run(words, shop, as_json=True, **given).splitlines()]


def test_letters_find_a_text_by_a_part_of_it_in_any_script(shop: str) -> None:
    [row] = found(shop, "apple")
    assert {**row, "score": 0} == {"score": 0, "title": "Fuji apples", "category": "FOOD > FRUIT", "products": 2,
                                   "product_id": "p1", "by": "letters"}  # fmt: skip
    assert [row["product_id"] for row in found(shop, "苹果")] == ["p3"]
    assert found(shop, "BREAD")[0]["product_id"] == "p4"
    assert found(shop, "xyz") == []


def test_queries_come_with_who_asked_them(shop: str) -> None:
    [row] = found(shop, "apples", among=search.QUERIES)
    assert (row["query"], row["times"], row["users"]) == ("red apples", 2, 2)


@pytest.mark.usefixtures("encoder")
def test_meaning_crosses_languages_and_a_text_is_encoded_once(shop: str) -> None:
    assert [row["product_id"] for row in found(shop, "Fruit")] == ["p1", "p3"]
    assert sorted(ENCODED) == ["food > bread", "fruit", "fuji apples, food > fruit", "红富士苹果 5斤"]
    ENCODED.clear()
    assert len(found(shop, "fruit", top=1)) == 1
    assert ENCODED == ["fruit"]
    kept = next(Path(shop, "cache").glob("huaxiang/*.parquet"))
    kept.write_bytes(kept.read_bytes()[:100])  # a search that was killed
    assert len(found(shop, "fruit")) == 2


def test_what_cannot_be_searched_is_said(shop: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for words, by, said in ((" ", None, "expected words"), ("fruit", search.MEANING, "or search --by letters")):
        with pytest.raises(UsageError, match=said):
            search.run(words, shop, search.PRODUCTS, by, 10, as_json=False)
    assert main(["search", "fruit", "--warehouse", str(tmp_path / "none")]) == 2
    assert main(["search", "apple", "--warehouse", shop]) == 0
    assert "by letters, 3 different texts of products compared" in capsys.readouterr().out
    assert main(["search", "xyz", "--warehouse", shop]) == 0
    assert capsys.readouterr().out.startswith("none; by letters")
