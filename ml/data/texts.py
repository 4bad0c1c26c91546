"""What products say of themselves, as vectors of the encoder that a setting names; kept with the model."""

from __future__ import annotations

import pyarrow as pa

from jobs.texts import TextVectors
from ml.data.text_encoders import encode


def texts_of(products: pa.Table) -> list[str]:
    """The title of each product and the names of its category path; "" where it has neither."""
    rows = zip(products["title"].to_pylist(), products["category_path"].to_pylist(), strict=True)
    return [", ".join(part for part in [title, *(path or [])] if part) for title, path in rows]


def vectors(encoder: str, texts: list[str], known: TextVectors | None = None) -> TextVectors:
    """Of the texts, by an encoder of ml/data/text_encoders.py, and of those that `known` has, which is by the same."""
    return TextVectors.of(lambda new: encode(encoder, new), texts, known)
