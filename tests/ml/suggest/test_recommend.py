"""Suggestions: only what can be bought, ten a user, with the reason, the same again; learned, or it says it is not."""

from __future__ import annotations

import datetime
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from deltalake import DeltaTable, write_deltalake
from scipy import sparse

from jobs.tables import (
    RECOMMENDATION_ACCURACY,
    RECOMMENDATIONS,
    SILVER_EVENTS,
    SILVER_PRODUCTS,
    SILVER_USERS,
    USER_EMBEDDINGS,
    USER_SEQUENCES,
    WAREHOUSE,
)
from ml import recommend_accuracy
from ml.common import cli, lake
from ml.common.warehouse import Spaces
from ml.data.catalogue import feature_count
from ml.data.events import day_number
from ml.data.sequences import DAY_SECONDS as DAY
from ml.data.sequences import Sequences
from ml.data.snapshot import Snapshot
from ml.judge import hits, suggestions
from ml.judge.suggestion_ablation import BARE, WITHOUT, Asked, compared
from ml.suggest import neighbours, reasons, recommender
from ml.suggest import rows as rows_of
from ml.suggest.candidates import INPUTS, Pairs, pairs
from ml.suggest.discovery import Discovery, likeness
from ml.suggest.history import Cells
from ml.suggest.neighbours import ItemNeighbours
from ml.suggest.ranker import Ranker, first
from ml.suggest.settings import Candidates, Eligible, RecommendConfig
from ml.suggest.shelf import Products, Sales, Shelf
from ml.transformer.encoder import Encoder
from ml.transformer.model import BehaviourModel
from ml.users.states import States
from tests.ml.conftest import DS, ROOT, USERS

CONFIG = RecommendConfig(least_purchases=20, consent="popular",
                         candidates=Candidates(model=15, together=10, popular=12),
                         eligible=Eligible(sold_within_days=60, exclude=["C5"]))  # fmt: skip


