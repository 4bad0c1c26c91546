"""Rules of behaviour in whole nights: members, causes and why, explanations, previews."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from jobs import tables
from jobs.audiences import book as audience_book
from jobs.audiences import explain, preview
from jobs.audiences import members as audience_members
from jobs.audiences import run as audiences
from jobs.audiences.counterfactual import as_of_then
from jobs.audiences.former import Former
from jobs.errors import DataError, UsageError
from jobs.features import daily as user_daily
from jobs.lake import delta
from jobs.segments import LastNight
from jobs.settings import Settings
from tests.jobs.audiences.test_audiences import DS, book, people, release, rows_of, stage_people, write
from tests.jobs.frames import at, silver

RULES = {
    "quiet": {"rule": {"not": {"did": "purchase", "in": {"last_days": 2}}}},
    "best": {"rule": {"top": {"did": "purchase", "sum": "amount"}, "percent": 25}},
    "slow": {"rule": {"all": [{"did": "purchase"}, {"is": {"active_days_365d": {"at_least": 3}}}]}},
    "gone": {"rule": {"left": "quiet", "in": {"last_days": 9}}},
    "old": {"where": "recency_days > 3"},
}


def bought(user, days_ago, amount="10.00", **more):
    day = DS - timedelta(days=days_ago)
    return {"event_id": f"{user}{days_ago}{more}", "user_id": user, "event_time": at(f"{day} 12:00"),
            "amount": Decimal(amount)} | more  # fmt: skip


LOG = [bought("a", 5), bought("b", 1, "99.00"), bought("c", 0, "5.00"), bought("b", 3)]


def settings(folder, days, run):
    ds = DS + timedelta(days=days)
    return Settings(ds, ds, str(folder / "wh"), "shop", "", run)


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Two nights of four users, d without an event: in the second a buys, and c has stopped to."""
    home = tmp_path_factory.mktemp("behaviour")
    patch = pytest.MonkeyPatch()
    (home / "audiences").mkdir()
    patch.setattr(audience_book, "FOLDER", write(home / "audiences", **RULES))
    nights = []
    for days, log in ((0, LOG), (2, [*LOG, bought("a", -2)])):
        s = settings(home, days, f"n{days}")
        delta.replace_where(silver(spark, *log), s.warehouse, tables.SILVER_EVENTS, "true")
        features = [dict.fromkeys(tables.USER_FEATURES.column_names)
                    | {"user_id": user, "ds": s.ds, "active_days_365d": gap}
                    for user, gap in (("a", 7), ("b", 2))]  # fmt: skip
        delta.replace_rows(features, s.warehouse, tables.USER_FEATURES, f"ds = '{s.ds}'")
        stage_people(spark, s, *[{"user_id": user, "recency_days": 5} for user in "abcd"])
        audiences.run(spark, s)
        release(s)
        nights.append(s)
    yield (*nights, home)
    patch.undo()


def inside(s):
    found = {}
    for audience, user in rows_of(s, tables.AUDIENCE_MEMBERS, "audience_id, user_id"):
        found[audience] = found.get(audience, "") + user
    return found


def test_who_is_in_on_each_night(shop):
    first, second, _ = shop
    assert inside(first) == {"quiet": "ad", "best": "b", "slow": "a", "old": "abcd"}
    assert inside(second) == {"quiet": "bcd", "best": "b", "slow": "a", "old": "abcd"}


def test_a_change_by_behaviour_says_which_condition_and_his_numbers(shop):
    told = {(a, u): (change, cause, why) for a, u, change, cause, why in
            rows_of(shop[1], tables.AUDIENCE_CHANGES, "audience_id, user_id, change, cause, why")}  # fmt: skip
    asked = "events of purchase in the last 2 days: at least 1"
    a, b = DS - timedelta(days=5), DS - timedelta(days=1)
    assert told == {
        ("quiet", "a"): ("exit", "behaviour", f"{asked}: 0 (the last on {a}) -> 1 (the last on {shop[1].ds})"),
        ("quiet", "b"): ("enter", "behaviour", f"{asked}: 1 (the last on {b}) -> 0 (the last on {b})"),
        ("quiet", "c"): ("enter", "behaviour", f"{asked}: 1 (the last on {DS}) -> 0 (the last on {DS})"),
    }


