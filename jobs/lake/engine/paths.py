"""Where a table lies, as Sail takes it: it writes to another folder than it is told where a name has a blank, a sign of
a pattern or a letter that is no ASCII.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from jobs.errors import UsageError
from jobs.lake import engine
from jobs.lake.engine import sail

_PLAIN = re.compile(r"[A-Za-z0-9_./@:=,~+&;'-]*")


def of_engine(path: str) -> str:
    """`path`, or on Sail a link of a plain name to that folder, which is made where there is none. UsageError for a
    URI that Sail would not reach.
    """
    if not engine.is_sail() or _PLAIN.fullmatch(path):
        return path
    if "://" in path:
        raise UsageError(f"expected a warehouse of ASCII letters, digits and _ . - / on Sail, found {path}")
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    link = sail.scratch() / "links" / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    if not _PLAIN.fullmatch(str(link)):
        raise UsageError(f"expected HUAXIANG_SCRATCH of ASCII letters, digits and _ . - / on Sail, found {link.parent}")
    link.parent.mkdir(exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(folder.resolve(), target_is_directory=True)
    return str(link)
