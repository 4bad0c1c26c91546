"""Great Expectations without what no suite needs: importing it takes 1.4 s of a core in place of 3.7.

At its import it loads altair and scipy.stats for pictures and tests of distributions: they are put off until somebody
asks for them. What it does without where it is not installed is hidden from it: SQLAlchemy, Google's clouds and
pyspark.ml. Our data come as Spark frames; only the divergence of a numeric column asks for a part of pyspark.ml.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from threading import get_ident
from types import ModuleType

_LATER = {"altair", "scipy.stats"}
_HIDDEN = {"google.auth", "google.oauth2", "pyspark.ml", "sqlalchemy"}


class _Finder(MetaPathFinder):
    """Answers the thread that made it alone: what others import meanwhile they get as ever."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if get_ident() != self._thread:
            return None
        if fullname in _HIDDEN:
            raise ModuleNotFoundError(f"{fullname} is hidden from Great Expectations", name=fullname)
        spec = PathFinder.find_spec(fullname, path, target) if fullname in _LATER else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def _extras_left_out() -> Iterator[None]:
    finder, collects = _Finder(), gc.isenabled()
    sys.meta_path.insert(0, finder)
    gc.disable()  # a fifth of the time: the import makes a million objects, and none of them goes
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        gc.freeze()  # none of them goes: else the next collection looks at them all
        if collects:
            gc.enable()


with _extras_left_out():
    import great_expectations as gx
    from great_expectations import expectations as gxe

__all__ = ["gx", "gxe"]
