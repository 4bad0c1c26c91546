"""The pages: a README for newcomers, links and paths that lead somewhere, commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from jobs.sources.spec import Source
from tests.docs.test_queries import PAGES, ROOT

README_LINES = 120
SOURCES_WORDS = 1_100
# Written by runs and tools, so not there in a fresh clone.
MADE = (".run", ".tools", ".venv", "landing", "warehouse", "my-warehouse", "big-warehouse", "big", "s/", "docker/.env")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`")
MODULE = re.compile(r"-m ((?:jobs|ml|local|bench|simulate)(?:\.\w+)*)(?: ([a-z]+))?")
PACKAGE_INDEX = re.compile(r"https?://[^\s)]*(pypi|npmjs|maven|conda|crates|rubygems|dockerhub)", re.IGNORECASE)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def files() -> list[Path]:
    """Relative paths of the clone's files, but for what runs have made."""
    tops = [top for top in ROOT.iterdir() if not top.name.startswith((".", *MADE))]
    return [path.relative_to(ROOT) for top in tops for path in (top.rglob("*") if top.is_dir() else [top])]


FILES = files()
TOP = {path.parts[0] for path in FILES}
BARE = {path.name for path in FILES}
ENDINGS = (".py", ".md", ".yaml", ".sh", ".toml", ".svg", ".j2", ".sql")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What a `#...` of a link may name: the headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_is_for_a_newcomer(name):
    lines = text(ROOT / name).splitlines()
    assert len(lines) <= README_LINES, f"{name} has {len(lines)} lines; figures go to docs/figures.md"


def test_both_readmes_have_the_same_sections():
    english, chinese = (
        re.findall(r"^(#+) ", text(ROOT / name), re.MULTILINE) for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
    links = [
        {link.replace(".zh-CN", "") for link in LINK.findall(text(ROOT / name))}
        for name in ("README.md", "README.zh-CN.md")
    ]
    assert links[0] == links[1]


@every_page
def test_a_link_leads_somewhere(page):
    for link in LINK.findall(FENCED.sub("", text(page))):
        if re.match(r"\w+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}; there are {sorted(anchors(target))}"


def is_there(path: str) -> bool:
    """Whether a path of the clone, or a name that one of its files has; `*` stands for anything."""
    folder = path.rstrip("/")
    if "*" in folder:
        return any(True for _ in ROOT.glob(folder))
    return (ROOT / folder).exists() or ("/" not in path and folder in BARE)


@every_page
def test_a_path_in_backticks_is_there(page):
    for path in PATH.findall(FENCED.sub("", text(page))):
        if path.startswith(MADE):
            continue
        of_ours = path.split("/")[0] in TOP and "/" in path
        if of_ours or path.endswith(ENDINGS):
            assert is_there(path), f"{page}: `{path}`"


@every_page
def test_a_command_of_a_page_exists(page):
    from jobs.__main__ import parser

    verbs = next(action for action in parser()._actions if action.dest == "verb").choices
    for module, word in MODULE.findall(text(page)):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), f"{page}: -m {module}"
        if module == "jobs" and word:
            assert word in verbs, f"{page}: python -m jobs {word}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z]+)|^make ([a-z]+)", text(page), re.MULTILINE):
        name = "".join(target)
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), f"{page}: make {name}"


@every_page
def test_no_page_names_a_package_index(page):
    assert not PACKAGE_INDEX.search(text(page)), page.name


def test_the_example_of_a_mapping_is_one():
    """The whole file on the page of sources, which stays a page."""
    page = text(ROOT / "docs" / "sources.md")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [*Source.model_validate(yaml.safe_load(example)).feeds()] == ["events", "users", "products"]
    assert len(page.split()) < SOURCES_WORDS