def event_rows(warehouse: str) -> list[dict]:
    """silver.events of the lake's sequences."""
    rows = []
    for user in read(USER_SEQUENCES, warehouse, DS):
        for name, time, kind, product in zip(
            user["event_ids"], user["event_times"], user["event_types"], user["product_ids"], strict=True
        ):
            moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
            rows.append({"event_id": name, "user_id": user["user_id"], "event_time": moment, "ds": moment.date(),
                         "event_type": kind, "product_id": product, "is_bot": False, "amount": Decimal(1)})  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def shop(lake: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The lake with events, and what nobody can buy: p00 without a price, p06 flagged as sold out, p12 not sold."""
    warehouse = tmp_path_factory.mktemp("shop")
    shutil.copytree(lake, warehouse, dirs_exist_ok=True)
    where = str(warehouse)
    events = [row for row in event_rows(where) if row["product_id"] != "p12"]
    write(SILVER_EVENTS, where, events)
    products = DeltaTable(SILVER_PRODUCTS.path(where)).to_pyarrow_table().to_pylist()
    for row in products:
        row["usual_price"] = None if row["product_id"] == "p00" else row["usual_price"]
        row["attributes"] = [("stock", "none")] if row["product_id"] == "p06" else []
    write(SILVER_PRODUCTS, where, products)
    write(SILVER_USERS, where, [
        {"user_id": "u003", "marketing_consent": False, "training_consent": True, "profiling_consent": True},
        {"user_id": "u004"}, {"user_id": "u005", "marketing_consent": True, "profiling_consent": False},
    ])  # fmt: skip
    return where


def write(table, warehouse: str, rows: list[dict]) -> None:
    whole = [dict.fromkeys(table.column_names) | row for row in rows]
    batch = pa.Table.from_pylist(whole, lake.arrow_schema(table))
    write_deltalake(table.path(warehouse), batch, mode="overwrite")


@pytest.fixture
def encoder(frozen: Snapshot) -> Encoder:
    torch.manual_seed(0)
    vocabularies, config = frozen.vocabularies(), frozen.config.model
    return Encoder.of(BehaviourModel(config, feature_count(vocabularies, config)), vocabularies, frozen.catalogue())


@pytest.fixture
def encoded(shop: str, encoder: Encoder) -> str:
    """With the vectors of the night."""
    sample = recommender.read_sample(shop, DS, encoder, USERS)
    schema, states = lake.arrow_schema(USER_EMBEDDINGS), encoder.states(sample)
    told = {"ds": DS, "model_version": "1", "run_id": "r"}
    rows = [{"user_id": user, "embedding": state.tolist(), **told}
            for user, state in zip(sample.user_ids.to_pylist(), states, strict=True)]  # fmt: skip
    lake.write_partition(USER_EMBEDDINGS, shop, str(DS), [pa.RecordBatch.from_pylist(rows, schema)])
    return shop


def suggested(warehouse: str, encoder: Encoder, config: RecommendConfig = CONFIG) -> list[dict]:
    unavailable = config.eligible.model_copy(update={"unavailable": {"stock": ["none"]}})
    learned = recommender.Recommender.fit(warehouse, DS, encoder, config.model_copy(update={"eligible": unavailable}))
    batches = list(rows_of.rows(learned, warehouse, DS, "1", "r"))
    assert all(batch.schema == lake.arrow_schema(RECOMMENDATIONS) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def by_user(rows: list[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append(row)
    return found


def test_everybody_gets_ten_that_can_be_bought_with_a_reason(encoded: str, encoder: Encoder) -> None:
    rows = suggested(encoded, encoder)
    users = by_user(rows)
    assert len(users) == USERS
    sold = {row["product_id"]: max(row["last_sold_ds"], DS - datetime.timedelta(60)) for row in rows}
    assert not {"p00", "p06", "p12"} & sold.keys()
    assert not any(int(product[1:]) % 6 == 5 for product in sold)  # C5 is excluded
    for mine in users.values():
        assert [row["rank"] for row in mine] == list(range(1, 11))
        assert len({row["product_id"] for row in mine}) == 10
    for row in rows:
        assert row["price"] > 0
        assert DS - datetime.timedelta(60) < row["last_sold_ds"] <= DS
        assert row["reason"]
        assert row["reason_zh"]
        assert row["because_product_id"] != row["product_id"]
    personal = [row for row in rows if row["score"] is not None]
    assert {row["user_id"] for row in personal} == users.keys() - {"u003", "u005"}  # who refused: what is popular
    assert {row["reason_kind"] for user in ("u003", "u005") for row in users[user]} == {"popular"}
    assert all(0 <= row["score"] <= 1 for row in personal)
    scores = [row["score"] for row in users["u010"]]
    assert scores == sorted(scores, reverse=True)


def test_what_a_user_had_to_do_with_is_told_as_it_was(encoded: str, encoder: Encoder) -> None:
    bought = {(row["user_id"], row["product_id"]) for row in event_rows(encoded) if row["event_type"] == "purchase"}
    rows = suggested(encoded, encoder)
    again = {(row["user_id"], row["product_id"]) for row in rows if row["reason_kind"] == "buy again"}
    assert again
    assert again <= bought
    others = {(row["user_id"], row["product_id"]) for row in rows if row["reason_kind"] not in ("buy again", "popular")}
    assert not others & bought
    because = [row for row in rows if row["because_product_id"] and row["reason"].startswith("Because you bought")]
    assert because
    assert all((row["user_id"], row["because_product_id"]) in bought for row in because)


def test_the_same_again_whatever_the_blocks(encoded: str, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = suggested(encoded, encoder)
    assert suggested(encoded, encoder) == rows
    monkeypatch.setattr(recommender, "BLOCK_USERS", 7)
    assert suggested(encoded, encoder) == rows


def test_settings_hold(encoded: str, encoder: Encoder) -> None:
    never = CONFIG.model_copy(update={"repeat": "never", "per_category": 3, "top": 6, "consent": "none"})
    bought = {(row["user_id"], row["product_id"]) for row in event_rows(encoded) if row["event_type"] == "purchase"}
    users = by_user(suggested(encoded, encoder, never))
    assert not {"u003", "u005"} & users.keys()
    for user, mine in users.items():
        assert len(mine) <= 6
        assert not {(user, row["product_id"]) for row in mine} & bought
        categories = [int(row["product_id"][1:]) % 6 for row in mine]
        assert max(map(categories.count, categories)) <= 3


def test_a_week_too_thin_to_learn_from_gives_what_is_popular(encoded: str, encoder: Encoder) -> None:
    thin = CONFIG.model_copy(update={"least_purchases": 100_000})
    rows = suggested(encoded, encoder, thin)
    assert all(row["score"] is None for row in rows)
    users = by_user(rows)
    assert [row["product_id"] for row in users["u003"]] == [row["product_id"] for row in users["u020"]]


def test_a_share_of_the_places_is_for_what_is_new_in_the_shop(encoded: str, encoder: Encoder, tmp_path: Path) -> None:
    """p00 (nobody saw its price), p04 and p12 were never sold, p09 was; their records came three weeks ago, p06's too,
    which is sold out. p08 was never sold either, but came with the shop's first records, p16 forty days ago.
    """
    where = str(shutil.copytree(encoded, tmp_path, dirs_exist_ok=True))
    age = dict.fromkeys(["p00", "p04", "p06", "p09", "p12"], 21) | {"p16": 40}
    products = DeltaTable(SILVER_PRODUCTS.path(where)).to_pyarrow_table().to_pylist()
    write(SILVER_PRODUCTS, where, [
        row | {"first_record_ds": DS - datetime.timedelta(age.get(row["product_id"], 300))} for row in products
    ])  # fmt: skip
    explore = CONFIG.model_copy(update={"explore": 0.15, "new_sold": 10_000})
    rows, usual = suggested(where, encoder, explore), by_user(suggested(where, encoder))
    for user, mine in by_user(rows).items():
        assert [row["rank"] for row in mine] == list(range(1, 11))
        assert len({row["product_id"] for row in mine}) == 10
        tried = [row for row in mine if row["reason_kind"] == "untried"]
        assert tried == ([] if user in ("u003", "u005") else mine[8:])
        assert [row["product_id"] for row in mine if row not in tried] == [
            row["product_id"] for row in usual[user][: 10 - len(tried)]
        ]
        for row in tried:
            assert row["product_id"] in ("p00", "p04", "p09", "p12")
            assert row["score"] is row["because_product_id"] is None
            assert row["reason"] == "New here, and like what you do lately"
    assert {"p12"} < {row["product_id"] for row in rows if row["last_sold_ds"] is None}
    few = suggested(where, encoder, explore.model_copy(update={"new_sold": 0}))
    assert "p09" not in {row["product_id"] for row in few if row["reason_kind"] == "untried"}


def test_where_nobody_buys_looks_speak(
    encoded: str, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    where = str(shutil.copytree(encoded, tmp_path_factory.mktemp("looks"), dirs_exist_ok=True))
    write(SILVER_EVENTS, where, [row | {"event_type": "view"} for row in event_rows(where)])
    looked = [row | {"event_types": ["view"] * row["length"]} for row in read(USER_SEQUENCES, where, DS)]
    partition(USER_SEQUENCES, where, DS, looked)
    users = by_user(suggested(where, encoder))
    assert len(users) == USERS
    assert all(len(mine) == 10 for mine in users.values())
    rows = [row for mine in users.values() for row in mine]
    assert {row["user_id"] for row in rows if row["score"] is not None} == users.keys() - {"u003", "u005"}
    assert not {"buy again"} & {row["reason_kind"] for row in rows}
    assert not any("bought" in row["reason"] or "buy" in row["reason"] for row in rows)
    assert len({row["product_id"] for row in rows}) > 10
    seen = {(user["user_id"], product) for user in looked for product in user["product_ids"]}
    never = suggested(where, encoder, CONFIG.model_copy(update={"repeat": "never"}))
    known = [row for row in never if row["score"] is not None]
    assert known
    assert not seen & {(row["user_id"], row["product_id"]) for row in known}

    ago, everything = DS - datetime.timedelta(days=30), np.ones(len(encoder.catalogue.product_ids), bool)
    partition(USER_SEQUENCES, where, ago, [cut(row, ago) for row in looked])
    sample = recommender.read_sample(where, ago, encoder, USERS)
    came = hits.read_truth(where, ago, sample.user_ids, encoder.catalogue.product_ids, everything)
    cells = recommender.cells_as_of(sample, ago, encoder, CONFIG)
    found = {(truth.days, truth.purchases): truth.bought_UI.nnz for truth in hits.truths(came, cells, everything)}
    before, after = (
        {(row["user_id"], row["product_id"]) for row in event_rows(where) if first < (row["ds"] - ago).days <= last}
        for first, last in ((-1000, 0), (0, 28))
    )
    assert (found[28, "all"], found[28, "new"]) == (len(after), len(after - before))


def test_vectors_of_another_model_are_refused(encoded: str) -> None:
    with pytest.raises(cli.DataError, match=r"by model version 2, found versions \['1'\]"):
        States.read(encoded, DS, "2")


def sequences(*users: list[tuple[int, int, int]]) -> Sequences:
    """(days before the moment, product, kind) of each user's events, oldest first; the moment is day 100."""
    events = [event for user in users for event in user]
    context = np.array([[kind, 0, 0, 0, 0, 0] for _, _, kind in events], np.uint8)
    return Sequences(
        pa.array([f"u{n}" for n in range(len(users))]), np.cumsum([0, *map(len, users)]),
        np.array([(100 - day) * DAY for day, _, _ in events]), np.array([2 + item for _, item, _ in events]), context,
        np.array([100 - day for day, _, _ in events], np.int32),
    )  # fmt: skip


def test_cells_count_what_a_user_did_with_a_product() -> None:
    found = sequences([(30, 1, 9), (20, 1, 9), (10, 0, 3), (10, 1, 9)], [], [(2, 1, 3)])
    cells = Cells.of(found, np.diff(found.offsets), 100 * DAY, purchase=9, products=4, half_life=10.0)
    assert list(zip(cells.user_N, cells.item_N, strict=True)) == [(0, 0), (0, 1), (2, 1)]
    assert cells.bought_N.tolist() == [0, 3, 0]
    assert cells.fresh_N == pytest.approx([0, 0.5 + 0.25 + 0.125, 0])
    assert cells.seen_N == pytest.approx([0.5, 0, 0.5**0.2])
    assert cells.since() == pytest.approx([np.nan, 10, np.nan], nan_ok=True)
    assert cells.between_N == pytest.approx([np.nan, 10, np.nan], nan_ok=True)
    lengths = found.lengths_until(datetime.date(1970, 3, 16))  # day 74
    early = Cells.of(found, lengths, 75 * DAY, purchase=9, products=4, half_life=10.0)
    assert (early.user_N.tolist(), early.bought_N.tolist(), early.since().tolist()) == ([0], [1], [5.0])
    assert cells.of_users(1, 3).user_N.tolist() == [1]


def test_neighbours_are_bought_together_more_than_once() -> None:
    baskets = sparse.csr_array(np.array([[1, 1, 0, 1], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]], np.float32))
    places = np.array([-1, 0, 1, 2])  # product 0 may not be suggested
    near = ItemNeighbours.of(baskets, places, 3, most=5, damp=0.5).near_IE.toarray()
    assert near[0] == pytest.approx([(3 - 1) / (3 * 3**0.5), 0, 0])
    assert not near[1].any()  # 0 is not eligible, others were with it once


