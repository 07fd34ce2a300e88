from __future__ import annotations

import pytest

from flowworker.settings import Settings
from tests.worker.fleet import Fleet


@pytest.fixture
def settings() -> Settings:
    return Settings(lease=30.0, drain=5.0)


@pytest.fixture
async def fleet(settings):
    fleet = Fleet(settings)
    yield fleet
    await fleet.close()
