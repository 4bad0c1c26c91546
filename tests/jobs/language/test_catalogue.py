"""Languages: a file each, complete, with numbers and lists as its readers write them."""

from __future__ import annotations

import re
import shutil

import pytest

from jobs.errors import UsageError
from jobs.language import languages, says_nothing, words
from jobs.language.catalogue import LANGUAGES, Catalogue


def test_every_language_has_all_texts():
    assert {"en", "es", "zh"} <= {*languages()}
    for language in languages():
        assert words(language).name


FREE = ("who", "apart", "will", "action")  # sections whose texts may say any of their slots


def texts(node, path=()):
    """(path, text) of all texts; variants have one path."""
    if isinstance(node, dict):
        return [pair for name, child in node.items() for pair in texts(child, (*path, name))]
    if isinstance(node, list):
        return [pair for child in node for pair in texts(child, path)]
    return [(path, node)] if isinstance(node, str) else []


def slots(language):
    """Placeholders by path; of FREE sections by section."""
    found = {}
    for path, text in texts(words(language).model_dump()):
        place = path[:1] if path[0] in FREE else path
        found.setdefault(place, set()).update(re.findall(r"\{(\w+)\}", text))
    return found


@pytest.mark.parametrize("language", [code for code in languages() if code != "en"])
def test_every_language_has_the_keys_and_placeholders_of_english(language):
    ours, model = slots(language), slots("en")
    own = {place for place in ours if place[0] == "features"}
    other = {place: found for place, found in ours.items() if place not in own and found != model.get(place, set())}
    assert {place for place in other if place[0] not in FREE} == set()
    assert all(found <= model[place] for place, found in other.items())


@pytest.mark.parametrize(
    ("code", "text", "without", "missing"),
    [
        # Its texts are in no table: it names every feature.
        ("es", "  monetary: gasto\n", "", "features.monetary"),
        ("zh", "  offer:\n", "  other:\n", "action.offer"),
    ],
)
def test_a_text_that_is_missing_is_named(tmp_path, code, text, without, missing):
    shutil.copy(LANGUAGES / "en.yaml", tmp_path)
    whole = (LANGUAGES / f"{code}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"{code}.yaml").write_text(whole.replace(text, without), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"in .*{code}.yaml, found none of: {missing}"):
        Catalogue.load(code, tmp_path)


def test_numbers_and_lists():
    english, chinese = words("en"), words("zh")
    assert [english.amount(value) for value in (1234.6, 15.2, 2.53, 3.0)] == ["1,235", "15", "2.5", "3"]
    assert [english.percent(share) for share in (0.126, 0.004, 0)] == ["13%", "0.4%", "0%"]
    assert english.against(0.0024, 0.0017) == ("0.24%", "0.17%")
    assert words("es").against(0.164, 0.155) == ("16,4%", "15,5%")
    assert english.against(0.17, 0.155) == ("17%", "16%")
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
