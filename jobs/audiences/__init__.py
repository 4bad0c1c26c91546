"""audiences: who is in which audience of conf/audiences, and why that changed. Other hops take what stands here."""

from __future__ import annotations

from jobs.audiences.book import Book
from jobs.audiences.changes import tonights_changes

__all__ = ["Book", "tonights_changes"]