def test_the_strongest_neighbours_are_kept_and_of_equal_ones_the_first() -> None:
    near = sparse.csr_array(np.array([[1.0, 3, 2, 2, 2], [0, 0, 0, 0, 7], [0, 0, 0, 0, 0], [5, 5, 5, 5, 5]]))
    kept = neighbours.strongest(near, most=3)
    assert kept.toarray().tolist() == [[0, 3, 2, 2, 0], [0, 0, 0, 0, 7], [0] * 5, [5, 5, 5, 0, 0]]
    assert kept.has_sorted_indices


def test_neighbours_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    baskets = sparse.csr_array((np.random.default_rng(1).random((60, 40)) < 0.2).astype(np.float32))
    places = np.where(np.arange(40) % 3 > 0, np.cumsum(np.arange(40) % 3 > 0) - 1, -1)
    whole = ItemNeighbours.of(baskets, places, int(places.max()) + 1, most=5, damp=0.4).near_IE
    monkeypatch.setattr(neighbours, "_MEETINGS", 50)
    parts = ItemNeighbours.of(baskets, places, int(places.max()) + 1, most=5, damp=0.4).near_IE
    assert whole.nnz
    assert (whole != parts).nnz == 0


def test_the_shelf_is_as_of_the_day() -> None:
    rows = pa.Table.from_pylist(
        [{"product_id": name, "title": "MILK", "category_path": ["A", "B"], "brand": None, "usual_price": Decimal(1),
          "category": "B", "attributes": [], "has_record": True, "first_record_ds": None} for name in ("a", "b", "c")],
        pa.schema([field for field in lake.arrow_schema(SILVER_PRODUCTS)
                   if field.name in ("product_id", "title", "category_path", "brand", "usual_price", "category",
                                     "attributes", "has_record", "first_record_ds")]),
    )  # fmt: skip
    products = Products.of(rows, Eligible())
    assert products.title.to_pylist() == ["Milk"] * 3
    lines = sparse.csr_array(np.array([[4, 0, 0], [0, 1, 0], [0, 0, 9]]))
    sales = Sales(DS, lines, np.zeros(3, bool))
    day = DS + datetime.timedelta(days=1)
    shelf = Shelf.of(products, sales, day, within=2, half_life=1.0)
    assert shelf.items_E.tolist() == [0, 1]  # c is sold tomorrow for the first time
    assert shelf.popular_E.tolist() == [2.0, 1.0]
    assert Shelf.of(products, sales, day, within=1, half_life=1.0).items_E.tolist() == [1]
    assert Products.of(rows, Eligible(exclude=["A"])).barred_I.all()
    of_two = rows.set_column(0, "product_id", pa.array(["a", "app:b", "c"]))
    barred = Products.of(of_two, Eligible(exclude_in={"": ["X"], "app": ["A"]}), Spaces(("app",))).barred_I
    assert barred.tolist() == [False, True, False]
    free = rows.set_column(rows.schema.get_field_index("usual_price"), "usual_price", pa.nulls(3, pa.decimal128(18, 4)))
    assert not Products.of(free, Eligible()).barred_I.any()  # a shop that tells no prices


