"""Calling again while something is unavailable: when, how often, and when no more."""

from __future__ import annotations

import asyncio

import pytest

from flowworker.errors import Conflict, Unavailable
from flowworker.retrying import retry_unavailable
from flowworker.testing import ManualClock


class Outage:
    """Fails so many times, and notes when it was called."""

    def __init__(self, clock, failures, error=Unavailable):
        self.clock, self.failures, self.error = clock, failures, error
        self.calls = []

    async def call(self):
        self.calls.append(round(self.clock.monotonic(), 3))
        if len(self.calls) <= self.failures:
            raise self.error(f"failure {len(self.calls)}")
        return "answer"


async def outcome(outage, until, **options):
    """What comes out, if time passes for as long as anybody may want."""
    trying = asyncio.create_task(retry_unavailable(outage.clock, until, outage.call, **options))
    await outage.clock.advance(60.0)
    return await trying


async def test_an_answer_is_asked_for_once():
    outage = Outage(ManualClock(), failures=0)

    assert await outcome(outage, until=1.0) == "answer"
    assert outage.calls == [0.0]


async def test_pauses_double_up_to_the_longest():
    outage = Outage(ManualClock(), failures=7)

    assert await outcome(outage, until=10.0) == "answer"
    assert outage.calls == [0.0, 0.05, 0.15, 0.35, 0.75, 1.55, 2.55, 3.55]


async def test_pauses_may_be_others():
    outage = Outage(ManualClock(), failures=3)

    assert await outcome(outage, until=10.0, pauses=(0.5, 0.5)) == "answer"
    assert outage.calls == [0.0, 0.5, 1.0, 1.5]


async def test_no_try_begins_after_its_time():
    outage = Outage(ManualClock(), failures=100)

    with pytest.raises(Unavailable, match="failure 4"):
        await outcome(outage, until=0.4)
    assert outage.calls == [0.0, 0.05, 0.15, 0.35]


async def test_the_first_try_is_made_however_late_it_is():
    outage = Outage(ManualClock(), failures=100)

    with pytest.raises(Unavailable, match="failure 1"):
        await outcome(outage, until=-1.0)
    assert outage.calls == [0.0]


async def test_what_cannot_pass_is_raised_at_once():
    outage = Outage(ManualClock(), failures=2)

    with pytest.raises(Unavailable, match="failure 2"):
        await outcome(outage, until=10.0, may_pass=lambda error: "failure 1" in str(error))


async def test_another_error_is_raised_at_once():
    outage = Outage(ManualClock(), failures=1, error=Conflict)

    with pytest.raises(Conflict):
        await outcome(outage, until=10.0)
