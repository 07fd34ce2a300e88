"""No module imports one that imports it, directly or by way of others, for types neither."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from tests.architecture.modules import PACKAGE, Module, imports, modules

if TYPE_CHECKING:
    from pathlib import Path

SIMULATION = PACKAGE.parent / "simulation"


def import_circle(found: list[Module]) -> list[str]:
    """Modules of which each imports the one before it, and the first is the last; or none."""
    names = {module.name for module in found}
    graph: TopologicalSorter[str] = TopologicalSorter()
    for module in found:
        targets = {imported_module(name, names) for _, name in imports(module)}
        graph.add(module.name, *sorted(targets - {module.name, ""}))
    try:
        graph.prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def imported_module(name: str, names: set[str]) -> str:
    """The module that a dotted name is of; empty if that is none of those."""
    while name not in names and name:
        name = name.rpartition(".")[0]
    return name


@pytest.mark.parametrize("package", [PACKAGE, SIMULATION], ids=lambda package: package.name)
def test_no_modules_import_each_other(package):
    assert import_circle(list(modules(package, package.name))) == []


@pytest.mark.parametrize("package", [PACKAGE, SIMULATION], ids=lambda package: package.name)
def test_there_are_imports_to_check(package):
    assert any(
        name.startswith(f"{package.name}.")
        for module in modules(package, package.name)
        for _, name in imports(module)
    )


TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "from flowworker import b", "b": "import flowworker.a"}, {"a", "b"}),
        (
            {"a": "from flowworker.b import B", "b": TYPES + "from flowworker.a import A"},
            {"a", "b"},
        ),
        ({"a": TYPES + "from . import b", "b": "def f():\n    from .a import A"}, {"a", "b"}),
        (
            {"r/a": "from .b import B", "r/b": "from ..c import C", "c": "import flowworker.r.a"},
            None,
        ),
        ({"r/__init__": "from .a import A", "r/a": "from flowworker.r import B"}, {"r", "r.a"}),
        (
            {
                "a": "import importlib\nimportlib.import_module('flowworker.b')",
                "b": "from . import a",
            },
            None,
        ),
    ],
)
def test_a_planted_circle_is_found(tmp_path, files, circle):
    plant_all(tmp_path, files)
    names = circle or {file.replace("/", ".") for file in files}

    found = import_circle(list(modules(tmp_path)))

    assert found[0] == found[-1]
    assert set(found) == {f"flowworker.{name}" for name in names}


@pytest.mark.parametrize(
    "files",
    [
        {"a": "import flowworker.b\nimport flowworker.c", "b": "import flowworker.c", "c": ""},
        {"r/__init__": "from .a import A", "r/a": "from flowworker.r.b import B", "r/b": ""},
        {"a": "import b", "b": "import flowworker.a"},
    ],
)
def test_imports_without_a_circle_pass(tmp_path, files):
    plant_all(tmp_path, files)

    assert import_circle(list(modules(tmp_path))) == []


def plant_all(package: Path, files: dict[str, str]) -> None:
    for file, code in files.items():
        path = package / f"{file}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
