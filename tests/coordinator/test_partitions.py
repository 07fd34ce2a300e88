"""Beats that are cut short: what is owned is driven, and what is driven is owned."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from flowworker.clock import SystemClock
from flowworker.coordinator.driving.partitions import Partitions
from flowworker.errors import TopologyMismatch, Unavailable
from flowworker.settings import Settings
from flowworker.simulate.clock import SimClock
from flowworker.simulate.loop import VirtualLoop
from flowworker.testing import ManualClock
from tests.support.waiting import WAIT_LIMIT, eventually

COUNT = 4


class Leases:
    """A map of holders that fails when it is asked to.

    Attributes:
        failing: how many acquisitions of partitions go well before the others fail.
        away: whether nothing can be renewed.
        silent: whether renewals and acquisitions of partitions are done, and not answered.
        asked: the partitions that were to be acquired, in order.
    """

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.tokens: Counter[str] = Counter()
        self.failing: int | None = None
        self.away = False
        self.silent = False
        self.asked: list[str] = []

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        if key.startswith("partition."):
            self.asked.append(key)
            if self.failing is not None:
                self.failing -= 1
                if self.failing < 0:
                    raise Unavailable("no answer")
        return await self._answered(key) if self.held.setdefault(key, holder) == holder else None

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        if self.away:
            raise Unavailable("no answer")
        return await self._answered(key) if self.held.get(key) == holder else None

    async def _answered(self, key: str) -> int:
        self.tokens[key] += 1
        if self.silent and key.startswith("partition."):
            await asyncio.Event().wait()
        return self.tokens[key]

    async def release(self, key: str, holder: str, token: int) -> None:
        if self.held.get(key) == holder and self.tokens[key] == token:
            del self.held[key]

    async def holders(self, pattern: str) -> dict[str, str]:
        return {k: h for k, h in self.held.items() if k.startswith(pattern.removesuffix("*"))}


class Drive:
    """What is driven; starting to fails as often as it is asked to."""

    def __init__(self) -> None:
        self.driven: set[int] = set()
        self.failing = 0
        self.error: Exception = Unavailable("no consumer")

    async def take(self, partitions: list[int]) -> None:
        self.driven.update(partitions)
        if self.failing:
            self.failing -= 1
            raise self.error

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


async def test_what_was_taken_before_the_server_failed_is_driven(partitions, leases, drive):
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


async def test_what_cannot_be_driven_here_is_left_to_others(partitions, leases, drive):
    drive.failing = 1

    with pytest.raises(Unavailable):
        await partitions.beat()

    assert leases.held == {"coordinator.c1": "c1"}


async def test_who_can_drive_nothing_does_not_compete(partitions, leases, drive):
    drive.failing, drive.error = 99, TopologyMismatch("ack_wait: 10, not 40")

    with pytest.raises(TopologyMismatch):
        await asyncio.wait_for(partitions.run(), WAIT_LIMIT)

    assert leases.held == {"coordinator.c1": "c1"}


async def test_what_somebody_else_holds_is_let_be(partitions, leases, drive):
    leases.held["partition.0"] = "c2"

    await partitions.beat()
    await partitions.beat()

    assert drive.driven == {1, 2, 3}
    assert leases.asked == ["partition.1", "partition.2", "partition.3"]


async def test_a_lease_that_was_lost_is_driven_no_more(partitions, leases, drive):
    await partitions.beat()
    leases.held["partition.2"] = "c2"

    await partitions.beat()

    assert drive.driven == set(partitions.owned) == {0, 1, 3}


async def test_leaving_gives_everything_back(partitions, leases, drive):
    await partitions.beat()

    await partitions.leave()

    assert (drive.driven, leases.held) == (set(), {})


async def test_leaving_gives_back_the_presence_that_a_beat_that_was_cut_short_had_renewed(
    partitions, leases, drive
):
    await partitions.beat()
    leases.tokens["coordinator.c1"] += 1

    await partitions.leave()

    assert (drive.driven, leases.held) == (set(), {})


@pytest.mark.parametrize("beats", [0, 1])
async def test_leaving_gives_back_what_a_beat_that_was_cut_short_had_taken_or_renewed(
    partitions, leases, drive, beats
):
    for _ in range(beats):
        await partitions.beat()
    leases.silent = True
    asked = sum(leases.tokens.values()) + COUNT
    beat = asyncio.create_task(partitions.beat())
    await eventually(lambda: sum(leases.tokens.values()) >= asked, "all partitions are asked for")
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)
    leases.silent = False

    await partitions.leave()

    assert (drive.driven, leases.held) == (set(), {})


async def test_leaving_leaves_alone_what_another_one_has_taken(partitions, leases):
    await partitions.beat()
    leases.held["partition.2"] = "c2"

    await partitions.leave()

    assert leases.held == {"partition.2": "c2"}


async def test_an_owner_that_cannot_renew_stops_when_it_is_late_and_not_before(leases, drive):
    clock, settings = ManualClock(), Settings(partition_lease=10.0)
    partitions = Partitions(leases, "c1", COUNT, clock, settings, drive.take, drive.lose)
    beats = asyncio.create_task(partitions.run())
    await clock.advance(0.0)
    leases.away = True

    await clock.advance(7.0)
    assert drive.driven == set(partitions.owned) == set(range(COUNT))

    await clock.advance(2.0)
    assert drive.driven == set(partitions.owned) == set()
    beats.cancel()


async def test_a_beat_that_failed_is_repeated_soon_however_long_leases_are(leases, drive):
    clock, settings = ManualClock(), Settings(partition_lease=3600.0)
    partitions = Partitions(leases, "c1", COUNT, clock, settings, drive.take, drive.lose)
    leases.failing = 0
    beats = asyncio.create_task(partitions.run())
    await clock.advance(0.0)
    assert drive.driven == set()

    leases.failing = None
    await clock.advance(1.0)

    assert drive.driven == set(range(COUNT))
    beats.cancel()


class Server:
    """Leases that end, of a server that takes `delay` seconds to answer, and is away at times."""

    def __init__(self, loop: VirtualLoop, delay: float, outage: str) -> None:
        self.until: dict[str, float] = {}
        self._loop = loop
        self._delay = delay
        self._outage = outage

    async def _reach(self) -> None:
        if self._loop.time() >= AWAY:
            if self._outage == "refuses":
                raise Unavailable("no server")
            await asyncio.sleep(3600)

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        return await self.renew(key, holder, ttl, 0)

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        await self._reach()
        self.until[key] = self._loop.time() + ttl
        await asyncio.sleep(self._delay)
        return token + 1

    async def holders(self, pattern: str) -> dict[str, str]:
        await self._reach()
        await asyncio.sleep(self._delay)
        return {}


AWAY = 60.0


@pytest.mark.parametrize("outage", ["refuses", "hangs"])
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 3.0])
def test_an_owner_stops_before_its_leases_are_over(drive, delay, outage):
    virtual = VirtualLoop()
    server: Any = Server(virtual, delay, outage)
    settings = Settings(partition_lease=10.0)
    partitions = Partitions(
        server, "c1", COUNT, SimClock(virtual), settings, drive.take, drive.lose
    )
    owned = 0

    async def watch() -> None:
        nonlocal owned
        beats = asyncio.create_task(partitions.run())
        while virtual.time() < 2 * AWAY:
            now = virtual.time()
            assert all(server.until[f"partition.{one}"] > now for one in partitions.owned)
            owned += len(partitions.owned)
            await asyncio.sleep(0.05)
        beats.cancel()

    virtual.run_until_complete(watch())
    virtual.close()

    assert drive.driven == set()
    assert (owned > 0) == (delay < 1)
