"""A Spark that went away costs a verb time, not the night."""

from __future__ import annotations

import socket

from jobs.lake.engine import spark


def test_only_a_spark_that_answers_is_used(capsys):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        remote = f"sc://127.0.0.1:{server.getsockname()[1]}"
        assert spark._standing(remote) == remote
    assert spark._standing(remote) is None
    assert f"no Spark at {remote}" in capsys.readouterr().err
    assert spark._standing("") is None
