"""Portraits by a language model: kept with what was sent, asked for once, and none without a model."""

from __future__ import annotations

from datetime import date, timedelta

from jobs.lake import delta
from jobs.language.connection import LanguageModel
from jobs.segments import written
from jobs.settings import Settings
from jobs.tables import PORTRAITS
from tests.jobs.language.test_writer import FACTS, GOOD, GOOD_ZH, LABELS, PLANTED, stub  # noqa: F401, a fixture

DS = date(2024, 3, 2)


def test_answers_are_kept_and_no_question_is_asked_twice(spark, tmp_path, stub):  # noqa: F811
    model = LanguageModel(base_url=f"http://127.0.0.1:{stub.server_address[1]}/v1", model="m", at_once=1)
    stub.answers = [GOOD, GOOD_ZH, PLANTED["leaks an id"]]

    def night(ds, facts):
        return written.portraits(Settings(ds, ds, str(tmp_path), "shop", "landing", f"r{ds}"), model, facts, LABELS)

    first = night(DS, {3: FACTS})
    assert first.keys() == {(3, "en"), (3, "zh")}
    assert night(DS, {3: FACTS}) == first, "the same night again"
    assert night(DS + timedelta(days=1), {3: FACTS}) == first, "the next night, unchanged"
    assert len(stub.asked) == 2
    rows = delta.rows(str(tmp_path), PORTRAITS, f"ds = '{DS}'")
    assert sorted((row["segment_id"], row["language"], row["verdict"]) for row in rows) == [
        (3, "en", "accepted"), (3, "zh", "accepted"),
    ]  # fmt: skip
    fewer = [fact for fact in FACTS if fact.id != "night_share_365d"]
    assert night(DS + timedelta(days=2), {3: fewer}) == {}
    refused = delta.rows(str(tmp_path), PORTRAITS, f"ds = '{DS + timedelta(days=2)}'")
    assert {row["verdict"] for row in refused} == {"refused"}
    assert all(row["faults"] and row["sent"] for row in refused)


def test_without_a_model_nobody_is_asked(tmp_path):
    s = Settings(DS, DS, str(tmp_path), "shop", "landing", "r")
    assert written.portraits(s, LanguageModel(), {3: FACTS}, LABELS) == {}
    assert not delta.exists(str(tmp_path), PORTRAITS)
