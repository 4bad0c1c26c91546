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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("part: {number: 1}", r"whole\.yaml is not a valid thing: name: Field required$"),
        ("part: {number: secret}\nname: a\nnme: b", r"thing:\n  part\.number: Input should be .*\n  nme: Extra inputs"),
        ("- 1", "thing: the file: Input should be a valid dictionary"),
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


def test_the_nearest_name_is_offered():
    assert nearest("prize", ("price", "amount"), "ours are") == "; did you mean 'price'?"
    assert nearest("x", ("price", "amount"), "ours are") == "; ours are price, amount"
    assert nearest("x", ("price", "amount")) == ""
