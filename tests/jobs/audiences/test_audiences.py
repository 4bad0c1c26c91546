"""Rule audiences: definitions that hold, who is in, who is kept out, and two whole nights."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
import yaml
from pyspark.sql import functions as F

from jobs import __main__, tables
from jobs.audiences import book as audience_book
from jobs.audiences import members as audience_members
from jobs.audiences import overlap, preview, validate
from jobs.audiences import run as audiences
from jobs.audiences.book import Book
from jobs.audiences.counterfactual import as_of_then
from jobs.audiences.definition import Definition
from jobs.audiences.former import Former
from jobs.checks import run as checks
from jobs.errors import DataError, UsageError
from jobs.features import daily as user_daily
from jobs.lake import delta
from jobs.segments import LastNight
from jobs.settings import Settings
from jobs.tables import USER_PROFILES
from tests.jobs.frames import at, silver
from tests.jobs.kills import Killed, killed_after

DS = date(2017, 12, 3)  # a Sunday
SAID = {"name": "A", "name_zh": "甲", "description": "x", "description_zh": "x", "owner": "crm"}


def book(**definitions) -> Book:
    return Book.of({one: Definition.model_validate(SAID | said) for one, said in definitions.items()})


def people(spark, *rows):
    """Rows of gold.user_profiles."""
    base = dict.fromkeys(USER_PROFILES.column_names) | {"ds": DS, "model_version": "1", "run_id": "r", "tags": []}
    return spark.createDataFrame(
        [tuple((base | row)[name] for name in USER_PROFILES.column_names) for row in rows], USER_PROFILES.ddl
    )


# The definitions.


def write(folder, **definitions):
    for one, said in definitions.items():
        (folder / f"{one}.yaml").write_text(yaml.safe_dump(SAID | said, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("definitions", "said"),
    [
        ({"a": {"union": ["b", "slippin"]}, "b": {"where": "true"}, "slipping": {"where": "true"}},
         "audience a: expected an audience of conf/audiences, found 'slippin'; did you mean 'slipping'"),
        ({"a": {"union": ["b"]}, "b": {"where": "true", "suppress": {"audiences": ["a"]}}}, "in a circle: a -> b -> a"),
        ({"a": {"where": "true", "union": ["b"]}, "b": {"where": "true"}}, "exactly one of .* found where, union"),
        ({"a": {}}, "exactly one of .* found none"),
        ({"a": {"where": "true", "hold": 0.1}}, r"a\.yaml is not a valid audience: hold: there is no such key"),
        ({"a": {"where": "true", "schedule": {"weekly": "mon"}}}, "schedule.Weekly.weekly: Input should be 'monday'"),
        ({"a": {"where": "true", "holdout": 0.9}}, "holdout: Input should be less than or equal to 0.5"),
        ({"a": {"where": "true", "examples": {"match": [{"rfm_clas": 5}]}}}, "'rfm_clas'; did you mean 'rfm_class'"),
        ({"a": {"lookalike": {"seed": "b", "size": 5}}, "b": {"lookalike": {"seed": "c", "size": 5}},
          "c": {"where": "true"}}, "audience a: expected a lookalike to need audiences without a lookalike, found 'b'"),
        ({"A": {"where": "true"}}, "expected a name of small letters, digits and _"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_is_one_clear_line(tmp_path, definitions, said):
    with pytest.raises(UsageError, match=said):
        Book.load(write(tmp_path, **definitions))


def test_each_comes_after_what_it_needs_and_its_hash_is_of_what_it_means():
    one = book(a={"except": ["c", "b"]}, b={"where": "true"}, c={"intersect": ["b"], "holdout": 0.1})
    assert list(one) == ["b", "c", "a"]
    assert one.levels() == [["b"], ["c"], ["a"]]
    beside = book(a={"except": ["c", "b"], "name": "Z"}, b={"where": "true"}, c={"intersect": ["b"]})
    assert {o: one.hash(o) for o in one} == {o: beside.hash(o) for o in one}
    other = book(a={"except": ["c", "b"]}, b={"where": "false"}, c={"intersect": ["b"]})
    assert all(one.hash(o) != other.hash(o) for o in one), "b is another, and so is what is made from it"
    assert Book.of_text(one.text()) == one
    assert len(Book.of_text('{"a": {"where": 1}}')) == len(Book.of_text(None)) == 0


@pytest.mark.parametrize(
    ("schedule", "evaluated", "due"),
    [
        ("nightly", date(2017, 12, 2), True),
        ({"weekly": "sunday"}, date(2017, 12, 2), True),
        ({"weekly": "sunday"}, date(2017, 12, 3), False),
        ({"weekly": "monday"}, date(2017, 11, 27), False),
        ({"weekly": "monday"}, date(2017, 11, 26), True),  # Monday's night was missed: made up for
        ({"weekly": "monday"}, None, True),
        ({"monthly": 1}, date(2017, 12, 1), False),
        ({"monthly": 1}, date(2017, 11, 30), True),
        ({"monthly": 28}, date(2017, 11, 28), False),
        ({"monthly": 28}, date(2017, 11, 27), True),
    ],
)
def test_on_which_nights_a_rule_is_asked(schedule, evaluated, due):
    assert Definition.model_validate(SAID | {"where": "true", "schedule": schedule}).due(DS, evaluated) is due


def test_the_shipped_audiences_hold_and_every_rule_has_examples_of_both_kinds(spark):
    shipped = Book.load()
    validate.validate(spark, shipped)
    for one in shipped:
        if (shipped[one].where or shipped[one].rule) and not shipped[one].ranks:
            assert shipped[one].examples.match, f"{one}: no row that must match"
            assert shipped[one].examples.no_match, f"{one}: no row that must not"


def test_an_example_that_comes_out_otherwise_is_named(spark):
    wrong = {"match": [{"rfm_class": "555"}, {"rfm_class": "111"}], "no_match": [{"rfm_class": "555"}]}
    with pytest.raises(UsageError) as said:
        validate.validate(spark, book(a={"where": "rfm_class = '555'", "examples": wrong}))
    assert str(said.value).count("audience a: examples.") == 2
    assert "examples.match 2" in str(said.value)
    assert "examples.no_match 1" in str(said.value)


# Who is in.


def inside(frame, which, **how):
    rows = audience_members.evaluate(frame, which, "now", **how).collect()
    return {row["user_id"]: (row["now"], {out["audience_id"]: out["reason"] for out in row["now_out"]}) for row in rows}


def test_set_operations_suppression_and_nulls(spark):
    which = book(
        big={"where": "monetary_365d > 100"}, new={"where": "lifecycle_stage = 'new'"},
        both={"intersect": ["big", "new"]}, either={"union": ["big", "new"], "suppress": {"consent": "any"}},
        rest={"except": ["big", "new"]},
        mail={"where": "true", "suppress": {"audiences": ["new"], "consent": "granted"}},
    )  # fmt: skip
    frame = audience_members.alone(people(
        spark, {"user_id": "b", "monetary_365d": Decimal(200), "marketing_consent": True},
        {"user_id": "bn", "monetary_365d": Decimal(200), "lifecycle_stage": "new", "marketing_consent": True},
        {"user_id": "no", "monetary_365d": Decimal(200), "marketing_consent": False},
        {"user_id": "null"},
    ))  # fmt: skip
    found = inside(frame, which)
    assert found["b"] == (["big", "either", "mail", "rest"], {})
    assert found["bn"] == (["big", "new", "both", "either"], {"mail": "audience new"})
    assert found["no"] == ([], {"big": "consent", "either": "consent", "rest": "consent", "mail": "consent"})
    assert found["null"] == ([], {"mail": "consent"})


def test_a_rule_that_is_not_asked_stands_and_suppression_is_asked_every_night(spark):
    which = book(weekly={"where": "rfm_class = '555'"}, once={"where": "true", "suppress": {"once_in_days": 30}})
    frame = people(spark, {"user_id": "was", "rfm_class": "111"}, {"user_id": "is", "rfm_class": "555"},
                   {"user_id": "refuses", "rfm_class": "555", "marketing_consent": False},
                   {"user_id": "held", "rfm_class": "111"})  # fmt: skip
    before = spark.createDataFrame(
        [("was", {"weekly": DS, "once": DS}, None, None, ["once"], None), ("is", None, None, None, ["once"], None),
         ("refuses", {"weekly": DS}, None, None, None, None), ("held", None, ["weekly"], None, None, None)],
        "user_id string, " + ", ".join(f"{name} {kind}" for name, kind in audience_members.BESIDE.items()),
    )  # fmt: skip
    found = inside(frame.join(before, "user_id"), which, asked={"once"})
    assert found["was"] == (["once", "weekly"], {})  # a member stays, however lately he came
    assert found["is"] == ([], {"once": "entered before"})
    assert found["refuses"] == ([], {"weekly": "consent", "once": "consent"})
    assert found["held"] == (["once", "weekly"], {})  # nothing keeps him out any more


def test_overlap_of_every_pair(spark):
    frame = spark.createDataFrame([(["a", "b"],), (["b", "a", "c"],), (["b"],), ([],)], "now array<string>")
    both = overlap.pairs(frame, "now")
    assert both == {("a", "b"): 2, ("a", "c"): 1, ("b", "c"): 1}
    rows = {(r["audience_id"], r["other_id"]): r for r in overlap.rows({"a": 2, "b": 3, "c": 1, "d": 0}, both)}
    assert len(rows) == 6
    assert (rows["a", "b"]["jaccard"], rows["a", "b"]["share_of_smaller"]) == (2 / 3, 1.0)
    assert (rows["a", "d"]["both"], rows["a", "d"]["jaccard"], rows["a", "d"]["share_of_smaller"]) == (0, 0.0, None)


# Whole nights.

RULES = {
    "big": {"where": "monetary_365d >= 100", "holdout": 0.5},
    "calm": {"where": "recency_days > 30", "schedule": {"weekly": "sunday"}},
    "both": {"intersect": ["big", "calm"]},
}


def stage_people(spark, s, *rows):
    frame = people(spark, *[row | {"ds": s.ds} for row in rows])
    delta.replace_where(frame, s.warehouse, tables.USER_PROFILES.staged(), f"ds = DATE'{s.ds}'")
    for table in (t for t in tables.PUBLISHED if t not in tables.AUDIENCE_TABLES and t is not tables.USER_PROFILES):
        rows = [{"ds": s.ds, "user_id": "u", "segment_id": 1, "model_version": "1"}]
        delta.replace_rows(
            [] if table is tables.SEGMENT_CHANGES else rows, s.warehouse, table.staged(), f"ds = '{s.ds}'"
        )


def release(s):
    """What of publish the next night reads, without a Spark job a table."""
    for table in (*tables.AUDIENCE_TABLES, tables.USER_PROFILES):
        rows = delta.rows(s.warehouse, table.staged(), f"ds = '{s.ds}'")
        delta.replace_rows(rows, s.warehouse, table, f"ds = '{s.ds}'")
    (version,) = {row["model_version"] for row in delta.rows(s.warehouse, USER_PROFILES, f"ds = '{s.ds}'")}
    run = {"run_id": s.run_id, "ds": s.ds, "table_versions": [], "definitions": [("audiences", Book.load().text())],
           "model_version": version, "published_at": datetime(2026, 1, 1, tzinfo=UTC)}  # fmt: skip
    delta.replace_rows([run], s.warehouse, tables.RUNS, f"run_id = '{s.run_id}'")


def rows_of(s, table, columns):
    return sorted(tuple(row.values()) for row in delta.rows(s.warehouse, table, f"ds = '{s.ds}'", columns))


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """A warehouse with one published night, the folder of its audiences, and a runner of further nights."""
    home = tmp_path_factory.mktemp("shop")
    folder = home / "audiences"
    folder.mkdir()
    patch = pytest.MonkeyPatch()
    patch.setattr(audience_book, "FOLDER", write(folder, **RULES))
    first = Settings(DS, DS, str(home / "wh"), "shop", "", "first")

    def night(s, *rows):
        stage_people(spark, s, *rows)
        said = audiences.run(spark, s)
        release(s)
        return said

    people = [{"user_id": f"u{n}", "monetary_365d": Decimal(20 * n), "recency_days": 10 * n} for n in range(10)]
    assert "no night before" in night(first, *people)
    yield first, folder, night, people
    patch.undo()


def test_a_preview_of_a_file_that_is_not_in_conf_yet(spark, shop, tmp_path):
    first, folder, _, _ = shop
    (tmp_path / "mine").mkdir()
    new = write(tmp_path / "mine", huge={"where": "monetary_365d >= 160", "holdout": 0.5}) / "huge.yaml"
    text = preview.run(spark, first, new, True, None)
    assert "huge: A 甲 as of 2017-12-03" in text
    assert "everybody was asked" in text
    assert "New: nobody is in it" in text
    assert any("big" in line and "40%" in line and "100%" in line for line in text.splitlines())
    changed = write(tmp_path / "mine", big={"where": "monetary_365d BETWEEN 60 AND 120"}) / "big.yaml"
    found, _ = preview.preview(spark, first, changed, exact=True, share=None)
    assert (found.size, found.enter, found.leave) == (4, 2, 3)
    assert (found.entering, found.leaving) == (["u3", "u4"], ["u7", "u8", "u9"])
    assert not list(folder.glob("huge*")), "nothing is written"
    with pytest.raises(UsageError, match="expected an audience's file at"):
        preview.run(spark, first, tmp_path / "none.yaml", True, None)


def test_the_command_line_takes_a_preview():
    given = __main__.parser().parse_args(["audience", "preview", "a.yaml", "--ds", "2017-12-01", "--sample", "0.5"])
    assert (given.verb, str(given.file), given.sample, given.exact) == ("audience", "a.yaml", 0.5, False)
    with pytest.raises(SystemExit):
        __main__.parser().parse_args(["audience", "preview", "a.yaml", "--ds", "2017-12-01", "--sample", "2"])


def test_the_definition_of_a_row_can_be_read_again(shop):
    first, *_ = shop
    for one, text in rows_of(first, tables.AUDIENCES, "audience_id, definition"):
        assert Definition.model_validate(json.loads(text)) == Book.load()[one]


def test_a_run_that_is_killed_after_any_of_its_tables_ends_the_same_when_it_is_run_again(spark, shop):
    first, _, _, people = shop
    later = Settings(DS + timedelta(days=70), DS + timedelta(days=70), first.warehouse, "shop", "", "later")
    stage_people(spark, later, *people[:8])

    def staged() -> list:
        return [rows_of(later, table.staged(), "*") for table in tables.AUDIENCE_TABLES]

    audiences.run(spark, later)
    whole = staged()
    for n in count(1):
        with killed_after(n) as written, suppress(Killed):
            audiences.run(spark, later)
        if len(written) < n:
            break
    assert staged() == whole
    assert n > 1


def test_two_nights_of_audiences(spark, shop):
    first, folder, night, people = shop
    sizes = dict(rows_of(first, tables.AUDIENCES, "audience_id, size"))
    assert sizes == {"big": 5, "calm": 6, "both": 5}
    assert rows_of(first, tables.AUDIENCE_CHANGES, "user_id") == []
    held = dict(rows_of(first, tables.AUDIENCES, "audience_id, holdout_size"))
    assert 0 < held["big"] < 5

    # Monday: u9 spent less, u8 refuses, u4 comes in by his spending, u3 by the new rule of `big`, u2 is gone.
    monday = Settings(DS + timedelta(days=1), DS + timedelta(days=1), first.warehouse, "shop", "", "second")
    write(folder, big=RULES["big"] | {"where": "monetary_365d >= 60"})
    changed = {"u9": {"monetary_365d": Decimal(1)}, "u8": {"marketing_consent": False},
               "u4": {"monetary_365d": Decimal(500)}, "u1": {"recency_days": 99}}  # fmt: skip
    now = [row | changed.get(row["user_id"], {}) for row in people if row["user_id"] != "u5"]
    night(monday, *now)
    assert rows_of(monday, tables.AUDIENCE_CHANGES, "audience_id, user_id, change, cause") == [
        ("big", "u3", "enter", "rule"), ("big", "u4", "enter", "behaviour"), ("big", "u5", "exit", "late data"),
        ("big", "u8", "exit", "consent"), ("big", "u9", "exit", "behaviour"),
        ("both", "u4", "enter", "behaviour"),
        ("both", "u5", "exit", "late data"), ("both", "u8", "exit", "consent"), ("both", "u9", "exit", "behaviour"),
        ("calm", "u5", "exit", "late data"), ("calm", "u8", "exit", "consent"),
    ]  # fmt: skip
    members = {
        (a, u): since for a, u, since in rows_of(monday, tables.AUDIENCE_MEMBERS, "audience_id, user_id, since_ds")
    }
    assert members["big", "u6"] == DS
    assert members["big", "u3"] == monday.ds
    assert ("calm", "u1") not in members, "calm is asked on Sundays"
    evaluated = dict(rows_of(monday, tables.AUDIENCES, "audience_id, evaluated_ds"))
    assert evaluated == {"big": monday.ds, "calm": DS, "both": monday.ds}
    of = {
        a: (size, came, went)
        for a, size, came, went in rows_of(monday, tables.AUDIENCES, 'audience_id, size, entered, "left"')
    }
    assert of == {"big": (4, 2, 3), "calm": (4, 0, 2), "both": (3, 1, 3)}
    # The holdout is by user and audience: who stays in it stays held out.
    was = {u: h for a, u, h in rows_of(first, tables.AUDIENCE_MEMBERS, "audience_id, user_id, holdout") if a == "big"}
    is_ = {u: h for a, u, h in rows_of(monday, tables.AUDIENCE_MEMBERS, "audience_id, user_id, holdout") if a == "big"}
    assert {u: was[u] for u in was.keys() & is_.keys()} == {u: is_[u] for u in was.keys() & is_.keys()}

    # Tuesday: u8 agrees again, `calm` is no more, `both` goes with it.
    tuesday = Settings(DS + timedelta(days=2), DS + timedelta(days=2), first.warehouse, "shop", "", "third")
    (folder / "calm.yaml").unlink()
    (folder / "both.yaml").unlink()
    night(tuesday, *[row | {"marketing_consent": None} for row in now])
    told = rows_of(tuesday, tables.AUDIENCE_CHANGES, "audience_id, user_id, change, cause")
    assert [row for row in told if row[0] == "big"] == [("big", "u8", "enter", "consent")]
    assert {row[2:] for row in told if row[0] != "big"} == {("exit", "rule")}
    assert len(told) == 1 + 4 + 3

    # Once more, the same.
    before = [rows_of(tuesday, table, "*") for table in tables.AUDIENCE_TABLES]
    night(tuesday, *[row | {"marketing_consent": None} for row in now])
    assert [rows_of(tuesday, table, "*") for table in tables.AUDIENCE_TABLES] == before

    # A change that was left out stops the night.
    checks.run(nullcontext(spark), tuesday, [table.staged().full_name for table in tables.AUDIENCE_TABLES])
    staged = tables.AUDIENCE_CHANGES.staged()
    kept = delta.read(spark, tuesday.warehouse, staged).where(f"ds = DATE'{tuesday.ds}' AND user_id != 'u8'").collect()
    delta.replace_rows([row.asDict() for row in kept], tuesday.warehouse, staged, f"ds = '{tuesday.ds}'")
    with pytest.raises(DataError, match=r"audience_changes\.balanced"):
        checks.run(nullcontext(spark), tuesday, ["staged.audience_changes"])


def test_a_global_holdout_is_in_no_treated_arm(spark):
    rows = people(spark, *[{"user_id": f"u{n}", "global_holdout": n < 3} for n in range(6)])
    held = rows.select("user_id", audience_members.held_out("a", 0.0).alias("h")).where("h")
    assert sorted(row["user_id"] for row in held.collect()) == ["u0", "u1", "u2"]
    assert rows.where(audience_members.held_out("a", F.lit(1.0))).count() == 6


def test_what_the_model_did_is_told_from_what_users_did(spark, tmp_path, monkeypatch):
    """Two nights of 130 users. On the second the champion is another: it moves u1 out of segment 1, while u2 leaves by
    himself, and turns the vectors round.
    """
    (tmp_path / "audiences").mkdir()
    rules = {"first": {"where": "segment_id = 1"}, "early": {"where": "user_id < 'u060'"},
             "alike": {"lookalike": {"seed": "early", "size": 10}}}  # fmt: skip
    monkeypatch.setattr(audience_book, "FOLDER", write(tmp_path / "audiences", **rules))
    users = [f"u{n:03d}" for n in range(130)]

    def night(ds, version, sign, moved):
        s = Settings(ds, ds, str(tmp_path / "wh"), "shop", "", version)
        rows = [{"user_id": u, "segment_id": 2 if u in moved else 1, "model_version": version} for u in users]
        stage_people(spark, s, *rows)
        moves = [{"user_id": u, "ds": ds, "change": "move", "cause": cause} for u, cause in moved.items()]
        delta.replace_rows(moves, s.warehouse, tables.SEGMENT_CHANGES.staged(), f"ds = '{ds}'")
        # Of those outside the seed, the lower half is nearer by the one model, the upper half by the other.
        vectors = [
            {"user_id": u, "ds": ds, "embedding": [float(n < 60) + sign * (n % 70) / 500, (n * 37 % 13) / 13],
             "model_version": version} for n, u in enumerate(users)
        ]  # fmt: skip
        delta.replace_rows(vectors, s.warehouse, tables.USER_EMBEDDINGS, f"ds = '{ds}'")
        audiences.run(spark, s)
        release(s)
        return s

    first = night(DS, "1", 1, {})
    assert dict(rows_of(first, tables.AUDIENCES, "audience_id, size")) == {"first": 130, "early": 60, "alike": 10}
    (curve,) = [c for a, c in rows_of(first, tables.AUDIENCES, "audience_id, similarity_curve") if a == "alike"]
    assert [step["users"] for step in curve] == [1, 2, 5, 10, 20, 40]
    scores = delta.rows(first.warehouse, tables.AUDIENCE_MEMBERS, "audience_id = 'alike'", "similarity")
    assert all(row["similarity"] is not None for row in scores)
    second = night(DS + timedelta(days=1), "2", -1, {"u001": "model", "u002": "behaviour"})
    told = rows_of(second, tables.AUDIENCE_CHANGES, "audience_id, change, cause, user_id")
    assert [row for row in told if row[0] == "first"] == [
        ("first", "exit", "behaviour", "u002"), ("first", "exit", "model", "u001"),
    ]  # fmt: skip
    of_alike = [row for row in told if row[0] == "alike"]
    assert len(of_alike) > 4
    assert {row[2] for row in of_alike} == {"model"}
    assert not [row for row in told if row[0] == "early"]


def test_the_last_night_is_asked_again_with_what_came_late(spark, tmp_path):
    """Of `late`, purchases of the last night came to be known only since; of `same` too, and they change nothing."""
    night = DS - timedelta(days=1)
    s = Settings(DS, DS, str(tmp_path / "wh"), "shop", "", "r")
    line = {"event_time": at(f"{night} 12:00"), "amount": Decimal("50.00")}
    bought = [line | {"event_id": f"{user}{n}", "user_id": user}
              for user, count in (("late", 3), ("same", 1), ("other", 3)) for n in range(count)]  # fmt: skip
    events = silver(spark, *bought)
    daily = user_daily.build(events, user_daily.mean_prices(events)).withColumn("run_id", F.lit("r"))
    delta.replace_where(daily, s.warehouse, tables.USER_DAILY, "true")
    known = dict.fromkeys(tables.SILVER_USERS.column_names) | {"first_seen_ds": DS - timedelta(days=90)}
    users = ("late", "same", "other")
    delta.replace_rows([known | {"user_id": user} for user in users], s.warehouse, tables.SILVER_USERS, "true")
    which = book(big={"where": "monetary_365d >= 100"}, active={"where": "lifecycle_stage = 'active'"})
    former = Former(LastNight(night, "1"), {one: {"evaluated_ds": night} for one in which}, which)
    before = people(spark, *[{"user_id": user, "ds": night, "monetary_365d": Decimal(0)} for user in users])
    rows = audience_members.alone(people(spark, *[{"user_id": user} for user in users]))
    assert as_of_then(spark, s, rows, former, before) is None
    restated = {"source": "shop", "source_file": "f", "landed_ds": DS, "ds": night}
    delta.replace_rows(
        [restated | {"user_id": user} for user in ("late", "same")], s.warehouse, tables.RESTATED, "true"
    )
    found = as_of_then(spark, s, rows, former, before).collect()
    assert {row["user_id"]: row["corrected"] for row in found} == {"late": ["active", "big"], "same": ["active"]}