def test_the_best_come_first_and_ties_go_to_the_popular() -> None:
    values = np.zeros((5, len(INPUTS)), np.float32)
    values[:, INPUTS.index("popular")] = [1, 2, 3, 0, 0]
    values[0, INPUTS.index("bought")] = 1
    pairs = Pairs(2, np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 1]), np.zeros((5, 4), np.int32), values)
    score, category, no = np.array([0.9, 0.5, 0.5, 0.1, 0.2]), np.array([7, 7, 8, 7, 7]), np.zeros(5, bool)
    had = pairs.bought()

    def order(new=(), **changes):
        is_new = np.isin(np.arange(5), new)
        return [part.tolist() for part in first(pairs, score, had, category, ~no, is_new, replace_config(**changes))]

    assert order() == [[0, 2, 1, 4, 3], [1, 2, 3, 1, 2], [False] * 5]
    assert order(repeat="never")[0] == [2, 1, 4, 3]
    assert order(top=1, least_new=1)[0] == [2, 4]
    assert order(per_category=1)[0] == [0, 2, 4]
    assert order(top=1)[0] == [0, 4]
    # Of a list of two the second place is for what is new: not what the user bought, nor what has a place anyhow.
    assert order(new=[0, 1, 4], top=2, explore=0.5) == [[0, 1, 4, 3], [1, 2, 1, 2], [False, True, False, False]]


