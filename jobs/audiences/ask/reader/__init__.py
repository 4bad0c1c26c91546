"""A sentence and the names of a warehouse, to an answer: pure, without the engine."""

from __future__ import annotations

from jobs.audiences.ask.reader.reading import Reader, read, reader_of

__all__ = ["Reader", "read", "reader_of"]
