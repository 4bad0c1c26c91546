"""Ids of a source as keys of our tables."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import functions as F

from jobs.lake import identity
from jobs.sources import keys
from jobs.sources.keys import Keys

FIRST, APP = Keys("", ("app", "till")), Keys("app", ("till",))
ONE = ["12", "app:12", "till:12", "apps:12", "a:app:12", None]


def test_a_key_tells_whose_it_is(spark):
    frame = spark.createDataFrame([(one,) for one in ONE[:-1]], "key string")
    for of, mine in ((FIRST, ["12", "apps:12", "a:app:12"]), (APP, ["app:12"]), (Keys(), ONE[:-1])):
        assert [row["key"] for row in frame.where(of.holding("key")).collect()] == mine
        assert pa.array(ONE).filter(of.among(pa.array(ONE))).to_pylist() == mine
        assert [one for one in ONE[:-1] if of.holds(one)] == mine
    assert (APP.own("app:12"), FIRST.own("12")) == ("12", "12")
    made = frame.select(APP.user(F.col("key")), FIRST.user(F.col("key")), FIRST.foreign(F.col("key"))).take(2)
    assert [tuple(row) for row in made] == [("app:12", "12", False), ("app:app:12", "app:12", True)]
    assert Keys().foreign(F.col("key")) is None


def test_each_source_knows_the_others(monkeypatch):
    monkeypatch.setattr(identity, "namespaces", lambda _: {"web": "", "app": "app", "till": "app", "pos": "pos"})
    known = keys.known("wh")
    assert known["web"] == Keys("", ("app", "pos"))
    assert known["app"] == known["till"] == Keys("app", ("pos",))
