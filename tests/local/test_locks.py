"""What runs and what tests are two locks: what a room imports is asked for by name, and the two agree."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {path.name for path in ROOT.iterdir() if path.is_dir()} | {"_house"}
RUNTIME = ("dags", "jobs", "ml", "local", "simulate", "bench", "docker")


def names(file: str) -> set[str]:
    """The packages of a requirements file, as their index spells them."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    words = {re.split(r"[=<> ;\[]", line, maxsplit=1)[0] for line in lines if line and line[0] not in "#-"}
    return {word.lower().replace("_", "-") for word in words}


def pins(file: str) -> dict[str, set[str]]:
    """Every version that a lock gives a package (another one for another Python, where it has to be)."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE):
        versions.setdefault(name, set()).add(version)
    return versions


def imported(rooms: tuple[str, ...]) -> set[str]:
    """Libraries that the rooms import, by the name of the module; bench/rivals has environments of its own."""
    modules: set[str] = set()
    for room in rooms:
        for path in (ROOT / room).glob("**/*.py"):
            if path.is_relative_to(ROOT / "bench" / "rivals"):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    modules.add(node.module.split(".")[0])
    return modules - sys.stdlib_module_names - OURS


@pytest.mark.parametrize(
    ("rooms", "files"),
    [
        (RUNTIME, ("requirements.in", "requirements-text.in")),
        (("tests",), ("requirements.in", "requirements-text.in", "requirements-dev.in")),
    ],
    ids=["what runs", "what tests"],
)
def test_what_is_imported_is_asked_for_by_name(rooms, files):
    asked = set().union(*map(names, files))
    packages = packages_distributions()
    for module in sorted(imported(rooms)):
        brought = {name.lower().replace("_", "-") for name in packages.get(module, [module])}
        assert brought & asked, f"{module} is imported; put one of {sorted(brought)} into {files[-1]}"


def test_what_is_installed_on_demand_is_pinned_and_not_installed_unasked():
    on_demand = names("requirements-text.in")
    assert on_demand <= pins("requirements-dev.txt").keys()
    assert not on_demand & pins("requirements.txt").keys()


def test_a_run_installs_no_tool_of_the_tests():
    assert not {"pytest", "pytest-timeout", "ruff", "mypy"} & pins("requirements.txt").keys()


def test_the_two_locks_agree():
    runtime = pins("requirements.txt")
    for name, versions in pins("requirements-dev.txt").items():
        assert versions <= runtime.get(name, versions), name


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_a_lock_holds_what_was_asked_for_and_names_no_host(name):
    assert names(f"{name}.in") <= set(pins(f"{name}.txt"))
    for file in (f"{name}.in", f"{name}.txt"):
        assert "://" not in (ROOT / file).read_text(encoding="utf-8")
