"""A clone keeps its ports, so that two clones do not collide and addresses stay."""

from __future__ import annotations

from local import ports, processes


def test_ports_are_chosen_once_and_again_only_when_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "RUN", tmp_path)
    monkeypatch.setattr(processes, "RUN", tmp_path)
    first = ports.choose()
    assert ports.choose() == first
    assert len({first.airflow, first.mlflow}) == 2
    with ports.socket.socket() as taken:
        taken.bind(("127.0.0.1", first.mlflow))
        taken.listen()
        assert ports.choose().mlflow != first.mlflow
        assert ports.choose().airflow == first.airflow
