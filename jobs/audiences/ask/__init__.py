"""An audience by a sentence: a grammar of English and Chinese over the names that a warehouse knows."""

from __future__ import annotations

from jobs.audiences.ask.answer import Answer, Part, Reading
from jobs.audiences.ask.reader import Reader, read

__all__ = ["Answer", "Part", "Reader", "Reading", "read"]
