"""What the lists of others say: counted without the list that is learned from, by hand and against a recount."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.judge import leave_one_out, list_followers
from ml.judge.leave_one_out import ItemLists
from ml.judge.list_followers import Followers, history
from ml.judge.list_neighbours import Setting

SETTING = Setting(backward=0.5, damp_from=0.6, damp_to=0.0, recency=0.5)


def read(path: Path, lines: list[str]) -> ItemLists:
    path.write_text("\n".join(lines), encoding="utf-8")
    return leave_one_out.read(path)


def dense(followers: Followers, items: np.ndarray, learned: bool) -> np.ndarray:
    """(places, items, columns) of one list, every place asked."""
    cells, columns = followers.entries(items, np.array([len(items)]), np.arange(len(items)), learned)
    out = np.zeros((len(items), len(followers.count_I), columns.shape[1]), np.float32)
    out[cells.position_X.numpy(), cells.item_X.numpy()] = columns.numpy()
    return out


def test_a_list_that_is_learned_from_is_told_what_it_would_be_without_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    lines = [f"u{u} " + " ".join(map(str, random.permutation(9)[: random.integers(3, 9)])) for u in range(30)]
    own = "own 4 7 1 0 8 2 5"
    every, others = read(tmp_path / "every.txt", [*lines, own]), read(tmp_path / "others.txt", lines)
    assert every.names.tolist() == others.names.tolist()
    trained = np.array([4, 7, 1, 0, 8])
    told = dense(Followers.of(every, SETTING), trained, learned=True)
    expected = dense(Followers.of(others, SETTING), trained, learned=False)
    assert (expected > 0).any()
    np.testing.assert_allclose(told, expected, rtol=1e-4, atol=1e-5)


def test_an_entry_by_hand(tmp_path: Path) -> None:
    """b follows a twice and c once; of the second list nobody else knows anything but a b."""
    lists = read(tmp_path / "lists.txt", ["u a b x y", "v a b c z w"])
    followers = Followers.of(lists, SETTING)
    a, b, c = (lists.names.tolist().index(name) for name in "abc")
    first = dense(followers, np.array([a, b, c]), learned=True)[:, :, 0]
    assert first[0].sum() == 0  # nothing was read yet
    assert first[1, b] == pytest.approx(np.log1p(1.0))  # of u alone, in which a stands once
    assert first[1, c] == first[2, c] == 0  # v's own
    later = dense(followers, np.array([a, b, c]), learned=False)[:, :, 0]
    assert later[1, c] == pytest.approx(np.log1p(0.8 * 2**-0.6))
    assert later[2, c] == pytest.approx(np.log1p((0.5 * 0.8 + 1) * 2**-0.6))


def test_only_the_strongest_followers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_followers, "MOST", 1)
    lists = read(tmp_path / "lists.txt", ["u a b x y", "v a b x y", "w a c x y", "t b c x y z"])
    followers = Followers.of(lists, SETTING)
    a, b, c = (lists.names.tolist().index(name) for name in "abc")
    assert dense(followers, np.array([a, c]), learned=False)[1, :, 0].nonzero()[0].tolist() == [b]
    # Without v's own pair b is as weak as c, which is not among the strongest.
    assert not dense(followers, np.array([a, b]), learned=True)[1].any()


def test_the_history_is_what_stands_before_a_place_but_not_what_is_asked_for() -> None:
    found = history(np.array([5, 6, 5, 7, 8]), np.array([3, 2]), np.arange(5))
    assert found.position_X.tolist() == [1, 2, 4]
    assert found.item_X.tolist() == [5, 6, 7]
