"""Files that are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path


def write_json(path: Path, value: dict) -> None:
    """Writes all or nothing."""
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
