"""One `flowworker dev`, and one `flowworker ui` of its fleet, for all tests that leave them be."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.cli.commands import APP, Commands, url_of
from integration.web.api import TOKENS, Api
from tests.support.waiting import blocking_eventually

HERE = Path(__file__).parent
WORKFLOWS, UNSERVED = HERE / "workflows.yaml", HERE / "unserved.yaml"


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """A fleet of one process."""
    options = ("--app", APP, "--workflows", str(WORKFLOWS), "--port", "0")
    with Commands("").running("dev", *options) as process:
        yield Commands(url_of(process))


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("web") / "tokens"
    path.write_text(TOKENS)
    return path


@pytest.fixture(scope="session")
def api(commands: Commands, tokens: Path) -> Iterator[Api]:
    with served(commands, "--tokens", str(tokens)) as (found, _):
        yield found


@contextmanager
def served(commands: Commands, *options: str) -> Iterator[tuple[Api, subprocess.Popen[str]]]:
    """A `flowworker ui` of its own that has reached the fleet, and the process."""
    with commands.running("ui", "--port", "0", *options) as process:
        api = Api(*address_of(process))
        blocking_eventually(lambda: api("GET", "/workflows").status != 503)
        yield api, process


def address_of(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Where it says that it is."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"http://([\d.]+):(\d+)/ shows namespace", line)
    assert found, f"{line!r} {process.stderr and process.stderr.read()}"
    return found[1], int(found[2])


@pytest.fixture
def run() -> str:
    """An id that no other test has used."""
    return f"run-{os.getpid()}-{uuid.uuid4().hex[:8]}"
