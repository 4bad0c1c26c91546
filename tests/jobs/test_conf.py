"""What a user edits is read strictly: every mistake is named with its file and key, and no value is repeated."""

from __future__ import annotations

import pytest

from jobs.conf import Strict, nearest, read
from jobs.errors import UsageError


class Part(Strict):
    number: int


class Whole(Strict):
    part: Part
    name: str
    words: tuple[str, ...] | dict[str, tuple[str, ...]] = ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("part: {number: 1}", r"whole\.yaml is not a valid thing: name: Field required$"),
        (
            "part: {number: secret}\nname: a\nnme: b",
            r"thing:\n  part\.number: Input should be .*\n  nme: there is no such key; did you mean 'name'\?",
        ),
        ("part: {number: 1, numbr: 2}\nname: a", r"part\.numbr: there is no such key; did you mean 'number'\?"),
        ("- 1", "thing: the file: expected keys with values, found a list"),
        (
            "part: {number: 1}\nname: no",
            "name: expected a text, found yes, no, on, off, true or false, which",
        ),
        ("part: {number: 1}\nname: 1", "name: expected a text, found a number, which is no text without quotes"),
        ("part: {number: 1}\nname: a\nwords: [null, secret]", "thing: words.0: expected a text, found nothing"),
        ("part: {number: 1}\nname: a\nwords: {no: secret}", "thing: words.no: expected a list, .* found a text"),
        ("part: {number: 1}\nname: secret\nname: b", r"not YAML: line 3: the key 'name' stands twice"),
        ("a: [", r"whole\.yaml is not YAML: "),
        (None, r"expected a thing's file at .*whole\.yaml, found: No such file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    path = tmp_path / "whole.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read(path, Whole, "thing")
    assert "secret" not in str(caught.value)


def test_a_key_is_the_text_that_stands_there(tmp_path):
    path = tmp_path / "whole.yaml"
    path.write_text("base: &base {null: [a], no: [b]}\nwords: {<<: *base, 1: [c], no: [d]}\npart: {number: 1}\nname: a")
    found = read(path, Whole, "thing", lambda document: {k: v for k, v in document.items() if k != "base"})
    assert found.words == {"null": ("a",), "no": ("d",), "1": ("c",)}


def test_the_nearest_name_is_offered():
    assert nearest("prize", ("price", "amount"), "ours are") == "; did you mean 'price'?"
    assert nearest("x", ("price", "amount"), "ours are") == "; ours are price, amount"
    assert nearest("x", ("price", "amount")) == ""
