"""All of the index is visited once, newest first, and no request is about very many runs."""

from __future__ import annotations

import random

import pytest

from flowworker.codec.index import Entry, moment_of
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.walk import Walk
from tests.support import backends
from tests.support.faults import Flaky
from tests.support.listing import entry

NOW = 1_795_837_320.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Counted:
    """Records that say how often they were asked, and for how much at once."""

    def __init__(self, records):
        self._records = records
        self.asked = 0
        self.largest = 0
        self.seen = 0

    async def few(self, patterns, most):
        self.asked += 1
        found = await self._records.few(patterns, 10**9)
        self.largest = max(self.largest, len(found))
        self.seen += len(found)
        return None if len(found) > most else found

    async def keys(self, pattern):
        self.asked += 1
        return await self._records.keys(pattern)


@pytest.fixture
async def records():
    async with backends.memory() as backend:
        yield backend.runs


async def listed(records, times):
    for number, at in enumerate(times):
        status = RunStatus.COMPLETED if number % 3 else RunStatus.RUNNING
        await records.put(entry(status, f"w{number % 2}", f"r{number}", at).key, b"")


async def visited(records, since=NOW):
    found: list[str] = []

    async def visit(entries):
        assert entries
        found.extend(one.run for one in entries)

    await Walk(records, visit).back_from(since)
    return found


async def test_every_run_is_visited_once_whatever_its_time_state_and_workflow(records):
    draw = random.Random(7)
    times = [NOW - 10.0 ** draw.uniform(-3, 9.2) for _ in range(900)]
    await listed(records, times)

    found = await visited(records)

    assert found == sorted(found, key=lambda run: (moment_of(times[int(run[1:])]), run))[::-1]
    assert sorted(found) == sorted(f"r{number}" for number in range(900))


async def test_only_what_is_older_than_where_it_begins_is_visited(records):
    await listed(records, [NOW, NOW - DAY, NOW - 2 * DAY])

    assert await visited(records, NOW - DAY) == ["r1", "r2"]


async def test_where_there_is_little_a_dozen_requests_are_enough(records):
    await listed(records, [NOW - each for each in (1, MINUTE, 30 * DAY, 400 * DAY)])
    counted = Counted(records)

    assert len(await visited(counted)) == 4
    assert counted.asked <= 20


@pytest.mark.parametrize(
    ("apart", "most"), [(0.02, 4 * MINUTE / 0.02), (1.0, 2_000), (20.0, 2_000), (300.0, 2_000)]
)
async def test_however_many_there_are_no_request_is_about_very_many(records, apart, most):
    times = [NOW - apart * number for number in range(6_000)]
    await listed(records, times)
    counted = Counted(records)

    assert len(await visited(counted)) == len(times)
    assert counted.largest <= most
    assert counted.seen < 6 * len(times)
    assert counted.asked < len(times) / 20


async def test_a_flood_behind_a_quiet_time_is_gone_through_part_by_part(records):
    flood = [NOW - 3 * DAY - number / 30 for number in range(6_000)]
    await listed(records, [NOW - 10 * number for number in range(20)] + flood)

    assert len(await visited(records)) == 6_020


async def test_more_than_an_answer_holds_may_have_begun_in_one_second(records):
    await listed(records, [NOW - 5 + number / 1000 for number in range(600)] * 2)

    assert len(await visited(records)) == 1200


async def test_what_a_former_release_has_listed_without_a_time_is_no_part_of_it(records):
    await records.put(Entry(RunStatus.COMPLETED, "a.2026.b", "", "r1").key, b"")
    await records.put(Entry(RunStatus.COMPLETED, "2025.b", "", "r1").key, b"")

    assert await visited(records) == []


async def test_what_has_no_answer_ends_it(records):
    with pytest.raises(Unavailable):
        await visited(Flaky(records, few=["ok", "before"]))
