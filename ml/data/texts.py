"""What products say of themselves, as vectors: a text is encoded once, and kept with the model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.common.arrays import find_sorted
from ml.data.text_encoders import encode

NO_TEXT = 0


def texts_of(products: pa.Table) -> list[str]:
    """The title of each product and the names of its category path; "" where it has neither."""
    rows = zip(products["title"].to_pylist(), products["category_path"].to_pylist(), strict=True)
    return [", ".join(part for part in [title, *(path or [])] if part) for title, path in rows]


def key(text: str) -> int:
    """A hash of 64 bits; NO_TEXT of an empty one."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) if text else NO_TEXT


@dataclass(frozen=True)
class TextVectors:
    """keys_T: uint64, ascending. rows_TE: float16, the vector of each text."""

    keys_T: np.ndarray
    rows_TE: np.ndarray

    @classmethod
    def of(cls, encoder: str, texts: list[str], known: TextVectors | None) -> TextVectors:
        """Of all distinct texts; those that `known` (of the same encoder) has are not encoded again."""
        asked = {key(text): text for text in texts if text}
        keys_T = np.array(sorted(asked), np.uint64)
        place_T = np.full(len(keys_T), -1) if known is None else find_sorted(keys_T, known.keys_T)
        new_T = np.flatnonzero(place_T < 0)
        encoded = encode(encoder, [asked[int(one)] for one in keys_T[new_T]]) if len(new_T) or known is None else None
        rows = np.empty((len(keys_T), (known.rows_TE if encoded is None else encoded).shape[1]), np.float16)
        if encoded is not None:
            rows[new_T] = encoded
        if known is not None:
            rows[place_T >= 0] = known.rows_TE[place_T[place_T >= 0]]
        return cls(keys_T, rows)

    def rows(self, keys_I: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """int64 (I): the row of each key among the second, float16 (T + 1, E): the vectors, and zeros for NO_TEXT."""
        nothing = np.zeros((1, self.width), np.float16)
        place_I = find_sorted(keys_I, self.keys_T)
        return np.where(place_I < 0, len(self.keys_T), place_I), np.concatenate([self.rows_TE, nothing])

    @property
    def width(self) -> int:
        return self.rows_TE.shape[1]

    def save(self, path: Path) -> None:
        rows = pa.FixedSizeListArray.from_arrays(self.rows_TE.ravel(), self.width)
        pq.write_table(pa.table({"key": self.keys_T, "vector": rows}), path)

    @classmethod
    def load(cls, path: Path) -> TextVectors | None:
        """What `save` left; None where there is no such file: of a model without a text encoder."""
        if not path.is_file():
            return None
        table = pq.read_table(path).combine_chunks()
        width = table.schema.field("vector").type.list_size
        return cls(table["key"].to_numpy(), table["vector"].combine_chunks().flatten().to_numpy().reshape(-1, width))
