"""`ml.benchmark --baskets`, end to end on shoppers that were made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ml import benchmark
from ml.common.cli import UsageError
from tests.ml.baskets.test_counting import written

ROWS = ("popular", "own_frequency", "up_cf", "tifu_knn", "model", "boosted_trees")


def shoppers(count: int) -> tuple[dict, dict]:
    """Each buys his own staple every second visit, and on the others one of ten goods and what follows it."""
    random, history, future = np.random.default_rng(3), {}, {}
    for user in range(count):
        baskets, good = [], int(random.integers(10))
        for visit in range(int(random.integers(5, 9))):
            good = (good + 1) % 10
            baskets.append([f"staple {user % 7}"] if visit % 2 else [f"good {good}", f"good {(good + 5) % 10}"])
        history[f"u{user}"], future[f"u{user}"] = [[-1], *baskets[:-1], [-1]], [[-1], baskets[-1], [-1]]
    return history, future


def test_the_command_ends_with_one_object_of_all_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(file) for file in written(tmp_path, *shoppers(40))]
    found = []
    for _ in range(2):
        benchmark.main(["--baskets", *files, "--seed", "5", "--threads", "1"])
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    first, second = found
    assert set(ROWS) == set(first["rows"])
    assert {"recall@10", "ndcg@10", "hit@10", "repeats", "new", "seconds", "protocol"} <= set(first)
    assert first["seed"] == 5
    assert first["users"] == 40
    for name, row in first["rows"].items():
        assert 0 <= row["ndcg@10"] <= row["hit@10"] <= 1, name
        assert row["ndcg@10"] == second["rows"][name]["ndcg@10"], name


def test_a_file_of_lists_and_baskets_are_asked_for_apart() -> None:
    with pytest.raises(UsageError, match="either FILE or --baskets"):
        benchmark.main([])
    with pytest.raises(UsageError, match="--attributes: expected with FILE alone"):
        benchmark.main(["--baskets", "a.json", "b.json", "--attributes", "c.json"])
