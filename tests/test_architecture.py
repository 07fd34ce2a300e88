"""Who may know whom in flowworker/, and a few rules that no linter checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.architecture.imports import check_imports
from tests.architecture.modules import PACKAGE, Module, modules
from tests.architecture.rooms import KNOWS
from tests.architecture.style import (
    check_clock,
    check_future_import,
    check_length,
    check_public_names,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


@pytest.mark.parametrize("folder", ["tests", "integration", "simulation", "bench", "deploy"])
def test_no_file_beside_it_is_long(folder):
    found = list(modules(PACKAGE.parent / folder, folder))

    assert found
    assert [complaint for module in found for complaint in check_length(module)] == []


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
