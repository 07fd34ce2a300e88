from __future__ import annotations

import asyncio

import pytest

from flowworker.settings import Settings
from flowworker.worker import heartbeat
from tests.worker.fleet import Fleet
from tests.worker.heartbeats import TICK, Link, SlowLink
from tests.worker.work import Work


@pytest.fixture
def settings() -> Settings:
    return Settings(lease=30.0, drain=5.0)


@pytest.fixture
def calls(fleet):
    """What the handler `count` was called for: step and attempt."""
    calls: list[tuple[str, int]] = []

    @fleet.app.step("count")
    async def count(ctx):
        calls.append((ctx.step_id, ctx.attempt))
        return len(calls)

    return calls


@pytest.fixture
def work(fleet):
    return Work(fleet.app)


@pytest.fixture
def gate(fleet):
    """What the handler `wait` waits for."""
    gate = asyncio.Event()

    @fleet.app.step("wait")
    async def wait(ctx):
        await gate.wait()
        return "done"

    return gate


@pytest.fixture
def link(fleet):
    """The connection over which heartbeats go."""
    link = Link(fleet.backend.runs)
    fleet.rewire(open_heartbeat=link.open)
    return link


@pytest.fixture
def slow_link(fleet):
    """The same, if what goes over it waits."""
    link = SlowLink(fleet.backend.runs)
    fleet.rewire(open_heartbeat=link.open)
    return link


@pytest.fixture
def short_tick(monkeypatch):
    monkeypatch.setattr(heartbeat, "_LONGEST_TICK", TICK)


@pytest.fixture
async def fleet(settings):
    """Nothing that goes on behind a test's back may raise."""
    escaped = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: escaped.append(what))
    fleet = Fleet(settings)
    yield fleet
    await fleet.close()
    assert escaped == []
