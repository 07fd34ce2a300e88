"""Who may know whom in flowworker/, and a few rules that no linter checks.

A room is a package or a module directly under flowworker/. A new one is entered in `KNOWS` below,
or this test fails: where it belongs is a decision.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).parent.parent / "flowworker"
MAX_LINES = 300

ADAPTERS = {"memory", "jetstream", "redis"}
FLOOR = {"errors", "core", "settings", "clock", "codec", "ports", "tasks", "retrying"}
ENGINE = FLOOR | {"stores", "telemetry"}
BELOW_WIRING = (
    ENGINE
    | ADAPTERS
    | {*("compat", "definitions", "coordinator", "handlers", "worker", "client", "embedded")}
)
COMPOSED = BELOW_WIRING | {"blocking", "wiring", "runner"}

# Each room, and the rooms it may import from, TYPE_CHECKING imports included.
KNOWS: dict[str, set[str]] = {
    "errors": set(),
    "core": {"errors"},
    "settings": {"errors", "core"},
    "clock": {"errors", "core"},
    "codec": {"errors", "core"},
    "tasks": {"clock"},
    "retrying": {"errors", "clock"},
    "ports": {"errors", "core", "clock", "codec"},
    "stores": FLOOR | {"definitions", "telemetry"},
    "compat": ENGINE,
    "telemetry": {"errors", "core", "clock", "codec"},
    "definitions": {"errors", "core", "codec"},
    "coordinator": ENGINE | {"definitions"},
    "handlers": ENGINE | {"compat"},
    "worker": ENGINE | {"compat", "handlers"},
    "client": ENGINE,
    "memory": FLOOR,
    "jetstream": FLOOR | {"telemetry"},
    "redis": FLOOR | {"telemetry"},
    "embedded": {"errors"},
    "wiring": BELOW_WIRING,
    "blocking": BELOW_WIRING | {"wiring"},
    "runner": BELOW_WIRING | {"wiring"},
    "__init__": COMPOSED,
    "testing": COMPOSED | {"__init__"},
    "cli": COMPOSED | {"__init__"},
    "schemas": {"core", "codec", "definitions"},
    "__main__": {"cli"},
}

# The rooms within a room, lowest first, and which of its other modules each may import from. What
# stands beside them may import from all of them.
INNER: dict[str, dict[str, set[str]]] = {
    "jetstream": {
        "names": set(),
        "client": set(),
        "topology": {"names", "client"},
        "consuming": {"names", "client", "topology"},
    },
}

# Libraries that one room has to itself.
RESERVED = {"nats": "jetstream", "redis": "redis"}

# All that core/ may import from outside, so that it remains a pure function of its arguments.
PURE = {
    *("__future__", "abc", "bisect", "collections", "copy", "dataclasses", "datetime", "enum"),
    *("fractions", "functools", "graphlib", "hashlib", "heapq", "itertools", "math", "operator"),
    *("re", "string", "textwrap", "types", "typing", "zlib"),
    *("immutables", "msgspec"),
}

CLOCK_ROOMS = {"clock", "embedded", "cli"}
CLOCK_READS = {
    *(f"time.{name}" for name in ("time", "monotonic", "perf_counter", "process_time")),
    *(f"time.{name}_ns" for name in ("time", "monotonic", "perf_counter", "process_time")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
}


@dataclass(frozen=True)
class Module:
    """One source file, by its dotted name in the package."""

    path: Path
    name: str
    tree: ast.Module
    lines: int

    @property
    def room(self) -> str:
        return self.name.split(".")[1]

    def at(self, node: ast.AST, complaint: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {complaint}"


def modules(package: Path, name: str = "flowworker") -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        parts = [name, *path.relative_to(package).with_suffix("").parts]
        if parts[-1] == "__init__" and len(parts) > 2:
            parts.pop()
        text = path.read_text(encoding="utf-8")
        yield Module(path, ".".join(parts), ast.parse(text), len(text.splitlines()))


def imports(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every dotted name that the module imports, wherever in it and by whatever means."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node, alias.name) for alias in names)
            case ast.ImportFrom(module=source, names=names, level=level):
                base = from_what(module, source, level)
                yield from ((node, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node, name


def from_what(module: Module, source: str | None, level: int) -> str:
    if level == 0:
        return source or ""
    package = module.name.split(".")
    if module.path.stem != "__init__" or module.room == "__init__":
        package.pop()
    return ".".join([*package[: len(package) - level + 1], *([source] if source else [])])


def check_imports(module: Module, rooms: set[str]) -> Iterator[str]:
    """Imports point downwards, and reserved libraries stay in their room."""
    if module.room not in KNOWS:
        yield module.at(module.tree, f"room {module.room!r} is in no layer: enter it in KNOWS")
        return
    for node, name in imports(module):
        top, *rest = name.split(".")
        if top == "flowworker":
            target = rest[0] if rest and rest[0] in rooms | set(KNOWS) else "__init__"
            if target != module.room and target not in KNOWS[module.room]:
                yield module.at(node, f"{module.room} may not know {target} ({name})")
            elif target == module.room:
                yield from check_inner_import(module, node, rest[1:])
        elif RESERVED.get(top, module.room) != module.room:
            yield module.at(node, f"only {RESERVED[top]} may import {top}")
        elif module.room == "core" and top not in PURE:
            yield module.at(node, f"core may not import {top}")


def check_inner_import(module: Module, node: ast.AST, target: list[str]) -> Iterator[str]:
    """Within a room imports point downwards as well."""
    within = INNER.get(module.room, {})
    inner = module.name.split(".")[2:3]
    if not inner or inner[0] not in within:
        return
    [name] = inner
    imported = target[0] if target else "__init__"
    if imported != name and imported not in within[name]:
        yield module.at(node, f"{module.room}/{name} may not know {imported}")


def check_clock(module: Module) -> Iterator[str]:
    """Only the clock reads the time; everybody else is told it."""
    if module.room in CLOCK_ROOMS:
        return
    full_names = imported_names(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            written = ast.unparse(node)
            head, dot, tail = written.partition(".")
            full = full_names.get(head, head) + dot + tail
            is_loop_time = isinstance(node, ast.Attribute) and re.search(r"loop\W*\.time$", written)
            if full in CLOCK_READS or is_loop_time:
                yield module.at(node, f"{written} reads the time: ask a Clock")


def imported_names(module: Module) -> dict[str, str]:
    """What each imported name stands for: `dt` -> `datetime.datetime`."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.asname: alias.name for alias in aliases if alias.asname}
            case ast.ImportFrom(module=str(source), names=aliases, level=0):
                names |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in aliases}
    return names


