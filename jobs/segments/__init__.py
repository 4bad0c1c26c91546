"""segment: which segment a user belongs to, what each is like, and who moved why. Other hops take what stands here."""

from __future__ import annotations

from jobs.segments.assign import SegmentModel, model_rows
from jobs.segments.changes import tonights_changes
from jobs.segments.night import LastNight, balance, both_nights, came_late, late_features, of_night
from jobs.segments.profiles import active_hours, lifecycle_stage, price_tier
from jobs.segments.rules import Rules

__all__ = [
    "LastNight",
    "Rules",
    "SegmentModel",
    "active_hours",
    "balance",
    "both_nights",
    "came_late",
    "late_features",
    "lifecycle_stage",
    "model_rows",
    "of_night",
    "price_tier",
    "tonights_changes",
]
