"""The one door to a language model: OpenAI's protocol, within its seconds and requests."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from pydantic import Field

from jobs.conf import CONF, Strict, read

MOST_BYTES = 1_000_000  # of an answer: what is longer is none


class LanguageModel(Strict):
    """conf/language_model.yaml."""

    base_url: str = ""
    model: str = ""
    key_from: str = ""
    seconds: float = Field(60, gt=0, le=600)
    requests: int = Field(100, ge=0)
    at_once: int = Field(4, ge=1, le=32)

    @classmethod
    def load(cls, path: Path = CONF / "language_model.yaml") -> LanguageModel:
        """Of the file; UsageError says which key is wrong."""
        return read(path, cls, "language model")


class UnansweredError(Exception):
    """A request brought nothing that can be read; the text says what came instead."""


class Connection:
    """Asks a model until its seconds, counted from now, or its requests are used up."""

    def __init__(self, config: LanguageModel, clock: Callable[[], float] = time.monotonic):
        self.config, self.clock = config, clock
        self.until, self.left = clock() + config.seconds, config.requests
        key = os.environ.get(config.key_from, "") if config.key_from else ""
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    @property
    def open(self) -> bool:
        """Whether a request and time are left."""
        return self.left > 0 and self.clock() < self.until

    def ask(self, messages: list[dict], tokens: int) -> str:
        """The model's text, of at most so many tokens, all of it before the seconds are over; UnansweredError where
        none came.
        """
        self.left -= 1
        try:
            return self._asked(messages, tokens)
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UnansweredError(f"{type(error).__name__}: {error}"[:200]) from None

    def _asked(self, messages: list[dict], tokens: int) -> str:
        url = self.config.base_url.rstrip("/") + "/chat/completions"
        body = {"model": self.config.model, "messages": messages, "temperature": 0, "max_tokens": tokens}
        wait = max(self.until - self.clock(), 0.05)
        with httpx.stream("POST", url, json=body, headers=self.headers, timeout=wait) as response:
            response.raise_for_status()
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if self.clock() > self.until:
                    raise httpx.ReadTimeout("the seconds are over")
                if size > MOST_BYTES:
                    raise ValueError(f"expected an answer of at most {MOST_BYTES:,} bytes")
        return str(json.loads(b"".join(parts))["choices"][0]["message"]["content"])