def check_future_import(module: Module) -> Iterator[str]:
    """Annotations are never evaluated by accident."""
    code = [node for node in module.tree.body if not is_text(node)]
    match code:
        case [] | [ast.ImportFrom(module="__future__", names=[ast.alias(name="annotations")]), *_]:
            return
    yield module.at(code[0], "from __future__ import annotations is not the first statement")


def is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def check_public_names(module: Module) -> Iterator[str]:
    """`__all__` is a literal list, sorted as ruff sorts it: CONSTANTS, Classes, functions."""
    for node in module.tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                try:
                    names = ast.literal_eval(value)
                except ValueError:
                    yield module.at(node, "__all__ is not a literal list of names")
                    continue
                if names != sorted(names, key=public_order):
                    yield module.at(
                        node, f"__all__ is not sorted: {sorted(names, key=public_order)}"
                    )


def public_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, [(int(part or 0), text) for text, part in re.findall(r"(\D+)(\d*)", name)]


def check_length(module: Module) -> Iterator[str]:
    """A long file is two files."""
    if module.lines > MAX_LINES:
        yield module.at(module.tree, f"{module.lines} lines; {MAX_LINES} are allowed")


def complaints(package: Path) -> list[str]:
    """Everything that is wrong in a package, one printable line each."""
    found = list(modules(package))
    rooms = {module.room for module in found}
    checks: list[Callable[[Module], Iterator[str]]] = [
        lambda module: check_imports(module, rooms),
        check_clock,
        check_future_import,
        check_public_names,
        check_length,
    ]
    return [complaint for module in found for check in checks for complaint in check(module)]


