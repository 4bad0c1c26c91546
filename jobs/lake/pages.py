"""Where pages and documents go: nothing here needs Spark."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

from jobs.lake import identity


def local_folder(warehouse: str) -> Path:
    """The `_reports` folder of a warehouse; of a remote one ./reports, with a folder for each warehouse."""
    parsed = urlparse(warehouse)
    if parsed.scheme in ("", "file"):
        return Path(parsed.path) / "_reports"
    return Path("reports") / (identity.warehouse_id(warehouse) or ".")
