"""What a command imports before it works: a large library costs up to seconds, and a night starts two dozen commands.

Read from the syntax trees of our modules, for all commands; a few are started, for what libraries import by themselves.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from jobs import tables
from jobs.__main__ import MODULES
from jobs.lake import delta

ROOT = Path(__file__).resolve().parent.parent
LARGE = {"duckdb", "great_expectations", "matplotlib", "mlflow", "pandas", "pysail", "pyspark", "scipy", "sklearn",
         "torch"}  # fmt: skip
TRAINING = {"scipy", "sklearn", "torch"}

# The large libraries that a command may import with its module; all others where they are used.
JOBS: dict[str, set[str]] = {module: {"pyspark"} for module in MODULES.values()} | {
    "jobs.__main__": set(),
    "jobs.checks.hops": set(),
    "jobs.checks.run": {"pyspark"},
    "jobs.erasure.run": {"pyspark", "duckdb"},
    "jobs.lake.maintain": {"pyspark", "duckdb"},
    "jobs.lake.sql": {"duckdb"},
    "jobs.search": {"duckdb"},
    "jobs.publish.report": {"pyspark", "duckdb", "pandas", "matplotlib"},
}
ML: dict[str, set[str]] = {
    "ml.accuracy": {"scipy"},
    "ml.benchmark": TRAINING,
    "ml.champion": set(),
    "ml.encode": {"torch"},
    "ml.evaluate": TRAINING,
    "ml.export": {"torch"},
    "ml.gate": TRAINING,
    "ml.learn": TRAINING,
    "ml.new_products": {"torch"},
    "ml.past": {"scipy"},
    "ml.predict": {"scipy"},
    "ml.probes": TRAINING,
    "ml.recommend": TRAINING,
    "ml.recommend_ablation": TRAINING,
    "ml.recommend_accuracy": {"scipy"},
    "ml.register": TRAINING,
    "ml.renew": TRAINING,
    "ml.serving": {"pandas", "torch"},
    "ml.snapshot": set(),
    "ml.train": {"torch"},
    "ml.value": {"scipy"},
}


def _ours() -> dict[str, Path]:
    found = {}
    for top in ("jobs", "ml", "simulate"):
        for path in (ROOT / top).glob("**/*.py"):
            found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


OURS = _ours()


def _at_import(module: str) -> set[str]:
    """The modules that one imports when it is imported: not those of functions, not those for types alone."""
    names: set[str] = set()
    pending: list[ast.stmt] = list(ast.parse(OURS[module].read_text(encoding="utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.With | ast.Try):
            pending += node.body
    return names


def reached(module: str) -> set[str]:
    """The large libraries that importing a module of ours imports by name, through others of ours."""
    pending, seen, libraries = [module], set(), set()
    while pending:
        name = pending.pop()
        if name.split(".")[0] in LARGE:
            libraries.add(name.split(".")[0])
        if name not in OURS or name in seen:
            continue
        seen.add(name)
        pending += _at_import(name)
        pending += [name.rsplit(".", 1)[0]] if "." in name else []  # its package, whose `__init__` runs first
    return libraries


@pytest.mark.parametrize(("module", "allowed"), (JOBS | ML).items())
def test_a_command_imports_before_its_work_what_it_may(module: str, allowed: set[str]):
    assert reached(module) <= allowed, f"{module}: import {sorted(reached(module) - allowed)} where they are used"


def test_every_command_has_a_line():
    commands = {f"ml.{path.stem}" for path in (ROOT / "ml").glob("*.py")} - {"ml.__init__"}
    assert set(ML) == commands


def started(code: str) -> set[str]:
    """The modules of a fresh interpreter after a line of code."""
    line = f"import sys; {code}; print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES", 1)[1].split())


def test_the_command_line_starts_with_next_to_nothing():
    """`--help`, and a wrong line: a twentieth of a second."""
    modules = started("from jobs.__main__ import parser; parser()")
    assert len(modules) < 200
    assert not modules & {"pydantic", "pyarrow", "deltalake", "numpy", "yaml", *LARGE}


def test_sql_starts_without_an_engine():
    modules = started("import jobs.lake.sql")
    assert len(modules) < 600
    assert not modules & (LARGE - {"duckdb"})


def test_a_check_reads_results_without_an_engine_and_pandas(spark, tmp_path):
    """pyarrow asks pandas about foreign tables, a third of a second: `delta.rows` hands it none."""
    row = {"table": "silver.events", "ds": date(2017, 1, 1), "run_id": "r", "success": True, "basis": "b"}
    delta.replace_rows([row], str(tmp_path), tables.QUALITY_RESULTS, "true")
    modules = started(
        "from datetime import date; from jobs import tables; from jobs.checks import results, run;"
        " from jobs.settings import Settings; day = date(2017, 1, 1);"
        f" s = Settings(day, day, {str(tmp_path)!r}, '', '', 'r');"
        " assert results.stored(s, [tables.SILVER_EVENTS])"
    )
    assert len(modules) < 650
    assert not modules & (LARGE - {"pyspark"})
    assert not any(name.startswith("pyspark.sql.connect") for name in modules)


def test_what_judges_comes_without_what_no_suite_needs():
    """See jobs/checks/lean.py: of altair and scipy.stats there are the names alone."""
    modules = started("import jobs.checks.judge")
    assert {"great_expectations.expectations", "altair", "scipy.stats"} <= modules
    assert not modules & {"sqlalchemy", "pyspark.ml", "cryptography", "altair.vegalite", "scipy.stats.distributions"}
