"""A topic of a real Kafka: each record is landed once, on the night that took it, and a night can be run again."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest

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

pytestmark = [pytest.mark.engines, pytest.mark.spark_alone]
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
def send(spark, broker):
    def send(topic: str, *values: str | None) -> None:
        rows = spark.createDataFrame([(value,) for value in values], "value string")
        rows.write.format("kafka").option("kafka.bootstrap.servers", broker).option("topic", topic).save()

    return send


def landed(spark, landing, topic: str) -> dict[str, list[str]]:
    """The records in the landing folder, by their day of delivery."""
    found: dict[str, list[str]] = {}
    for folder in sorted((landing / "kafka" / topic).glob("batch-*/ds=*")):
        rows = spark.read.text(str(folder)).collect()
        found.setdefault(folder.name.removeprefix("ds="), []).extend(row["value"] for row in rows)
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
    before = landed(spark, tmp_path / "landing", "clicks")
    send("clicks", event(3, next_day), event(4, DS))
    streams.drain(spark, source.events.kafka, night.landing, DS)
    assert landed(spark, tmp_path / "landing", "clicks") == before
    assert "rows_in 2, loaded 2" in collect.run(spark, replace(night, ds=next_day, since=next_day))
    assert bronze() == [("1", DS, DS), ("2", DS, DS), ("3", next_day, next_day), ("4", DS, next_day)]
    assert delta.read(spark, night.warehouse, QUARANTINE).first()["raw"] == "no record"
    assert delta.read(spark, night.warehouse, LOADS).selectExpr("sum(late)").first()[0] == 1


def test_a_killed_batch_is_landed_once_whatever_night_does_it_again(spark, broker, send, tmp_path, monkeypatch):
    orders, lander = Kafka(servers=broker, topic="orders"), delta.batch_lander

    def dying(folder, ds):
        def land(batch, number):
            lander(folder, ds)(batch, number)
            raise RuntimeError("killed before Spark's checkpoint knew that the batch is done")

        return land

    send("orders", "1", "2", "3")
    monkeypatch.setattr(delta, "batch_lander", dying)
    with pytest.raises(Exception, match="killed before"):
        streams.drain(spark, orders, str(tmp_path), DS)
    assert landed(spark, tmp_path, "orders") == {"2017-01-02": ["1", "2", "3"]}
    monkeypatch.setattr(delta, "batch_lander", lander)
    send("orders", "4")
    later = DS + timedelta(days=1)
    streams.drain(spark, orders, str(tmp_path), later)
    streams.drain(spark, orders, str(tmp_path), later)
    streams.drain(spark, orders, str(tmp_path), DS)
    assert landed(spark, tmp_path, "orders") == {"2017-01-03": ["1", "2", "3", "4"]}


def test_what_goes_wrong_with_a_topic_is_said(spark, broker, send, tmp_path, monkeypatch):
    def reason(topic: Kafka, ds: date = DS) -> Exception:
        with pytest.raises(Exception, match="STREAM_FAILED") as caught:
            streams.drain(spark, topic, str(tmp_path), ds)
        return streams.explain(caught.value, topic)

    gone = reason(Kafka(servers=broker, topic="clicsk"))
    assert isinstance(gone, UsageError)
    assert "'clicsk'" in str(gone)

    refunds = Kafka(servers=broker, topic="refunds")
    send("refunds", *map(str, range(20)))
    streams.drain(spark, refunds, str(tmp_path), DS)
    java = spark._jvm.java.util
    settings, names = java.Properties(), java.ArrayList()
    settings.put("bootstrap.servers", broker)
    names.add("refunds")
    admin = spark._jvm.org.apache.kafka.clients.admin.AdminClient.create(settings)
    admin.deleteTopics(names).all().get()
    while "refunds" in admin.listTopics().names().get():
        time.sleep(0.1)
    admin.close()
    send("refunds", "20")  # makes it anew
    lost = reason(refunds, DS + timedelta(days=1))
    assert isinstance(lost, DataError)
    assert "may_lose: true" in str(lost)
    streams.drain(spark, Kafka(servers=broker, topic="refunds", may_lose=True), str(tmp_path), DS + timedelta(days=1))

    monkeypatch.setitem(streams._PATIENCE, "kafka.default.api.timeout.ms", "1500")
    monkeypatch.setitem(streams._PATIENCE, "kafka.request.timeout.ms", "1500")
    away = reason(Kafka(servers="127.0.0.1:1", topic="clicks"))
    assert isinstance(away, ConnectionError)
    assert "'clicks'" in str(away)

    with pytest.raises(UsageError, match="variable NOWHERE_SET, found it empty"):
        streams.drain(spark, Kafka(servers_env="NOWHERE_SET", topic="clicks"), str(tmp_path), DS)
    with pytest.raises(UsageError, match="expected the landing folder"):
        streams.drain(spark, refunds, str(tmp_path / "typo"), DS)
    assert streams.explain(ValueError("of another kind"), refunds) is None
