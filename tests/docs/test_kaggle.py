"""The page for Kaggle: a command for each of its data sets, as the page of well-known inputs and the mapping say."""

from __future__ import annotations

import re

import pytest

from jobs.sources.spec import load
from tests.docs.test_queries import ROOT

RUN = re.compile(
    r"^make run SOURCE=(\w+) LANDING=kaggle/(\w+) SINCE=(\S+) DS=(\S+) WAREHOUSE=\./kaggle/(\w+)-tables$", re.M
)
PAGES = ["kaggle.md", "kaggle.zh-CN.md"]


def lines(name: str) -> dict[str, tuple[str, str]]:
    """First and last day by source."""
    found = RUN.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert all(source == landing == tables for source, landing, _, _, tables in found)
    return {source: (since, ds) for source, _, since, ds, _ in found}


@pytest.mark.parametrize("name", PAGES)
def test_each_data_set_has_its_download_its_licence_and_its_command(name):
    text, commands = (ROOT / "docs" / name).read_text(encoding="utf-8"), lines(name)
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `kaggle [^|]+ -p kaggle/(\w+)` \| ([^|]+) \|$", text, re.MULTILINE)
    assert [source for source, _, _ in rows] == [*commands]
    assert len(commands) == 8
    assert all(source == folder and licence.strip() for source, folder, licence in rows)


def test_days_and_licences_are_those_of_the_mappings():
    known = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    shown = (ROOT / "docs" / "kaggle.md").read_text(encoding="utf-8")
    assert lines("kaggle.md") == lines("kaggle.zh-CN.md")
    for name, (since, ds) in lines("kaggle.md").items():
        source, row = load(name), re.search(rf"^\| `{name}` \|.*$", known, re.MULTILINE)[0]
        assert str(source.shop_opened) <= since < ds
        assert since in row
        assert ds in row or name == "rees46"
        if licence := re.search(r"CC BY[\w .-]*\d", source.licence):
            assert licence[0] in re.search(rf"^\| `{name}` \|.*$", shown, re.MULTILINE)[0]
