"""The benchmark: its protocol on hand-made files, its neighbours by hand, and the command end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from ml import benchmark
from ml.common.cli import DataError, UsageError
from ml.common.model_settings import load
from ml.judge import leave_one_out, list_neighbours, list_training
from ml.judge.leave_one_out import ItemLists, metrics, ranks
from tests.ml.conftest import ROOT

FILE = """\
ann a b c d
bob b c a
eve d a

tom c b d a e
"""


@pytest.fixture
def lists(tmp_path: Path) -> ItemLists:
    """In order of the training part: tom (3 of 5), ann (2 of 4), eve (both, not judged), bob (1 of 3)."""
    (tmp_path / "lists.txt").write_text(FILE, encoding="utf-8")
    return leave_one_out.read(tmp_path / "lists.txt")


def named(lists: ItemLists, scores: dict[str, float]) -> torch.Tensor:
    return torch.tensor([scores.get(name, 0.0) for name in lists.names])


def test_the_last_item_is_the_test_and_the_one_before_it_validation(lists: ItemLists) -> None:
    assert lists.names.tolist() == ["a", "b", "c", "d", "e"]
    assert lists.train_events.tolist() == [3, 2, 2, 1]
    assert lists.judged.tolist() == [0, 1, 3]
    # a: ann, eve; b: tom, ann, bob; c: tom; d: tom, eve. Nothing of what is asked for is counted.
    assert lists.counts().tolist() == [2, 3, 1, 2, 0]
    read = {}

    def scorer(users: np.ndarray, ends: np.ndarray) -> torch.Tensor:
        read.update(zip(users.tolist(), ends.tolist(), strict=True))
        return torch.zeros(len(users), 5)

    ranks(lists, scorer, leave_one_out.HELD_OUT, lists.judged)
    assert read == {0: 3, 1: 2, 3: 1}
    ranks(lists, scorer, 1, lists.judged)
    assert read == {0: 4, 1: 3, 3: 2}  # the validation item is read


def test_the_history_is_masked_and_ties_share_their_mean_rank(lists: ItemLists) -> None:
    scores_I = named(lists, {"b": 9.0, "c": 8.0, "d": 5.0, "a": 5.0, "e": 1.0})
    found = ranks(lists, lambda users, ends: scores_I.repeat(len(users), 1), 2, lists.judged)
    # tom: a, after c b d are masked, before e. ann: c, after a b are masked. bob: c, after b is masked.
    assert found.tolist() == [1.0, 1.0, 1.0]
    tested = ranks(lists, lambda users, ends: scores_I.repeat(len(users), 1), 1, lists.judged)
    # tom: e alone is left. ann: d, before e. bob: a, as good as d: places 1 and 2.
    assert tested.tolist() == [1.0, 1.0, 1.5]


def test_an_item_of_the_history_is_never_hit(tmp_path: Path) -> None:
    (tmp_path / "again.txt").write_text("u a b c a\nv a b c d\n", encoding="utf-8")
    lists = leave_one_out.read(tmp_path / "again.txt")
    found = ranks(lists, lambda users, ends: torch.ones(len(users), 4), 1, lists.judged)
    assert leave_one_out.repeated(lists) == 1
    assert found.tolist() == [3.0, 1.0]  # u: d is better than the masked a b c, which tie


def test_metrics_by_hand() -> None:
    found = metrics(np.array([1.0, 3.0, 6.0, 10.5]))
    assert found == pytest.approx(
        {"hr@5": 2 / 4, "hr@10": 3 / 4, "ndcg@5": (1 + 1 / 2) / 4, "ndcg@10": (1 + 1 / 2 + 1 / np.log2(7)) / 4}
    )


def test_neighbours_by_hand(lists: ItemLists) -> None:
    setting = list_neighbours.Setting(backward=0.5, damp_from=1.0, damp_to=0.5, recency=0.5)
    ahead_II = list_neighbours.ahead(lists).toarray()
    a, b, c, d, e = range(5)
    # Training parts: tom c b d, ann a b, eve d a, bob b.
    expected = np.zeros((5, 5))
    expected[c, b] = expected[b, d] = expected[a, b] = expected[d, a] = 1
    expected[c, d] = 0.8
    np.testing.assert_allclose(ahead_II, expected, rtol=1e-6)
    count_I = np.maximum(lists.counts(), 1).astype(float)
    near_II = list_neighbours.near(list_neighbours.ahead(lists), count_I, setting)
    assert near_II.toarray()[b, c] == pytest.approx(0.5 / (3 * 1**0.5))
    scorer = list_neighbours.ListNeighbours(lists, setting, near_II)
    scores = scorer(np.array([1]), np.array([2]))[0]  # ann has read a, then b
    assert scores[d].item() == pytest.approx(1 / (3 * 2**0.5) + 0.5 * (0.5 / (2 * 2**0.5)))
    assert scores[e].item() == 0


def test_factors_of_items_bought_together_lie_close(tmp_path: Path) -> None:
    """Two circles of items that nobody mixes, and one item without neighbours in the training part."""
    lines = [f"u{u} " + " ".join(f"{'xy'[u % 2]}{(u + step) % 5}" for step in range(5)) for u in range(40)]
    (tmp_path / "circles.txt").write_text("\n".join([*lines, "v x0 alone y1"]), encoding="utf-8")
    lists = leave_one_out.read(tmp_path / "circles.txt")
    found = list_neighbours.factors(lists, width=2)
    assert found.shape == (11, 2)
    kind_I = np.array([name[0] for name in lists.names])
    assert (found[kind_I == "a"] == 0).all()
    x, y = found[kind_I == "x"], found[kind_I == "y"]
    assert (x @ x.T).min() > 0.9
    assert (y @ y.T).min() > 0.9
    assert abs(x @ y.T).max() < 0.1


def test_attributes_describe_items_and_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "lists.txt").write_text(FILE, encoding="utf-8")
    (tmp_path / "attributes.json").write_text(json.dumps({"a": [7, 8], "d": [8], "foreign": [9]}), encoding="utf-8")
    lists = leave_one_out.read(tmp_path / "lists.txt", tmp_path / "attributes.json")
    catalogue, count = lists.catalogue()
    # 0 padding, 1 unknown, 2..6 the items' own, 7 and 8 the two attributes
    assert catalogue.features_IF.tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [2, 7, 8],
        [3, 0, 0],
        [4, 0, 0],
        [5, 8, 0],
        [6, 0, 0],
    ]
    assert count == 9


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("a x y\nb\n", DataError, "line 2: expected `user item item ...`, found 'b'"),
        ("a x y\n", DataError, "expected users with more than 2 items, found none among 1 users"),
        (None, UsageError, "expected a file of lines"),
    ],
)
def test_a_file_that_cannot_be_judged_is_refused(tmp_path: Path, text: str | None, error: type, said: str) -> None:
    if text is not None:
        (tmp_path / "lists.txt").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=said):
        leave_one_out.read(tmp_path / "lists.txt")


def test_the_step_follows_the_size_of_the_file(lists: ItemLists) -> None:
    config = load(ROOT / "conf", "benchmark")
    fitted = list_training.fitted_to(config, lists)
    assert fitted.train.epochs >= config.train.min_steps / 2  # four users are a step or two
    assert fitted.train.batch_users > 500
    long = ItemLists(np.arange(0, 40_001, 200), np.zeros(40_000, np.int64), np.array(["a"]), np.zeros((1, 0), np.int32))
    assert list_training.fitted_to(config, long).train.batch_users == round(config.train.batch_events / 50) // 8 * 8


def test_the_command_learns_a_pattern_and_ends_in_one_json_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A ring of forty items: what comes next is sure, so every row must find it."""
    random = np.random.default_rng(0)
    starts = random.integers(0, 40, 120)
    lines = [f"u{u} " + " ".join(f"i{(start + step) % 40}" for step in range(6)) for u, start in enumerate(starts)]
    (tmp_path / "ring.txt").write_text("\n".join(lines), encoding="utf-8")
    preset = yaml.safe_load((ROOT / "conf" / "model.yaml").read_text(encoding="utf-8"))["presets"]["debug"]
    preset["train"] |= {
        "epochs": 60,
        "validate_every": 10,
        "full_softmax_below": 100,
        "validation_users": 50,
        "members": 2,
    }
    (tmp_path / "model.yaml").write_text(yaml.safe_dump({"presets": {"tiny": preset}}), encoding="utf-8")
    words = [str(tmp_path / "ring.txt"), "--conf", str(tmp_path), "--preset", "tiny", "--seed", "3", "--threads", "1"]
    said = []
    for _ in range(2):
        benchmark.main(words)
        said.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    found = said[0]
    assert {"hr@5", "hr@10", "ndcg@5", "ndcg@10", "item_knn", "rows", "seconds", "epochs", "protocol"} <= set(found)
    assert (found["users"], found["items"], found["seed"]) == (120, 40, 3)
    assert list(found["rows"]) == ["model", "item_knn", "average"]
    assert found["hr@5"] == found["rows"][found["row"]]["test"]["hr@5"]
    assert found["rows"]["model"]["test"]["hr@5"] > 0.95
    assert found["item_knn"]["ndcg@10"] > 0.95
    assert [row["test"] for row in found["rows"].values()] == [row["test"] for row in said[1]["rows"].values()]
