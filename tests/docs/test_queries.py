"""Every query and every Python example of the pages runs as it stands, on a small warehouse."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from jobs import __main__ as jobs

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docker/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ON_A_LINE = re.compile(r'-m jobs sql "((?:[^"\\]|\\.)*)"')
SPARK_OF_ITS_OWN = "session.build("  # takes ten seconds; its imports are looked at


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language]


def queries(page: Path) -> list[str]:
    """The SQL blocks, and the queries of lines of the shell."""
    lines = [query.replace('\\"', '"') for text in blocks(page, "bash") for query in ON_A_LINE.findall(text)]
    return blocks(page, "sql") + [query for query in lines if query != "SELECT ..."]


def examples(language) -> list:
    return [
        pytest.param(text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, text in enumerate(language(page), 1)
    ]


def answer(query: str, warehouse: Path, capsys) -> list[dict]:
    code = jobs.main(["sql", query, "--warehouse", str(warehouse), "--format", "json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return [json.loads(line) for line in printed.out.splitlines() if line]


@pytest.mark.parametrize("query", examples(queries))
def test_a_query_of_a_page_runs(query, warehouse, capsys):
    answer(query, warehouse, capsys)


@pytest.mark.parametrize("page", ["analysing", "operating"])
def test_both_languages_have_the_same_examples(page):
    english, chinese = (
        [text for kind, text in FENCE.findall((ROOT / "docs" / name).read_text(encoding="utf-8")) if kind != "bash"]
        for name in (f"{page}.md", f"{page}.zh-CN.md")
    )
    assert english == chinese


@pytest.mark.parametrize("page", ["analysing.md", "operating.md"])
def test_a_query_for_people_finds_something(page, warehouse, capsys):
    for query in blocks(ROOT / "docs" / page, "sql"):
        assert answer(query, warehouse, capsys), query


def test_there_are_twelve_queries_to_begin_with():
    assert len(blocks(ROOT / "docs" / "analysing.md", "sql")) == 12


def test_a_file_s_records_are_accounted_for(warehouse, capsys):
    (query,) = [text for text in blocks(ROOT / "docs" / "operating.md", "sql") if "ops.loads" in text]
    assert [row["difference"] for row in answer(query, warehouse, capsys)] == [0]


def test_a_segment_s_taste_is_held_against_all(warehouse, capsys):
    (query,) = [text for text in blocks(ROOT / "docs" / "analysing.md", "sql") if "times_as_much" in text]
    most = {row["segment"]: row["category"] for row in reversed(answer(query, warehouse, capsys))}
    assert most == {"优惠敏感": "MILK", "常客": "BREAD"}


@pytest.mark.parametrize("code", examples(lambda page: blocks(page, "python")))
@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_a_python_example_runs(code, warehouse, monkeypatch):
    monkeypatch.chdir(warehouse.parent)
    if SPARK_OF_ITS_OWN in code:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                importlib.import_module(f"{node.module}.{node.names[0].name}")
    else:
        exec(compile(code, "example", "exec"), {})
