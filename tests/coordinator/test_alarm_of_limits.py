"""When somebody looks again at a limit: not before the moment, however early a loop wakes it."""

from __future__ import annotations

import asyncio

from flowworker.coordinator.limits.alarm import Alarm
from tests.support.waiting import eventually


class EarlyClock:
    """One that wakes who sleeps too early, by half."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.moment += max(seconds / 2, 0.001)


async def test_it_goes_off_at_its_moment_and_once():
    clock, rung = EarlyClock(), []
    alarm = Alarm(clock, lambda: rung.append(clock.moment))

    alarm.set(1010.0)
    await eventually(lambda: rung)

    assert len(rung) == 1
    assert rung[0] >= 1010.0


async def test_what_is_set_last_counts():
    clock, rung = EarlyClock(), []
    alarm = Alarm(clock, lambda: rung.append(clock.moment))

    alarm.set(1010.0)
    alarm.set(1010.0)
    alarm.set(1001.0)
    await eventually(lambda: not alarm.is_set)
    assert len(rung) == 1
    assert rung[0] < 1010.0

    alarm.set(1020.0)
    alarm.set(0.0)
    assert not alarm.is_set
    alarm.set(1030.0)
    await alarm.stop()
    assert (alarm.is_set, len(rung)) == (False, 1)
