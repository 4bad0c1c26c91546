"""Products as numbers: the description of each product by ids and words.

A product is a row of small feature ids that are looked up in one shared table and summed: its own id, its category
path, brand, price bucket and the hashed words of its title. A product that was never sold has all but the first, so it
has a vector on its first day.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.texts import NO_TEXT, TextVectors, key
from ml.common.arrays import find
from ml.common.model_settings import ModelConfig
from ml.data.text_encoders import NONE
from ml.data.texts import texts_of, vectors
from ml.data.vocabulary import (
    FIRST,
    PADDING,
    PRICE_BUCKETS,
    UNKNOWN,
    Vocabularies,
    path_prefixes,
    price_bucket,
)

PRODUCT_COLUMNS = ["product_id", "title", "category_path", "brand", "usual_price"]
TEXTS = "texts.parquet"
_PATH_FEATURES = 3  # root, second level, leaf
_WORD = re.compile(r"[一-鿿぀-ヿ]+|[^\W_]+")
_CJK = re.compile(r"[一-鿿぀-ヿ]")


@dataclass(frozen=True)
class Catalogue:
    """Products in a fixed order. Row 0 is padding, row 1 an unknown product, product i of `product_ids` is row i + 2.

    features_IF: int32, ids in the shared table, 0 = none. log_count_I: log(1 + training events). category_I: index into
    category_names of the second level of the path (0 = none). text_I: uint64, the key of the product's text in `texts`;
    both are there with a text encoder only.
    """

    product_ids: pa.Array
    features_IF: np.ndarray
    log_count_I: np.ndarray
    category_I: np.ndarray
    category_names: list[str]
    text_I: np.ndarray | None = None
    texts: TextVectors | None = None

    @classmethod
    def of(
        cls, products: pa.Table, vocabularies: Vocabularies, config: ModelConfig, known: TextVectors | None = None
    ) -> Catalogue:
        """Products (PRODUCT_COLUMNS) as the vocabularies describe them, in order of training count, then id. known:
        texts that the config's encoder need not encode again. Raises UsageError where the encoder is not there.
        """
        counts = vocabularies.product.count(products["product_id"].combine_chunks())
        products = products.append_column("count", pa.array(counts))
        products = products.sort_by([("count", "descending"), ("product_id", "ascending")]).combine_chunks()
        prefixes = cache(path_prefixes)  # thousands of products share a path
        paths_I = [prefixes(tuple(path or ())) for path in products["category_path"].to_pylist()]
        ids = _feature_ids(products, paths_I, vocabularies, config)
        features = np.concatenate([np.zeros((FIRST, ids.shape[1])), ids]).astype(np.int32)
        features[UNKNOWN, 0] = UNKNOWN  # an unknown product is an event's own context and this one vector
        second = [levels[min(1, len(levels) - 1)] if levels else "" for levels in paths_I]
        names = ["", *sorted(set(second) - {""})]
        place = {name: index for index, name in enumerate(names)}
        category = np.array([0, 0, *[place[name] for name in second]], np.int32)
        log_count = np.concatenate([np.zeros(FIRST), np.log1p(products["count"].to_numpy())]).astype(np.float32)
        keys, texts = None, None
        if config.text_encoder != NONE:
            said = texts_of(products)
            texts = vectors(config.text_encoder, said, known)
            keys = np.array([NO_TEXT] * FIRST + [key(text) for text in said], np.uint64)
        return cls(products["product_id"].combine_chunks(), features, log_count, category, names, keys, texts)

    def rows(self, product_ids: pa.Array) -> np.ndarray:
        """int32 rows of products; PADDING for empty text and null, UNKNOWN for one that is not in the catalogue."""
        rows = find(product_ids, self.product_ids)
        empty = pc.fill_null(pc.equal(product_ids, ""), True).to_numpy(zero_copy_only=False)
        # -1 + FIRST = UNKNOWN
        return np.where(empty, PADDING, rows + FIRST).astype(np.int32)

    def save(self, path: Path) -> None:
        """One row a product: product_id, features, log_count, category, text; and beside it the vectors of texts."""
        features = self.features_IF[FIRST:]
        columns = {
            "product_id": self.product_ids,
            "features": pa.FixedSizeListArray.from_arrays(features.ravel(), features.shape[1]),
            "log_count": self.log_count_I[FIRST:],
            "category": pa.array(self.category_names).take(pa.array(self.category_I[FIRST:])),
        }
        if self.texts is not None:
            columns["text"] = self.text_I[FIRST:]
            self.texts.save(path.with_name(TEXTS))
        pq.write_table(pa.table(columns), path)

    @classmethod
    def load(cls, path: Path) -> Catalogue:
        """What `save` left."""
        table = pq.read_table(path).combine_chunks()
        texts = TextVectors.load(path.with_name(TEXTS)) if "text" in table.column_names else None
        keys = None if texts is None else np.concatenate([np.zeros(FIRST, np.uint64), table["text"].to_numpy()])
        width = table.schema.field("features").type.list_size
        flat = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, width)
        features = np.concatenate([np.zeros((FIRST, width), np.int32), flat])
        features[UNKNOWN, 0] = UNKNOWN
        names = ["", *sorted(set(table["category"].to_pylist()) - {""})]
        category = find(table["category"].combine_chunks(), pa.array(names))
        nothing = np.zeros(FIRST, np.float32)
        return cls(
            table["product_id"].combine_chunks(),
            features,
            np.concatenate([nothing, table["log_count"].to_numpy()]),
            np.concatenate([nothing, category]).astype(np.int32),
            names,
            keys,
            texts,
        )


def feature_count(vocabularies: Vocabularies, config: ModelConfig) -> int:
    """Rows of the shared feature table."""
    sizes = (vocabularies.product.size, vocabularies.category.size, vocabularies.brand.size)
    return sum(sizes) + PRICE_BUCKETS + config.word_buckets + 1


def words(title: str | None) -> list[str]:
    """Lower-case words; a run of Chinese or Japanese characters gives its bigrams."""
    parts: list[str] = []
    for run in _WORD.findall((title or "").lower()):
        split = _CJK.match(run) and len(run) > 1
        parts += [run[i : i + 2] for i in range(len(run) - 1)] if split else [run]
    return parts


def _feature_ids(
    products: pa.Table, paths_I: list[list[str]], vocabularies: Vocabularies, config: ModelConfig
) -> np.ndarray:
    """int32 (products, features): ids in the shared table, in which each kind of feature has a block of its own."""
    level_IC = [pa.array([p[i] if i < len(p) else None for p in paths_I], pa.string()) for i in range(_PATH_FEATURES)]
    base, columns = 0, []  # a block of the shared table starts where the one before ends
    for ids, size in (
        ([vocabularies.product.encode(products["product_id"].combine_chunks())], vocabularies.product.size),
        ([vocabularies.category.encode(level) for level in level_IC], vocabularies.category.size),
        ([vocabularies.brand.encode(products["brand"].combine_chunks())], vocabularies.brand.size),
        ([vocabularies.price_levels(price_bucket(products["usual_price"].to_pylist()))], PRICE_BUCKETS),
        (_hashed(products["title"].combine_chunks(), config).T, config.word_buckets),
    ):
        columns += [np.where(column == PADDING, PADDING, base + column) for column in ids]
        base += size
    return np.stack(columns, axis=1)


def _hashed(titles: pa.Array, config: ModelConfig) -> np.ndarray:
    """int32 (products, title_words): 1 + hash bucket of each of the first distinct words; 0 = none."""
    each = titles.dictionary_encode(null_encoding="encode")
    buckets = np.zeros((len(each.dictionary), config.title_words), np.int32)
    for row, title in enumerate(each.dictionary.to_pylist()):
        for column, word in enumerate(list(dict.fromkeys(words(title)))[: config.title_words]):
            buckets[row, column] = 1 + zlib.crc32(word.encode()) % config.word_buckets
    return buckets[each.indices.to_numpy()]