def replace_config(**changes) -> RecommendConfig:
    return RecommendConfig().model_copy(update=changes)


def test_reasons_in_two_languages() -> None:
    kinds = ["buy again", "buy again", "looked at", "bought together", "bought together", "model", "model", "popular"]
    english, chinese = reasons.texts(
        np.array(kinds, object), pa.array([None, None, None, "Milk", "Milk", "Milk", None, None]),
        np.array([1, 1, 0, 1, 0, 1, 0, 0], bool), np.array([DAY, DAY, *[-1] * 6]), np.array([9.2, *[np.nan] * 7]),
    )  # fmt: skip
    assert english.to_pylist() == [
        "You buy it about every 9 days, last on 1970-01-02", "You bought it on 1970-01-02", "You looked at it lately",
        "Because you bought Milk", "Because you looked at Milk", "Fits what you buy lately, such as Milk",
        "Fits what you did lately", "Popular now",
    ]  # fmt: skip
    assert chinese[0].as_py() == "您大约每9天购买一次，上次是1970-01-02"
    assert chinese[3].as_py() == "因为您买过Milk"
    assert all(chinese.to_pylist())


def test_measures_by_hand() -> None:
    """User 0 bought three, two of them listed first and third; user 1 nothing; user 2 one that is not listed."""
    bought = hits.cells_of(np.array([0, 2, 4, 2 * 6 + 5]), (3, 6))
    lists = np.full((3, 10), -1)
    lists[:, :3] = [[2, 1, 0], [1, 2, 3], [1, 2, 3]]
    found = hits.measure(lists, bought)
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found == pytest.approx({
        "users": 2, "recall_10": (2 / 3) / 2, "ndcg_10": (1 + 0.5) / best / 2, "hit_rate_10": 0.5, "precision_10": 0.1,
    })  # fmt: skip
    filled = hits.filled(np.array([[3, -1], [-1, -1]]), np.array([1, 3, 2]))
    assert filled[:, :3].tolist() == [[3, 1, 2], [1, 3, 2]]


