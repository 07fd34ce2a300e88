"""Debian's Prometheus, and a fleet for it to scrape."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.checks.prometheus.fleet import ScrapedFleet
from deploy.checks.prometheus.server import Prometheus
from flowworker.embedded import EmbeddedServer
from tests.deploy.promql import DEPLOY


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Debian's package has both programs; it is installed where it is missing."""
    with Path(tempfile.gettempdir(), "flowworker-packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # apt cannot run twice at a time
        subprocess.run([DEPLOY / "checks" / "packages", "prometheus"], check=True)
    return Path("/usr/bin/promtool")


@pytest.fixture(scope="module")
def fleet() -> Iterator[ScrapedFleet]:
    with EmbeddedServer() as server, ScrapedFleet(server.url) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(
    promtool: Path, fleet: ScrapedFleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(promtool.with_name("prometheus"), folder, fleet.targets) as running:
        yield running