@pytest.mark.slow
def test_flowworker_is_built_as_designed():
    assert complaints(PACKAGE) == []


def test_there_is_something_to_check():
    assert "core" in {module.room for module in modules(PACKAGE)}


def test_what_a_room_knows_knows_it_not():
    for room, known in KNOWS.items():
        for other in known:
            assert room not in KNOWS[other], f"{room} and {other} know each other"


def plant(tmp_path: Path, file: str, code: str) -> list[str]:
    path = tmp_path / "flowworker" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"from __future__ import annotations\n{code}\n", encoding="utf-8")
    return [line.removeprefix(f"{path}:") for line in complaints(tmp_path / "flowworker")]


@pytest.mark.parametrize(
    ("file", "code", "complaint"),
    [
        ("errors.py", "import flowworker.core", "errors may not know core"),
        ("core/decide.py", "from flowworker.ports import RunStore", "core may not know ports"),
        ("core/decide.py", "from flowworker import ports", "core may not know ports"),
        ("core/decide.py", "from .. import ports", "core may not know ports"),
        ("core/__init__.py", "from ..ports import RunStore", "core may not know ports"),
        ("core/decide.py", "from ..ports import RunStore", "core may not know ports"),
        ("core/decide.py", "from flowworker import App", "core may not know __init__"),
        ("core/decide.py", "import asyncio", "core may not import asyncio"),
        ("core/decide.py", "import os.path", "core may not import os"),
        ("core/decide.py", "import logging", "core may not import logging"),
        ("core/ids.py", "from random import random", "core may not import random"),
        ("core/ids.py", "def f():\n    import uuid", "core may not import uuid"),
        ("core/ids.py", "import structlog", "core may not import structlog"),
        ("codec/json.py", "from flowworker.ports import RunStore", "codec may not know ports"),
        ("definitions/load.py", "import flowworker.worker", "definitions may not know worker"),
        ("worker/loop.py", "import flowworker.jetstream", "worker may not know jetstream"),
        ("worker/loop.py", "import flowworker.coordinator", "worker may not know coordinator"),
        ("worker/loop.py", "import flowworker.definitions", "worker may not know definitions"),
        (
            "coordinator/intake.py",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from flowworker.memory import Store",
            "coordinator may not know memory",
        ),
        (
            "coordinator/intake.py",
            "import importlib\nimportlib.import_module('flowworker.redis.store')",
            "coordinator may not know redis",
        ),
        ("client.py", "from flowworker import wiring", "client may not know wiring"),
        ("memory/store.py", "import flowworker.jetstream", "memory may not know jetstream"),
        ("jetstream/a.py", "import flowworker.coordinator", "jetstream may not know coordinator"),
        (
            "jetstream/client/api.py",
            "from flowworker.jetstream.topology.specs import StreamSpec",
            "jetstream/client may not know topology",
        ),
        (
            "jetstream/topology/streams.py",
            "from flowworker.jetstream.consuming import pull",
            "jetstream/topology may not know consuming",
        ),
        (
            "jetstream/consuming/pull.py",
            "from flowworker.jetstream.records import BucketRecords",
            "jetstream/consuming may not know records",
        ),
        (
            "jetstream/consuming/pull.py",
            "from flowworker.jetstream import Names",
            "jetstream/consuming may not know Names",
        ),
        (
            "jetstream/consuming/pull.py",
            "import flowworker.jetstream",
            "jetstream/consuming may not know __init__",
        ),
        ("wiring.py", "import flowworker.cli", "wiring may not know cli"),
        ("wiring.py", "from nats.js import JetStreamContext", "only jetstream may import nats"),
        ("jetstream/locks.py", "from redis import asyncio", "only redis may import redis"),
        ("helpers.py", "import re", "room 'helpers' is in no layer"),
        ("worker/loop.py", "import time\nx = time.time()", "time.time reads the time"),
        ("worker/loop.py", "import time as t\nx = t.monotonic_ns", "t.monotonic_ns reads the time"),
        ("worker/loop.py", "from time import monotonic\nmonotonic()", "monotonic reads the time"),
        (
            "core/a.py",
            "import datetime\ndatetime.datetime.now(None)",
            "datetime.now reads the time",
        ),
        (
            "core/a.py",
            "from datetime import datetime as dt\ndt.utcnow()",
            "dt.utcnow reads the time",
        ),
        ("core/a.py", "from datetime import date\ndate.today()", "date.today reads the time"),
        ("worker/a.py", "def f(loop):\n    return loop.time()", "loop.time reads the time"),
        (
            "worker/a.py",
            "import asyncio\nasyncio.get_running_loop().time()",
            "asyncio.get_running_loop().time reads the time",
        ),
        ("worker/a.py", "__all__ = ['b', 'a']", "__all__ is not sorted: ['a', 'b']"),
        ("worker/a.py", "__all__: list[str] = ['a', 'B']", "__all__ is not sorted: ['B', 'a']"),
        ("worker/a.py", "__all__ = ['Beta', 'ALPHA']", "__all__ is not sorted: ['ALPHA', 'Beta']"),
        ("worker/a.py", "__all__ = [*names]", "__all__ is not a literal list"),
        ("worker/a.py", "x = 1\n" * 300, "302 lines; 300 are allowed"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, file, code, complaint):
    found = plant(tmp_path, file, code)

    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/decide.py", "from flowworker.core.model import Workflow"),
        ("core/decide.py", "from .model import Workflow"),
        ("core/__init__.py", "from .model import Workflow"),
        ("core/decide.py", "from msgspec.structs import replace\nfrom flowworker import errors"),
        ("core/decide.py", "from datetime import datetime\ndatetime.fromtimestamp(0, None)"),
        (
            "coordinator/intake.py",
            "from flowworker.definitions import validate_input\nimport asyncio",
        ),
        ("worker/loop.py", "def f(clock, event):\n    return clock.monotonic() - event.time"),
        ("jetstream/store.py", "import nats\nfrom flowworker.ports import RunStore"),
        ("redis/store.py", "import redis.asyncio\nfrom flowworker.redis.keys import run_key"),
        ("jetstream/records.py", "from flowworker.jetstream.client import headers"),
        (
            "jetstream/consuming/pull.py",
            "from flowworker.jetstream.topology.specs import ConsumerSpec\n"
            "from flowworker.jetstream.client.api import Api\n"
            "from flowworker.jetstream.consuming.liveness import Liveness\n"
            "from flowworker.ports import OnDelivery",
        ),
        ("wiring.py", "from flowworker import jetstream, memory"),
        ("__init__.py", "from flowworker.runner import Runner\nfrom . import errors"),
        ("cli/main.py", "import time\nimport flowworker.wiring\nx = time.time()"),
        ("clock.py", "import time\nx = time.time()"),
        ("worker/a.py", "__all__ = ['MAX', 'App', 'Step2', 'Step10', '__version__', 'emit']"),
    ],
)
def test_what_is_allowed_passes(tmp_path, file, code):
    assert plant(tmp_path, file, code) == []


def test_a_missing_future_import_is_found(tmp_path):
    (tmp_path / "errors.py").write_text('"""Errors."""\n\nimport re\n', encoding="utf-8")
    (tmp_path / "core.py").write_text('"""Only words."""\n', encoding="utf-8")

    assert complaints(tmp_path) == [
        f"{tmp_path}/errors.py:3: from __future__ import annotations is not the first statement"
    ]


def test_a_tree_without_rooms_passes(tmp_path):
    assert complaints(tmp_path) == []
