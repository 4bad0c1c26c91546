"""The floors of jobs/: imports run down only, and a hop takes of another what its `__init__` hands out."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# From the ground up: a room may import those of the lines above it, and itself.
FLOORS = (
    ("errors", "clock", "chance", "texts"),
    ("settings", "tables", "conf"),
    ("language",),
    ("lake",),
    ("sources",),
    ("collect",),
    ("clean",),
    ("features",),
    ("segments",),
    ("audiences",),
    ("checks", "publish", "erasure"),
    ("migrate", "search"),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
HOPS = {"collect", "clean", "features", "segments", "audiences", "checks", "publish", "erasure"}


def modules(top: str) -> dict[str, Path]:
    """Every module of ours under a folder, by its full name."""
    found = {}
    for path in sorted((ROOT / top).glob("**/*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules among `known` that a file imports when it is imported itself."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in known else node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & known.keys()


JOBS = modules("jobs")


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(set(JOBS) - {"jobs"}))
def test_imports_run_down(module: str):
    room = room_of(module)
    assert room in LEVEL, f"{module}: give its room a floor"
    for other in imports(JOBS[module], JOBS) - {"jobs"}:
        below = room_of(other)
        assert below == room or LEVEL[below] < LEVEL[room], f"{module} imports {other}, which is not below it"
        if below != room and below in HOPS and room not in ("__main__", "migrate"):
            assert other == f"jobs.{below}", f"{module} imports {other}; take what jobs.{below} hands out"


@pytest.mark.parametrize("top", ["jobs", "ml", "simulate", "local"])
def test_no_module_imports_itself_by_way_of_others(top: str):
    known = modules(top)
    graph = {name: imports(path, known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
