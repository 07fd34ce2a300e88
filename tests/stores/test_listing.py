"""The index is read newest first, whatever is in it, and at a cost that has a bound."""

from __future__ import annotations

import random

import pytest

from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.stores.listing import Listing, Wanted
from tests.support import backends
from tests.support.listing import entry

NOW = 1_795_837_320.0
DAY = 86_400.0


class Counted:
    """Records that say how often they were asked, and for how much at once."""

    def __init__(self, records):
        self._records = records
        self.asked = 0
        self.largest = 0

    async def few(self, patterns, most):
        self.asked += 1
        found = await self._records.few(patterns, 10**9)
        self.largest = max(self.largest, len(found))
        return None if len(found) > most else found

    async def keys(self, pattern):
        self.asked += 1
        return await self._records.keys(pattern)


@pytest.fixture
async def records():
    async with backends.memory() as backend:
        yield backend.runs


async def listed(records, *entries):
    for one in entries:
        await records.put(one.key, b"")


async def read(records, wanted=None, most=10**9):
    found = []
    async for some in Listing(records).newest(wanted or Wanted(), NOW):
        found += [one.run for one in some]
        if len(found) >= most:
            break
    return found


async def test_runs_come_newest_first_whatever_their_ids_states_and_workflows(records):
    draw = random.Random(7)
    times = [NOW - 10.0 ** draw.uniform(-3, 9) for _ in range(300)]
    times += [NOW - 5.0 - draw.random() for _ in range(600)]  # more than one answer in one second
    times += [NOW + draw.uniform(0, DAY) for _ in range(10)]  # clocks that are ahead
    ids = [f"{draw.randrange(10**9)}" for _ in times]
    await listed(
        records,
        *(
            entry(draw.choice(list(RunStatus)), draw.choice(["a", "b.c"]), run, at)
            for run, at in zip(ids, times, strict=True)
        ),
    )

    found = await read(records)

    places = {
        run: entry(RunStatus.RUNNING, "a", run, at).place
        for run, at in zip(ids, times, strict=True)
    }
    assert found == sorted(ids, key=places.__getitem__, reverse=True)


async def test_only_what_is_wanted(records):
    await listed(
        records,
        entry(RunStatus.FAILED, "a.b", "new", NOW - 1),
        entry(RunStatus.RUNNING, "a.b", "other", NOW - 2),
        entry(RunStatus.FAILED, "a", "less", NOW - 3),
        entry(RunStatus.FAILED, "a.b", "old", NOW - 90),
        entry(RunStatus.CANCELLED, "a.b", "older", NOW - 40 * DAY),
    )
    ends = (RunStatus.FAILED, RunStatus.CANCELLED)

    assert await read(records, Wanted(ends, "a.b")) == ["new", "old", "older"]
    assert await read(records, Wanted(ends)) == ["new", "less", "old", "older"]
    assert await read(records, Wanted(since=NOW - 90)) == ["new", "other", "less", "old"]
    assert await read(records, Wanted(until=NOW - 3)) == ["less", "old", "older"]
    assert await read(records, Wanted(until=NOW - 4, since=NOW - 100)) == ["old"]


async def test_who_reads_on_from_a_place_meets_each_run_once_though_its_state_changes(records):
    former = [entry(RunStatus.RUNNING, "a", f"r{n}", NOW - n // 2) for n in range(9)]
    await listed(records, *former)
    first = (await read(records))[:4]

    # When one that was seen and one that was not move on, which are for a moment listed twice
    moved = [entry(RunStatus.FAILED, "a", former[n].run, NOW - n // 2) for n in (1, 6)]
    await listed(records, *moved)
    await records.purge(former[1].key)
    last = next(one for one in former if one.run == first[-1])

    rest = await read(records, Wanted(below=last.place))
    assert sorted(first + rest) == sorted(one.run for one in former)


@pytest.mark.parametrize("silence", [0.0, 3 * DAY])
async def test_a_page_costs_the_same_beside_many_runs(records, silence):
    async def cost(count):
        await listed(
            records,
            *(
                entry(RunStatus.COMPLETED, "a", f"r{n}", NOW - silence - n / 5)
                for n in range(count)
            ),
        )
        counted = Counted(records)
        assert len(await read(counted, most=50)) >= 50
        return counted

    few, many = await cost(400), await cost(3_000)

    assert many.asked <= 2 * few.asked
    assert few.asked < 60


async def test_what_was_too_much_is_not_asked_for_again(records):
    await listed(
        records, *(entry(RunStatus.COMPLETED, "a", f"r{n}", NOW - 3 * DAY + n) for n in range(3000))
    )
    counted = Counted(records)
    listing = Listing(counted)  # type: ignore[arg-type]

    async def first():
        counted.largest = 0
        async for _ in listing.newest(Wanted(), NOW):
            break
        return counted.largest

    most = await first()
    assert await first() < most


@pytest.mark.parametrize("cursor", ["r1", "2026.99.28.03.42.00.062.r1"])
async def test_a_cursor_that_is_none(records, cursor):
    with pytest.raises(InvalidInput, match="expected a cursor as a page of runs had it"):
        await read(records, Wanted(below=cursor))
