"""Servers of a test's own, to be killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.ports import free_port
from bench.valkey import RedisServer
from flowworker.embedded import EmbeddedServer


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(port=free_port(), store=tmp_path / "nats") as server:
        yield server


@pytest.fixture
def own_server(request: pytest.FixtureRequest, kind: str) -> EmbeddedServer | RedisServer:
    return request.getfixturevalue(f"own_{kind}")
