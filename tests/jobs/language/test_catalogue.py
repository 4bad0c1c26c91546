"""Languages: a file each, complete, with numbers and lists as its readers write them."""

from __future__ import annotations

import shutil

import pytest

from jobs.errors import UsageError
from jobs.language import languages, says_nothing, words
from jobs.language.catalogue import LANGUAGES, Catalogue


def test_every_language_has_all_texts():
    assert {"en", "zh"} <= {*languages()}
    for language in languages():
        assert words(language).name


def test_a_text_that_is_missing_is_named(tmp_path):
    shutil.copy(LANGUAGES / "en.yaml", tmp_path)
    text = (LANGUAGES / "zh.yaml").read_text(encoding="utf-8")
    (tmp_path / "zh.yaml").write_text(text.replace("  offer:\n", "  other:\n"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"in .*zh.yaml, found none of: action.offer"):
        Catalogue.load("zh", tmp_path)


def test_numbers_and_lists():
    english, chinese = words("en"), words("zh")
    assert [english.amount(value) for value in (1234.6, 15.2, 2.53, 3.0)] == ["1,235", "15", "2.5", "3"]
    assert [english.percent(share) for share in (0.126, 0.004, 0)] == ["13%", "0.4%", "0%"]
    assert english.listed(["a", "b", "c"]) == "a, b and c"
    assert chinese.listed(["甲", "乙", "丙"]) == "甲、乙和丙"
    assert [english.much(times) for times in (4.2, 2.0, 1.2)] == [
        "four times the usual share", "twice the usual share", "a little more than the usual share",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("category", "nothing"),
    [("COUPON/MISC ITEMS", True), ("unknown", True), ("MEAT - MISC", True), (None, True), (" ", True), ("N/A", True),
     ("其他", True), ("CRACKERS/MISC BKD FD", False), ("MISC WINE", False), ("560201", False), ("其他美妆", False)],
)  # fmt: skip
def test_categories_that_say_nothing(category, nothing):
    assert says_nothing(category) is nothing
