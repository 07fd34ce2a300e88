"""One `flowworker dev` for all tests that need a fleet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration.cli.commands import APP, WORKFLOWS, Commands, url_of


@pytest.fixture(scope="session")
def dev() -> Iterator[Commands]:
    """Commands to a fleet of one process."""
    options = ("--app", APP, "--workflows", str(WORKFLOWS), "--port", "0")
    with Commands("").running("dev", *options) as process:
        yield Commands(url_of(process))


@pytest.fixture
def said(dev):
    """A command as a process: its exit code, what it printed, and what it said beside that."""

    def run(*arguments):
        result = dev.process(*arguments)
        return result.returncode, result.stdout.splitlines(), result.stderr.splitlines()

    return run
