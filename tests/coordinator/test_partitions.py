"""Beats that are cut short: what is owned is driven, and what is driven is owned."""

from __future__ import annotations

import pytest

from flowworker.clock import SystemClock
from flowworker.coordinator.partitions import Partitions
from flowworker.errors import Unavailable
from flowworker.settings import Settings

COUNT = 4


class Leases:
    """A map of holders that fails when it is told to.

    Attributes:
        failing: how many acquisitions of partitions go well before the others fail.
    """

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.failing: int | None = None

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        if key.startswith("partition.") and self.failing is not None:
            self.failing -= 1
            if self.failing < 0:
                raise Unavailable("no answer")
        return 1 if self.held.setdefault(key, holder) == holder else None

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        return token + 1 if self.held.get(key) == holder else None

    async def release(self, key: str, holder: str, token: int) -> None:
        if self.held.get(key) == holder:
            del self.held[key]

    async def holders(self, pattern: str) -> dict[str, str]:
        return {k: h for k, h in self.held.items() if k.startswith(pattern.removesuffix("*"))}


class Drive:
    """What is driven; starting to fails as often as it is told to."""

    def __init__(self) -> None:
        self.driven: set[int] = set()
        self.failing = 0

    async def take(self, partitions: list[int]) -> None:
        self.driven.update(partitions)
        if self.failing:
            self.failing -= 1
            raise Unavailable("no consumer")

    async def lose(self, partitions: list[int]) -> None:
        self.driven.difference_update(partitions)


@pytest.fixture
def leases():
    return Leases()


@pytest.fixture
def drive():
    return Drive()


@pytest.fixture
def partitions(leases, drive):
    clock, settings = SystemClock(), Settings()
    return Partitions(leases, "c1", COUNT, clock, settings, drive.take, drive.lose)


async def test_what_was_taken_before_the_outside_failed_is_driven(partitions, leases, drive):
    leases.failing = 2
    with pytest.raises(Unavailable):
        await partitions.beat()
    assert drive.driven == set(partitions.owned) == {0, 1}

    leases.failing = None
    await partitions.beat()
    assert drive.driven == set(partitions.owned) == set(range(COUNT))


async def test_what_cannot_be_driven_is_not_owned(partitions, drive):
    drive.failing = 1
    with pytest.raises(Unavailable):
        await partitions.beat()
    assert drive.driven == set(partitions.owned) == set()

    await partitions.beat()
    assert drive.driven == set(partitions.owned) == set(range(COUNT))


async def test_what_somebody_else_holds_is_let_be(partitions, leases, drive):
    leases.held["partition.0"] = "c2"

    await partitions.beat()

    assert drive.driven == {1, 2, 3}


async def test_a_lease_that_was_lost_is_driven_no_more(partitions, leases, drive):
    await partitions.beat()
    leases.held["partition.2"] = "c2"

    await partitions.beat()

    assert drive.driven == set(partitions.owned) == {0, 1, 3}


async def test_leaving_gives_everything_back(partitions, leases, drive):
    await partitions.beat()

    await partitions.leave()

    assert (drive.driven, leases.held) == (set(), {})
