"""Reasons stand in the language of the sentence, each of those that the grammar gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.audiences.ask import read, text
from jobs.audiences.ask.reasons import in_chinese
from tests.jobs.audiences.ask.test_reader import SHOP

GRAMMAR = Path(__file__).parents[4] / "jobs" / "audiences" / "ask"


def given() -> Iterator[str]:
    """What `NotSaidError` is raised with, where it is one text."""
    for path in GRAMMAR.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NotSaidError":
                yield from (one.value for one in node.args if isinstance(one, ast.Constant))


@pytest.mark.parametrize("reason", sorted(set(given())))
def test_every_reason_has_chinese_words(reason: str) -> None:
    assert text.is_chinese(in_chinese(reason))


@pytest.mark.parametrize("said", ["近30天买过火星石的", "近30天晒过牛奶的", "牛奶最多的用户", "近30天3的用户"])
def test_a_chinese_sentence_is_answered_in_chinese(said: str) -> None:
    left = read(said, SHOP).left_out
    assert left
    assert all(text.is_chinese(part.means) for part in left), left
    assert not any(text.is_chinese(part.means) for part in read("bought marsrocks", SHOP).left_out)