def test_each_night_names_the_commit_of_its_definitions(shop):
    assert all(sha for (sha,) in rows_of(shop[1], tables.AUDIENCES, "git_sha"))


def test_who_left_an_audience_is_told_by_the_nights_before(spark, shop):
    s = Settings(shop[1].ds + timedelta(days=1), shop[1].ds + timedelta(days=1), shop[1].warehouse, "shop", "", "n3")
    stage_people(spark, s, *[{"user_id": user} for user in "abcd"])
    audiences.run(spark, s)
    staged = delta.rows(s.warehouse, tables.AUDIENCE_MEMBERS.staged(), f"ds = '{s.ds}' AND audience_id = 'gone'")
    assert [row["user_id"] for row in staged] == ["a"]


def test_a_past_night_is_asked_of_what_was_known_then(spark, shop):
    """The second night's events lie in silver, and the first night's preview does not see them."""
    first, _, home = shop
    found, _ = preview.preview(spark, first, home / "audiences" / "quiet.yaml", exact=False, share=0.5)
    assert found.sample < found.users
    assert (found.enter, found.leave) == (0, 0)


def test_an_explanation_has_each_condition_with_his_numbers(spark, shop):
    _, second, home = shop
    lines, outcome = explain.explained(spark, second, home / "audiences" / "slow.yaml", "b")
    assert outcome == "not in it"
    assert lines == [
        (0, "all of", False, ""),
        (1, "events of purchase ever: at least 1", True, f"2 (the last on {DS - timedelta(days=1)})"),
        (1, "active_days_365d at least 3", False, "2"),
    ]
    text = preview.run(spark, second, home / "audiences" / "best.yaml", False, None, "b")
    assert "b and best as of 2017-12-05: in it" in text
    assert "109, from 109" in text
    with pytest.raises(DataError, match="found none of the id 'x'"):
        explain.explained(spark, second, home / "audiences" / "slow.yaml", "x")
    with pytest.raises(UsageError, match="found one of where"):
        explain.explained(spark, second, home / "audiences" / "old.yaml", "a")


def test_the_last_night_s_rules_are_asked_again_with_what_came_late(spark, tmp_path):
    """Three purchases of `late` are known tonight, of which one came since."""
    s, night = settings(tmp_path, 0, "r"), DS - timedelta(days=1)
    log = [bought(user, n + 1, landed_ds=DS if (user, n) == ("late", 0) else DS - timedelta(days=n + 1))
           for user in ("late", "on time") for n in range(3)]  # fmt: skip
    events = silver(spark, *log)
    delta.replace_where(events, s.warehouse, tables.SILVER_EVENTS, "true")
    daily = user_daily.build(events, user_daily.mean_prices(events)).withColumn("run_id", F.lit("r"))
    delta.replace_where(daily, s.warehouse, tables.USER_DAILY, "true")
    known = dict.fromkeys(tables.SILVER_USERS.column_names) | {"first_seen_ds": DS - timedelta(days=90)}
    users = ("late", "on time")
    delta.replace_rows([known | {"user_id": user} for user in users], s.warehouse, tables.SILVER_USERS, "true")
    restated = {"source": "shop", "source_file": "f", "landed_ds": DS, "ds": night, "user_id": "late"}
    delta.replace_rows([restated], s.warehouse, tables.RESTATED, "true")
    which = book(
        three={"rule": {"did": "purchase", "at_least": 3, "in": {"last_days": 3}}},
        best={"rule": {"top": {"did": "purchase"}, "users": 1}},
    )
    former = Former(LastNight(night, "1"), {one: {"evaluated_ds": night} for one in which}, which)
    before = people(spark, *[{"user_id": user, "ds": night} for user in users])
    rows = audience_members.alone(people(spark, *[{"user_id": user} for user in users]))
    found = as_of_then(spark, s, rows, former, before).collect()
    assert {row["user_id"]: row["corrected"] for row in found} == {"late": ["best", "three"]}
