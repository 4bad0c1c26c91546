"""A topic of a real Kafka: each record is landed once, on the night that took it, and a night can be run again."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from jobs.collect import run as collect
from jobs.collect import streams
from jobs.errors import DataError, UsageError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.sources import spec
from jobs.sources.spec import Kafka
from jobs.tables import BRONZE_EVENTS, LOADS, QUARANTINE
from local.places import SetupError
from tests.jobs import kafka

pytestmark = pytest.mark.engines
DS = date(2017, 1, 2)


@pytest.fixture(scope="module")
def broker():
    try:
        folder = kafka.broker_jars()
    except SetupError as error:
        pytest.skip(f"no Kafka broker here: {error}")
    with kafka.running(folder) as servers:
        yield servers


@pytest.fixture
def send(broker):
    def send(topic: str, *values: str | None) -> None:
        producer = Producer({"bootstrap.servers": broker, "log_level": 0})  # one that knows no topic of before
        for value in values:
            producer.produce(topic, value)
        assert producer.flush(30) == 0

    return send


def landed(landing, topic: str) -> dict[str, list[str]]:
    """The records in the landing folder, by their day of delivery."""
    found: dict[str, list[str]] = {}
    for file in sorted((landing / "kafka" / topic).glob("batch-*/ds=*/*.gz")):
        texts = gzip.decompress(file.read_bytes()).decode().splitlines()
        found.setdefault(file.parent.name.removeprefix("ds="), []).extend(texts)
    return {day: sorted(values) for day, values in found.items()}


def test_nights_of_a_topic(spark, broker, send, tmp_path, monkeypatch):
    """Through collect: a night, the same again with nothing new in it, the next with a late event."""
    monkeypatch.setenv("SHOP_KAFKA", broker)
    events = {"kafka": {"servers_env": "SHOP_KAFKA", "topic": "clicks"}, "id": ["id"],
              "fields": {"user_id": "u", "event_time": "t", "event_type": {"constant": "view"}}}  # fmt: skip
    source = spec.Source(name="shop", title="t", origin="o", licence="l", events=events)
    monkeypatch.setattr(collect, "load", lambda name: source)
    night = Settings(DS, DS, str(tmp_path / "wh"), "shop", str(tmp_path / "landing"), "test")
    (tmp_path / "landing").mkdir()

    def event(n: int, day: date) -> str:
        return json.dumps({"id": n, "u": "1", "t": f"{day}T10:00:00Z"}, indent=1)  # over several lines

    def bronze() -> list:
        rows = delta.read(spark, night.warehouse, BRONZE_EVENTS).select("event_id", "ds", "landed_ds")
        return sorted(tuple(row) for row in rows.collect())

    send("clicks", event(1, DS), event(2, DS), "no record", None)
    assert "rows_in 3, loaded 2, duplicates 0, quarantined 1" in collect.run(spark, night)
    next_day = DS + timedelta(days=1)
    before = landed(tmp_path / "landing", "clicks")
    send("clicks", event(3, next_day), event(4, DS))
    streams.drain(spark, source.events.kafka, night.landing, DS)
    assert landed(tmp_path / "landing", "clicks") == before
    assert "rows_in 2, loaded 2" in collect.run(spark, replace(night, ds=next_day, since=next_day))
    assert bronze() == [("1", DS, DS), ("2", DS, DS), ("3", next_day, next_day), ("4", DS, next_day)]
    assert delta.read(spark, night.warehouse, QUARANTINE).first()["raw"] == "no record"
    assert delta.read(spark, night.warehouse, LOADS).selectExpr("sum(late)").first()[0] == 1


def test_a_killed_batch_is_landed_once_whatever_night_does_it_again(spark, broker, send, tmp_path, monkeypatch):
    orders = Kafka(servers=broker, topic="orders")
    send("orders", "1", "2", "3")
    with monkeypatch.context() as killed:
        killed.setattr(streams.json, "dumps", lambda _: pytest.fail("killed before the batch was done"))
        with pytest.raises(pytest.fail.Exception, match="killed before"):
            streams.drain(spark, orders, str(tmp_path), DS)
    assert landed(tmp_path, "orders") == {"2017-01-02": ["1", "2", "3"]}
    send("orders", "4")
    later = DS + timedelta(days=1)
    streams.drain(spark, orders, str(tmp_path), later)
    streams.drain(spark, orders, str(tmp_path), later)
    streams.drain(spark, orders, str(tmp_path), DS)
    assert landed(tmp_path, "orders") == {"2017-01-03": ["1", "2", "3", "4"]}


def test_a_topic_that_spark_drained_goes_on_from_its_checkpoint(spark, broker, send, tmp_path):
    send("visits", *map(str, range(20)))
    streams.drain(spark, Kafka(servers=broker, topic="visits"), str(tmp_path), DS)
    home = tmp_path / "kafka" / "visits"
    (marker,) = (home / "_drained").iterdir()
    offsets = json.loads(marker.read_text())["offsets"]
    for folder, text in (("commits", "{}"), ("offsets", f"v1\n{{}}\n{json.dumps({'visits': offsets})}")):
        (home / "_checkpoint" / folder).mkdir(parents=True)
        (home / "_checkpoint" / folder / "0").write_text(text)
    marker.write_text("")
    send("visits", "20")
    streams.drain(spark, Kafka(servers=broker, topic="visits"), str(tmp_path), DS + timedelta(days=1))
    assert landed(tmp_path, "visits") == {"2017-01-02": sorted(map(str, range(20))), "2017-01-03": ["20"]}


def test_what_goes_wrong_with_a_topic_is_said(spark, broker, send, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="expected the Kafka topic 'clicsk', found none"):
        streams.drain(spark, Kafka(servers=broker, topic="clicsk"), str(tmp_path), DS)

    refunds = Kafka(servers=broker, topic="refunds")
    send("refunds", *map(str, range(20)))
    streams.drain(spark, refunds, str(tmp_path), DS)
    admin = AdminClient({"bootstrap.servers": broker})
    admin.delete_topics(["refunds"])["refunds"].result()
    while "refunds" in admin.list_topics(timeout=10).topics:
        time.sleep(0.1)
    admin.create_topics([NewTopic("refunds", 2)])["refunds"].result()
    send("refunds", "20")
    next_day = DS + timedelta(days=1)
    with pytest.raises(DataError, match="may_lose: true"):
        streams.drain(spark, refunds, str(tmp_path), next_day)
    streams.drain(spark, Kafka(servers=broker, topic="refunds", may_lose=True), str(tmp_path), next_day)
    assert landed(tmp_path, "refunds")["2017-01-03"] == ["20"]

    monkeypatch.setattr(streams, "_SECONDS", 1.5)
    with pytest.raises(ConnectionError, match="answer for the topic 'clicks'"):
        streams.drain(spark, Kafka(servers="127.0.0.1:1", topic="clicks"), str(tmp_path), DS)
    with pytest.raises(UsageError, match="variable NOWHERE_SET, found it empty"):
        streams.drain(spark, Kafka(servers_env="NOWHERE_SET", topic="clicks"), str(tmp_path), DS)
    with pytest.raises(UsageError, match="expected the landing folder"):
        streams.drain(spark, refunds, str(tmp_path / "typo"), DS)
