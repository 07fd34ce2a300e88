"""The command line in this process, and as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowworker.cli import cli
from tests.support.waiting import WAIT_LIMIT

Flowworker = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a folder of its own, and nothing of ours in its environment."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("FLOWWORKER_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forget the modules that a test imports from its folder."""
    before, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def flowworker() -> Flowworker:
    """Run a command in this process."""
    return lambda *arguments, **more: CliRunner().invoke(cli, list(arguments), **more)


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Run a command as users do."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flowworker", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=WAIT_LIMIT,
        )

    return run


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
