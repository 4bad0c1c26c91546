"""The sentences of docs/asking.md are read as it says, and its table of vague words is the one of conf/ask.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from jobs.audiences.ask import read
from jobs.audiences.ask.vague import vague
from tests.jobs.audiences.ask.test_reader import SHOP, plain

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "asking.md").read_text(encoding="utf-8")


def test_each_sentence_is_the_rule_beside_it():
    rows = re.findall(r"^\| (.+?) \| `(\{.*\})` \|$", PAGE.split("<!-- sentences -->")[1], re.MULTILINE)
    assert len(rows) > 7
    for sentence, rule in rows:
        assert plain(read(sentence, SHOP).rule) == plain(yaml.safe_load(rule)), sentence


def test_a_number_of_the_table_is_the_one_of_the_configuration():
    table, numbers = PAGE.split("<!-- vague -->")[1], vague().numbers
    said = (
        f"last {numbers.months} calendar months", f"last {numbers.weeks} weeks", f"last {numbers.stopped_days} days",
        f"top {numbers.heavy_percent} %", f"{numbers.overdue} times", f"at least {numbers.likely}",
    )  # fmt: skip
    assert [one for one in said if one not in table] == []
