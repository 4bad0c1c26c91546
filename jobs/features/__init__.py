"""features: what a user did, by day and as of a day. Other hops take what stands here."""

from __future__ import annotations

from jobs.features.run import build
from jobs.features.sequences import with_days

__all__ = ["build", "with_days"]
