"""features: what a user did, by day and as of a day. Other hops take what stands here."""

from __future__ import annotations

from jobs.features.run import build

__all__ = ["build"]
