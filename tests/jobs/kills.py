"""A verb that is killed after one of its commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobs.lake.engine import writes


class Killed(BaseException):
    """As a signal ends a run: nothing catches it."""


@contextmanager
def killed_after(commits: int, table: str = "") -> Iterator[list[str]]:
    """Within it, so many writes of tables are committed, or the first one of `table`, and end in `Killed`; the names of
    the tables that were written.
    """
    written: list[str] = []
    real = writes.one_writer

    @contextmanager
    def last(path: str) -> Iterator[None]:
        with real(path):
            yield
        written.append("/".join(path.split("/")[-2:]))
        if len(written) == commits or written[-1] == table:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writes, "one_writer", last)
        yield written
