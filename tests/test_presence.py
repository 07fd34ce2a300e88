"""A process says that it is there, until it ends."""

from __future__ import annotations

import pytest
import pytest_asyncio

from flowworker.client import members
from flowworker.codec.presence import Presence
from flowworker.errors import Unavailable
from flowworker.memory.home import Home
from flowworker.memory.presences import MemoryPresences
from flowworker.presence import BEAT, LOOK, TIME_TO_LIVE, present
from flowworker.testing import ManualClock
from tests.support.waiting import advance_until, eventually


class Process:
    """A worker of two queues, as far as others see it."""

    def __init__(self) -> None:
        self.queues = ("default", "gpu")
        self.shown: Presence | None = Presence("worker", "w1", slots=2, handlers={"add": "abc"})

    def presence(self) -> Presence | None:
        return self.shown


class Counted(MemoryPresences):
    """Counts the messages, and fails when it is to."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Home(clock))
        self.messages = 0
        self.fails = False

    async def put(self, key: str, value: bytes, ttl: int) -> None:
        self.messages += 1
        if self.fails:
            raise Unavailable("no answer")
        await super().put(key, value, ttl)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def presences(clock) -> Counted:
    return Counted(clock)


@pytest_asyncio.fixture
async def process() -> Process:
    return Process()


async def test_it_is_there_at_once_and_gone_at_once(clock, presences, process):
    async with present(presences, clock, process):
        await eventually(lambda: presences.messages == 2)
        [worker] = await members.workers(presences)

    assert (worker.id, worker.queues, worker.slots) == ("w1", ("default", "gpu"), 2)
    assert worker.handlers == {"add": "abc"}
    assert worker.started_at == clock.now()
    assert (worker.age, worker.clock) == (0.0, 0.0)
    assert await members.workers(presences) == []


async def test_it_says_so_six_times_a_minute_for_each_queue(clock, presences, process):
    async with present(presences, clock, process):
        await advance_until(clock, lambda: clock.monotonic() >= 59)

        assert presences.messages == 2 * 60 / BEAT


async def test_one_that_is_killed_is_shown_for_three_beats(clock, presences, process):
    shown = present(presences, clock, process)
    await shown.__aenter__()
    await eventually(lambda: presences.messages == 2)
    presences.fails = True  # nothing of it arrives any more

    await clock.advance(TIME_TO_LIVE - 1)
    assert len(await members.workers(presences)) == 1
    await clock.advance(2)
    assert await members.workers(presences) == []
    await shown.__aexit__(None, None, None)


async def test_what_changes_is_said_soon_and_a_count_with_the_next_beat(clock, presences, process):
    async with present(presences, clock, process):
        await eventually(lambda: presences.messages == 2)

        process.shown = Presence("worker", "w1", slots=2, running=1, handlers={"add": "abc"})
        await clock.advance(3 * LOOK)
        assert presences.messages == 2
        process.shown = Presence("worker", "w1", slots=2, draining=True, handlers={"add": "abc"})
        await advance_until(clock, lambda: presences.messages == 4, LOOK)

        [worker] = await members.workers(presences)
        assert worker.draining
        assert clock.monotonic() < BEAT


async def test_nothing_is_said_before_it_has_begun(clock, presences, process):
    begun, process.shown = process.shown, None
    async with present(presences, clock, process):
        await clock.advance(5 * LOOK)
        assert presences.messages == 0

        process.shown = begun
        await advance_until(clock, lambda: presences.messages == 2, LOOK)


async def test_one_that_has_not_begun_has_nothing_to_take_back(clock, presences, process):
    process.shown = None

    async with present(presences, clock, process):
        pass

    assert await presences.entries(">") == []


async def test_while_the_server_is_away_it_goes_on_and_complains_once(
    logs, clock, presences, process
):
    presences.fails = True
    async with present(presences, clock, process):
        await advance_until(clock, lambda: presences.messages >= 3)
        presences.fails = False
        await advance_until(clock, lambda: presences.messages >= 5)
        assert len(await members.workers(presences)) == 1

    assert len(logs.having("warning", error="no answer")) == 1


async def test_an_end_without_a_server_is_no_error(clock, presences, process, monkeypatch):
    async def remove(key):
        raise Unavailable(key)

    async with present(presences, clock, process):
        await eventually(lambda: presences.messages == 2)
        monkeypatch.setattr(presences, "remove", remove)

    assert len(await members.workers(presences)) == 1


async def test_it_names_this_machine_and_this_release(clock, presences, process, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "mars")
    monkeypatch.setattr("os.getpid", lambda: 7)
    async with present(presences, clock, process):
        await eventually(lambda: presences.messages == 2)
        [worker] = await members.workers(presences)

    assert (worker.host, worker.pid) == ("mars", 7)
    assert worker.version
