from __future__ import annotations

import asyncio

import pytest

from flowworker.settings import Settings
from tests.worker.fleet import Fleet


@pytest.fixture
def settings() -> Settings:
    return Settings(lease=30.0, drain=5.0)


@pytest.fixture
async def fleet(settings):
    """Nothing that goes on behind a test's back may raise."""
    escaped = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: escaped.append(what))
    fleet = Fleet(settings)
    yield fleet
    await fleet.close()
    assert escaped == []
