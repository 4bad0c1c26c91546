"""What is told of audiences: causes of changes, estimates, lookalikes, lift; each against a truth that is known."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from pyspark.sql import functions as F

from jobs import tables
from jobs.audiences import changes, counterfactual, estimate, intervals, lift, lookalike
from jobs.audiences import members as audience_members
from jobs.audiences.intervals import Arm
from jobs.errors import DataError
from jobs.lake import delta
from jobs.settings import Settings
from jobs.tables import USER_PROFILES

DS = date(2017, 12, 3)

# Causes.

NIGHTS = (
    "user_id string, here boolean, now array<string>, now_out array<struct<audience_id:string,reason:string>>,"
    " _since map<string,date>, _held array<string>, _refused array<string>, corrected array<string>,"
    " same_rules array<string>, same_model array<string>, moved_by string, refuses boolean, agrees boolean"
)
IN, OUT = ["a"], []
WAS = {"a": DS}
HELD, REFUSED = [("a", "audience b")], [("a", "consent")]


@pytest.fixture(scope="module")
def told(spark):
    # here, now, out, since, held, refused, corrected, by the last rules, and put back, moved by
    rows = {
        "stays": (True, IN, [], WAS, None, None, None, IN, IN, None),
        "enters": (True, IN, [], None, None, None, None, None, None, None),  # the last rules are these
        "leaves": (True, OUT, [], WAS, None, None, None, OUT, OUT, None),
        "gone": (False, OUT, [], WAS, None, None, None, None, None, None),
        "erased": (False, OUT, [], WAS, None, None, None, None, None, None),
        "came late": (True, IN, [], None, None, None, IN, IN, IN, None),
        "late, but no reason": (True, IN, [], None, None, None, OUT, IN, IN, None),
        "refused mail": (True, OUT, REFUSED, WAS, None, None, OUT, OUT, OUT, None),
        "refused mail elsewhere": (True, OUT, [("b", "consent")], WAS, None, None, None, OUT, OUT, None),
        "kept out": (True, OUT, HELD, WAS, None, None, None, OUT, OUT, None),
        "agrees to mail": (True, IN, [], None, IN, IN, None, IN, IN, None),
        "let in": (True, IN, [], None, IN, None, None, IN, IN, None),
        "moved by the model": (True, IN, [], None, None, None, None, IN, OUT, "model"),
        "moved by the lines": (True, OUT, [], WAS, None, None, None, OUT, IN, "rule"),
        "scored otherwise": (True, IN, [], None, None, None, None, IN, OUT, None),
        "by another rule": (True, IN, [], None, None, None, None, OUT, OUT, "model"),
        "out by another rule": (True, OUT, [], WAS, None, None, None, IN, IN, None),
        "of a new audience": (True, IN, [], None, None, None, None, OUT, OUT, None),
    }
    rows = {user: (*row, None, None) for user, row in rows.items()}
    rows["refused"] = (*rows["gone"][:-2], True, None)
    rows["agrees to be profiled"] = (*rows["enters"][:-1], True)
    rows["leaves, though he agreed"] = (*rows["leaves"][:-1], True)
    frame = spark.createDataFrame([(user, *row) for user, row in rows.items()], NIGHTS)
    rows = changes.changed(frame, [{"subject": "erased"}]).collect()
    return {row["user_id"]: (row["change"], row["cause"]) for row in rows}


@pytest.mark.parametrize(
    ("user", "change", "cause"),
    [
        ("enters", "enter", "behaviour"),
        ("leaves", "exit", "behaviour"),
        ("gone", "exit", "late data"),
        ("erased", "exit", "erasure"),
        ("refused", "exit", "consent"),
        ("refused mail", "exit", "consent"),
        ("refused mail elsewhere", "exit", "behaviour"),
        ("came late", "enter", "late data"),
        ("late, but no reason", "enter", "behaviour"),
        ("kept out", "exit", "suppression"),
        ("let in", "enter", "suppression"),
        ("agrees to mail", "enter", "consent"),
        ("agrees to be profiled", "enter", "consent"),
        ("leaves, though he agreed", "exit", "behaviour"),
        ("moved by the model", "enter", "model"),
        ("moved by the lines", "exit", "rule"),
        ("scored otherwise", "enter", "model"),
        ("by another rule", "enter", "rule"),
        ("out by another rule", "exit", "rule"),
        ("of a new audience", "enter", "rule"),
    ],
)
def test_the_cause_of_a_change(told, user, change, cause):
    assert told[user] == (change, cause)


def test_who_stays_is_no_change(told):
    assert "stays" not in told
    assert len(told) == 20


def profiles(spark, *rows):
    base = dict.fromkeys(USER_PROFILES.column_names) | {"ds": DS, "tags": [], "tags_zh": []}
    full = [tuple((base | row)[name] for name in USER_PROFILES.column_names) for row in rows]
    return spark.createDataFrame(full, USER_PROFILES.ddl)


def test_what_the_model_and_the_lines_moved_is_put_back(spark):
    now = profiles(
        spark, {"user_id": "m", "segment_id": 2, "segment_name": "B", "lifecycle_stage": "active", "tags": ["B"]},
        {"user_id": "b", "segment_id": 2, "segment_name": "B", "lifecycle_stage": "active"},
        {"user_id": "r", "segment_id": 1, "lifecycle_stage": "slipping", "previous_lifecycle_stage": "active",
         "lifecycle_cause": "rule"},
        {"user_id": "new", "segment_id": 1, "lifecycle_stage": "new"},
    )  # fmt: skip
    before = profiles(
        spark, *[{"user_id": user, "segment_id": 1, "segment_name": "A", "tags": ["A"]} for user in "mbr"]
    )
    moves = spark.createDataFrame(
        [("m", "move", "model"), ("b", "move", "behaviour")], "user_id string, change string, cause string"
    )
    rows = counterfactual.put_back(now, before, moves, other_model=False).collect()
    found = {
        r["user_id"]: (r["segment_id"], r["segment_name"], r["lifecycle_stage"], r["tags"], r["moved_by"]) for r in rows
    }
    assert found == {
        "m": (1, "A", "active", ["A"], "model"), "b": (2, "B", "active", [], None),
        "r": (1, None, "active", ["A"], "rule"), "new": (1, None, "new", [], None),
    }  # fmt: skip
    other = counterfactual.put_back(now, before, moves, other_model=True)
    assert {r["user_id"]: r["moved_by"] for r in other.collect()} == {
        "m": "model",
        "b": "model",
        "r": "rule",
        "new": None,
    }


MOVES = [("a", "u1", "enter"), ("a", "u2", "exit")]


@pytest.mark.parametrize(
    ("moves", "wrong"),
    [
        (MOVES, set()),
        (MOVES[:1], {"u2"}),  # an exit that nobody told
        ([("a", "u1", "exit"), MOVES[1]], {"u1"}),
        ([*MOVES, ("a", "u3", "enter")], {"u3"}),  # who stayed is no change
        ([*MOVES, ("b", "u1", "enter")], {"u1"}),  # of an audience that he is not in
    ],
)
def test_changes_and_both_nights_reconcile(spark, moves, wrong):
    key = "audience_id string, user_id string"
    before, now = (
        spark.createDataFrame([("a", user) for user in users], key) for users in (["u2", "u3"], ["u1", "u3"])
    )
    rows = changes.balance(before, spark.createDataFrame(moves, f"{key}, change string"), now).collect()
    assert {row["user_id"] for row in rows if not row["balanced"]} == wrong
    assert len(rows) >= len(moves)


def test_an_erased_member_leaves_by_his_subject(spark, tmp_path):
    """`b` was in the audience on the last published night and erased after it."""
    s, night = Settings(DS, DS, str(tmp_path / "wh"), "shop", "", "test"), DS - timedelta(days=1)
    member = {"audience_id": "a", "ds": night, "user_id": "u1", "since_ds": night}
    delta.replace_rows([member], s.warehouse, tables.AUDIENCE_MEMBERS, "true")
    delta.replace_rows([member | {"ds": DS}], s.warehouse, tables.AUDIENCE_MEMBERS.staged(), "true")
    run = {"run_id": "y", "ds": night, "table_versions": [], "definitions": []}
    delta.replace_rows([run], s.warehouse, tables.RUNS, "true")
    erased = {"subject": "f" * 64, "night": night, "audiences": ["a"], "deleted": [], "table_versions": []}
    delta.replace_rows([erased], s.warehouse, tables.ERASURES, "true")
    found = {row["user_id"]: row["_since"] for row in audience_members.last_members(spark, s, night).collect()}
    assert found == {"u1": {"a": night}, "f" * 64: {"a": None}}
    change = {"audience_id": "a", "ds": DS, "user_id": "f" * 64, "change": "exit", "cause": "erasure"}
    for told, balanced in (([change], True), ([], False)):
        delta.replace_rows(told, s.warehouse, tables.AUDIENCE_CHANGES.staged(), "true")
        rows = changes.tonights_changes(spark, s).collect()
        assert [(row["user_id"], row["balanced"]) for row in rows] == [("f" * 64, balanced)]


# Estimates.


@pytest.mark.parametrize(("users", "members", "share"), [(3000, 240, 0.34), (3000, 1500, 0.1), (20_000, 100, 0.05)])
def test_intervals_hold_the_true_size_in_95_of_100_samples(users, members, share):
    random, held, widths = np.random.default_rng(5), 0, []
    for _ in range(600):
        sample = random.binomial(users, share)
        told = estimate.estimate(random.hypergeometric(members, users - members, sample), sample, users)
        held += told.low <= members <= told.high
        widths.append(told.high - told.low)
        assert 0 <= told.low <= told.size <= told.high <= users
    assert 0.92 <= held / 600 <= 0.98
    assert np.mean(widths) < 0.4 * users


def test_a_sample_of_everybody_leaves_no_doubt():
    told = estimate.estimate(7, 100, 100)
    assert (told.size, told.low, told.high) == (7, 7, 7)
    assert (estimate.sample_share(500), estimate.sample_share(10**6)) == (1.0, 0.05)


def test_the_sample_is_the_same_users_in_whatever_order_and_others_every_night(spark):
    users = spark.range(4000).select(F.format_string("u%d", "id").alias("user_id"))

    def drawn(frame, ds):
        return {row["user_id"] for row in frame.where(estimate.sampled(ds, 0.25)).collect()}

    one, again = drawn(users, DS), drawn(users.repartition(5).orderBy(F.desc("user_id")), DS)
    assert one == again
    assert 900 < len(one) < 1100
    assert 180 < len(one & drawn(users, DS + timedelta(days=1))) < 320


# Lookalikes.


@pytest.fixture(scope="module")
def planted(spark):
    """3,000 users of 8 numbers; 200 of 400 who lie apart in two of them are the seed, the other 200 are to be found."""
    random = np.random.default_rng(1)
    x = random.normal(size=(3000, 8)) * [1, 1, 1, 9, 1, 1, 9, 1]
    x[:400, :2] += 3
    rows = [(f"u{n:04d}", x[n].tolist(), n < 200, n != 399) for n in range(3000)]
    return spark.createDataFrame(rows, "user_id string, embedding array<float>, seed boolean, free boolean")


def test_lookalikes_are_those_of_the_same_kind_and_exactly_as_many_as_asked(planted):
    found = lookalike.find(planted, 150)
    rows = {row["user_id"]: row["similarity"] for row in found.members.collect()}
    assert (len(rows), found.refused, found.seed_size) == (150, None, 200)
    assert not any(user < "u0200" for user in rows), "a member of the seed"
    assert "u0399" not in rows, "who is kept out is no candidate"
    assert sum(user < "u0400" for user in rows) > 140
    curve = [(step["users"], step["similarity"]) for step in found.curve]
    assert [users for users, _ in curve] == [15, 38, 75, 150, 300, 600]
    assert [s for _, s in curve] == sorted((s for _, s in curve), reverse=True)
    assert min(rows.values()) == pytest.approx(dict(curve)[150], abs=1e-6)
    again = {row["user_id"]: row["similarity"] for row in lookalike.find(
        planted.repartition(7).orderBy(F.desc("user_id")), 150).members.collect()}  # fmt: skip
    assert again.keys() == rows.keys()


@pytest.mark.parametrize(
    ("seed", "size", "said"),
    [
        ("user_id < 'u0030'", 100, "a seed of at least 50 users with a vector, found 30"),
        ("user_id < 'u2000'", 100, "a seed of at most 50% of the users, found 2000 of 3000"),
        ("user_id < 'u0200'", 2800, "at least 2800 users outside the seed to choose from, found 2799"),
    ],
)
def test_a_seed_that_says_nothing_is_refused(planted, seed, size, said):
    found = lookalike.find(planted.withColumn("seed", F.expr(seed)), size)
    assert found.members is None
    assert said in found.refused


# Lift.


def test_intervals_of_two_rates_are_newcombes():
    """His example (a), method 10: 56 of 70 against 48 of 80."""
    low, high = intervals.rates(Arm(70, 56, 0, 0), Arm(80, 48, 0, 0))
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_intervals_of_two_means_are_welchs():
    from scipy import stats

    random = np.random.default_rng(3)
    one, other = random.lognormal(3, 1, 90), random.lognormal(3.2, 1, 40)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    found = intervals.means(*[Arm(len(x), 0, x.sum(), (x * x).sum()) for x in (one, other)])
    assert found == pytest.approx((expected.low, expected.high))


def test_arms_that_are_too_small_have_no_interval_and_uneven_ones_are_flagged():
    one, none = Arm(5, 2, 10.0, 60.0), Arm(0, 0, 0.0, 0.0)
    rate, spend = lift.measured(one, none, 0.1)
    assert (rate["low"], spend["low"], rate["difference"], rate["ratio_ok"]) == (None, None, None, True)
    rate, _ = lift.measured(Arm(900, 90, 0.0, 0.0), Arm(200, 20, 0.0, 0.0), 0.1)
    assert (rate["ratio_ok"], round(rate["difference"], 9)) == (False, 0.0)


def test_where_nothing_was_done_95_of_100_intervals_cover_zero(spark):
    """A/A: 300 audiences of the same 1,500 users whose arms differ by the hash alone; a third buys, skewed money."""
    random = np.random.default_rng(11)
    money = np.where(random.random(1500) < 0.35, random.lognormal(3, 0.8, 1500), 0).round(2)
    users = spark.createDataFrame(
        [(f"u{n}", Decimal(str(m))) for n, m in enumerate(money)], "user_id string, m decimal(18,2)"
    )
    daily = users.where("m > 0").selectExpr("user_id", "1 AS purchases", "m AS amount")
    ids = spark.createDataFrame([(f"audience {n}",) for n in range(300)], "audience_id string")
    members = users.select("user_id", F.lit(None).cast("boolean").alias("global_holdout")).crossJoin(F.broadcast(ids))
    members = members.withColumn("holdout", audience_members.held_out(F.col("audience_id"), 0.3))
    arms: dict[str, dict[bool, Arm]] = {}
    for row in lift.arms(members.drop("global_holdout"), daily).collect():
        arms.setdefault(row["audience_id"], {})[row["holdout"]] = Arm(*row[2:4], float(row[4]), float(row[5]))
    rows = [row for arm in arms.values() for row in lift.measured(arm[False], arm[True], 0.3)]
    for measure in ("purchase_rate", "spend"):
        covered = [row["low"] <= 0 <= row["high"] for row in rows if row["measure"] == measure]
        assert len(covered) == 300
        assert 0.91 <= np.mean(covered) <= 0.99, f"{measure}: {np.mean(covered):.3f}"
    assert np.mean([row["ratio_ok"] for row in rows]) > 0.99


def test_the_night_measures_the_audiences_of_28_days_before(spark, tmp_path):
    s = Settings(DS, DS, str(tmp_path / "wh"), "shop", "", "r")
    day = DS - timedelta(days=28)
    assert "nothing to measure" in lift.run(spark, s)
    audience = {"audience_id": "a", "ds": day, "size": 40, "holdout_share": 0.5}
    delta.replace_rows([audience, audience | {"audience_id": "b", "holdout_share": 0.0}], s.warehouse, tables.AUDIENCES,
                    f"ds = '{day}'")  # fmt: skip
    members = [
        {"audience_id": one, "ds": day, "user_id": f"u{n}", "holdout": n % 2 == 0} for one in "ab" for n in range(40)
    ]
    delta.replace_rows(members, s.warehouse, tables.AUDIENCE_MEMBERS, f"ds = '{day}'")

    def bought(n, ds, amount, purchases=1):
        return {"user_id": f"u{n}", "ds": ds, "amount": Decimal(amount), "purchases": purchases}

    # Of the treated all buy on two days of the window; of the held out half. The day itself and a view count nothing.
    daily = [bought(n, DS - timedelta(days=k), 10) for n in range(1, 40, 2) for k in (1, 27)]
    daily += [bought(n, DS - timedelta(days=5), 10) for n in range(0, 40, 4)]
    daily += [bought(n, day, 999) for n in range(0, 40, 2)] + [bought(2, DS - timedelta(days=1), 0, purchases=0)]
    delta.replace_rows(daily, s.warehouse, tables.USER_DAILY, "true")
    with pytest.raises(DataError, match=r"found none of 2017-12-03"):
        lift.run(spark, s)
    delta.replace_rows([bought(99, DS, 10)], s.warehouse, tables.USER_DAILY, f"ds = '{DS}'")
    assert lift.run(spark, s) == f"1 audiences of {day}"
    rows = {row["measure"]: row for row in delta.rows(s.warehouse, tables.AUDIENCE_LIFT, f"ds = '{day}'")}
    rate, spend = rows["purchase_rate"], rows["spend"]
    assert (rate["treated"], rate["holdout"], rate["treated_users"], rate["holdout_users"]) == (1.0, 0.5, 20, 20)
    assert 0 < rate["low"] < rate["difference"] == rate["lift"] * 0.5 == 0.5 < rate["high"]
    assert (spend["treated"], spend["holdout"], spend["lift"]) == (20.0, 5.0, 3.0)
    assert spend["low"] < 15.0 < spend["high"]
    assert rate["ratio_ok"]
