"""The door to the engines: which one is asked for, and what Sail cannot."""

from __future__ import annotations

import pytest

from jobs.errors import UsageError
from jobs.lake import engine
from jobs.lake.engine import sail


def test_the_engine_is_chosen_by_name(monkeypatch):
    monkeypatch.delenv("HUAXIANG_ENGINE", raising=False)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    assert engine.name() == "sail"
    monkeypatch.setenv("HUAXIANG_ENGINE", "spark")
    assert engine.name() == "spark"
    monkeypatch.setenv("HUAXIANG_ENGINE", "flink")
    with pytest.raises(UsageError, match="to be sail or spark, found 'flink'"):
        engine.name()


def test_what_spark_submit_started_is_spark(monkeypatch):
    monkeypatch.setenv("HUAXIANG_ENGINE", "sail")
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1234")
    assert not engine.is_sail()


def test_what_sail_cannot_is_said_with_the_way_out(monkeypatch):
    monkeypatch.setenv("HUAXIANG_ENGINE", "sail")
    with pytest.raises(UsageError, match=r"read the Kafka topic clicks, found Sail.*HUAXIANG_ENGINE=spark"):
        engine.needs_spark("read the Kafka topic clicks")


@pytest.mark.parametrize(("text", "size"), [("3g", 3 << 30), ("800m", 800 << 20), ("2GB", 2 << 30), ("1024", 1024)])
def test_the_memory_is_a_size(monkeypatch, text, size):
    monkeypatch.setenv("HUAXIANG_DRIVER_MEMORY", text)
    assert sail.memory() == size


def test_a_memory_that_is_no_size_is_refused(monkeypatch):
    monkeypatch.setenv("HUAXIANG_DRIVER_MEMORY", "much")
    with pytest.raises(UsageError, match="such as 3g or 800m, found 'much'"):
        sail.memory()
