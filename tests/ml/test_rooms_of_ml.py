"""The rooms of ml/ import downwards alone, no module imports itself by way of others, and commands stay small: read
from the syntax tree, nothing is run.
"""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

import pytest

from tests.ml.conftest import ROOT

# From the ground up. A room imports rooms of lower floors, never its neighbours; the commands stand on the roof.
COMMANDS = "ml"
FLOORS = [{"common"}, {"data"}, {"measures", "transformer"}, {"hugging_face", "training", "users"},
          {"heads", "suggest"}, {"baskets", "segments"}, {"judge"}, {COMMANDS}]  # fmt: skip
LONGEST_COMMAND = 80
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "ml").rglob("*.py"))
    if path.name != "__init__.py"
}


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") == 2 else COMMANDS


def floor(module: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def imported(module: str) -> set[str]:
    """Modules of ml/ that one names in its imports, wherever in it; for types too."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else node.module for name in whole}
    return names & MODULES.keys()


def test_every_room_has_its_floor() -> None:
    assert {room(module) for module in MODULES} == set.union(*FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_its_room_and_the_floors_below(module: str) -> None:
    for other in imported(module):
        if room(other) == room(module) != COMMANDS:
            continue
        assert floor(other) < floor(module), f"{module} may not import {other}: see FLOORS in {__file__}"


def test_no_circle_of_imports() -> None:
    TopologicalSorter({module: imported(module) for module in MODULES}).prepare()  # CycleError names the circle


@pytest.mark.parametrize("module", [module for module in MODULES if room(module) == COMMANDS])
def test_a_command_holds_flags_and_steps_alone(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_COMMAND, f"{module}: what it does belongs in a room"
