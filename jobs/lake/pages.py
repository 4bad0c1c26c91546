"""Where pages and documents go: nothing here needs Spark."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse


def local_folder(warehouse: str) -> Path:
    """The `_reports` folder of a warehouse, or ./reports beside a remote one."""
    parsed = urlparse(warehouse)
    if parsed.scheme in ("", "file"):
        return Path(parsed.path) / "_reports"
    return Path("reports")