def test_published_suggestions_are_scored_beside_simple_ones(
    encoded: str, encoder: Encoder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """As of 30 days ago everybody was offered one product of each kind of shopper; what was bought since is known."""
    monkeypatch.setattr(
        suggestions.Registry, "of", lambda _: SimpleNamespace(current_champion=lambda: SimpleNamespace(run_id=""))
    )
    monkeypatch.setattr(suggestions, "load", lambda *_: encoder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ago = DS - datetime.timedelta(days=30)
    line = ["--warehouse", encoded, "--ds", str(ago)]
    recommend_accuracy.main(line)
    assert "nothing to score" in capsys.readouterr().out

    sequences = [cut(row, ago) for row in read(USER_SEQUENCES, encoded, DS)]
    partition(USER_SEQUENCES, encoded, ago, sequences)
    offered = [{"user_id": row["user_id"], "rank": rank, "product_id": product, "model_version": "1"}
               for row in sequences for rank, product in enumerate(("p01", "p02"), start=1)]  # fmt: skip
    partition(RECOMMENDATIONS, encoded, ago, offered)
    recommend_accuracy.main([*line, "--run-id", "r"])
    rows = read(RECOMMENDATION_ACCURACY, encoded, ago)
    assert {(row["method"], row["days"], row["purchases"]) for row in rows} == {
        (method, days, kind) for method in ("ours", "popularity", "item kNN", "buy again") for days in (7, 28)
        for kind in ("all", "new")
    }  # fmt: skip
    after = {(row["user_id"], row["product_id"]) for row in event_rows(encoded)
             if row["event_type"] == "purchase" and ago < row["ds"] <= ago + datetime.timedelta(days=28)
             and row["product_id"] != "p12"}  # fmt: skip
    buyers = {user for user, _ in after}
    hits = {user for user, product in after if product in ("p01", "p02")}
    (ours,) = [row for row in rows if (row["method"], row["days"], row["purchases"]) == ("ours", 28, "all")]
    assert (ours["users"], ours["model_version"], ours["run_id"]) == (len(buyers), "1", "r")
    assert ours["hit_rate_10"] == pytest.approx(len(hits) / len(buyers))
    assert {row["model_version"] for row in rows if row["method"] != "ours"} == {None}
    partition(RECOMMENDATIONS, encoded, DS, offered)
    with pytest.raises(cli.DataError, match="the days are not over yet"):
        recommend_accuracy.main(["--warehouse", encoded, "--ds", str(DS)])


def read(table, warehouse: str, ds: datetime.date) -> list[dict]:
    return lake.read(lake.open_table(table, warehouse), table.column_names, ds).to_pylist()


def partition(table, warehouse: str, ds: datetime.date, rows: list[dict]) -> None:
    whole = [dict.fromkeys(table.column_names) | row | {"ds": ds} for row in rows]
    lake.write_partition(table, warehouse, str(ds), [pa.RecordBatch.from_pylist(whole, lake.arrow_schema(table))])


def cut(row: dict, ds: datetime.date) -> dict:
    """A sequence as it was at the end of ds."""
    events = sum(day <= day_number(ds) for day in row["event_days"])
    return {name: value[:events] if isinstance(value, list) else value for name, value in row.items()}


def test_a_first_purchase_is_expected_where_those_of_the_same_taste_made_theirs() -> None:
    """Users of two tastes, products of two kinds; each has one product of his kind and buys another one of it."""
    random, users, products = np.random.default_rng(0), 200, 20
    taste_U, kind_E = np.arange(users) % 2, np.arange(products) % 2
    vectors_ED = torch.from_numpy(random.normal(np.eye(4)[kind_E], 0.1).astype(np.float32))
    choice = [random.choice(np.flatnonzero(kind_E == taste), 2, replace=False) for taste in taste_U]
    ones_U, shape = np.ones(users, np.float32), (users, products)
    had_UE, first_UE = (
        sparse.csr_array((ones_U, (np.arange(users), item_U)), shape) for item_U in np.transpose(choice)
    )
    known_UK = torch.from_numpy(np.eye(8, dtype=np.float32)[taste_U])
    learned = Discovery.fit(known_UK[:150], had_UE[:150], first_UE[:150], vectors_ED, np.ones(products), seed=1)
    every = np.repeat(np.arange(150, users), products), np.tile(np.arange(products), users - 150)
    like_UE = likeness(learned.aims(known_UK), vectors_ED, *every).reshape(-1, products)
    assert (kind_E[like_UE.argmax(axis=1)] == taste_U[150:]).all()
    nothing = Discovery.fit(known_UK, had_UE, first_UE * 0, vectors_ED, np.ones(products), seed=1)
    assert not nothing.aims(known_UK).any()


def test_a_ranker_needs_purchases() -> None:
    values, bought = np.zeros((50, len(INPUTS))), np.arange(50) % 2 == 0
    assert Ranker.fit(values, bought, 28, CONFIG.model_copy(update={"least_purchases": 26})).forest is None
    assert str(Ranker(None, 28, 50, 25)).startswith("what is popular comes first")


def test_a_ranking_is_held_against_one_without_the_model() -> None:
    """One that does not see an input says the same whatever it holds; a night of others makes the interval narrower."""
    values, bought = np.random.default_rng(3).random((2000, len(INPUTS)), np.float32), np.arange(2000) % 2 == 0
    values[:, INPUTS.index("model")] = bought
    for names in ((), ("model",)):
        ranker = Ranker.fit(values, bought, 28, CONFIG, names)
        none = np.zeros(2000, int)
        score = ranker.score(Pairs(1, none, none, none[:, None], values))
        assert (np.corrcoef(score, bought)[0, 1] > 0.9) == (not names)
    gained = np.linspace(-0.1, 0.3, 100)

    def night(first: int) -> dict[str, Asked]:
        ids = pa.array([f"u{first + user}" for user in range(100)])
        return {"all, 7 days": Asked(ids, {name: gained * (name != BARE) for name in WITHOUT})}

    one, two = (list(compared(nights, 1)) for nights in ([night(0)], [night(0), night(100)]))
    assert [row["row"] for row in one] == list(WITHOUT)
    assert "gain" not in one[0]
    assert two[1]["gain"] == pytest.approx(one[1]["gain"]) == pytest.approx(0.1)
    assert one[1]["low"] < two[1]["low"] < 0.1


def test_products_of_another_shop_are_not_suggested(encoded: str, encoder: Encoder) -> None:
    """Users of a namespace get what is of it, the others what is of none, with a history and without."""
    learned = recommender.Recommender.fit(encoded, DS, encoder, CONFIG)
    space_I = np.arange(len(learned.world.products)) % 2
    products = replace(learned.world.products, space_I=space_I, spaces=Spaces(("odd",)))
    of_two = replace(learned, world=replace(learned.world, products=products))
    for space in (0, 1):
        assert set(space_I[of_two.world.shelf.items_E[of_two.popular(space)]]) == {space}
    space_U = np.array([0, 1, 1])
    done = sequences([(1, 0, 1)], [(1, 1, 1)], [])
    cells = Cells.of(done, np.array([1, 1, 0]), 100 * DAY, 1, len(products), 30)
    state_UD = np.ones((3, encoder.vectors_ID.shape[1]), np.float32)
    found = pairs(of_two.world, state_UD, state_UD, cells, CONFIG.candidates, space_U)
    assert set(found.user_P) == {0, 1, 2}
    assert (space_I[of_two.world.shelf.items_E[found.place_P]] == space_U[found.user_P]).all()


def test_each_shop_says_what_is_never_suggested_of_its_products(tmp_path: Path) -> None:
    conf, where = tmp_path / "conf", str(tmp_path / "wh")
    (conf / "sources").mkdir(parents=True)
    shutil.copy(ROOT / "conf" / "recommendations.yaml", conf)
    for source, never in (("till", "[FUEL]"), ("web", "[WINE]")):
        text = f"name: {source}\nthresholds: {{never_suggested: {never}}}\n"
        (conf / "sources" / f"{source}.yaml").write_text(text, encoding="utf-8")
    spaces = [("till", ""), ("gone", ""), ("web", "app")]
    write(WAREHOUSE, where, [{"warehouse_id": "w", "namespaces": spaces}])
    assert RecommendConfig.load(conf, where).eligible.exclude_in == {"": ["FUEL"], "app": ["WINE"]}


def test_spaces_are_told_by_what_keys_begin_with() -> None:
    assert Spaces(("app", "till")).of(pa.array(["1", "till:1", "app:1", "apps:1"])).tolist() == [0, 2, 1, 0]
