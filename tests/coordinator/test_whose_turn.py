"""Nobody passes who waits, whichever processes they ask, and whichever knows of them."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from flowworker.codec.limits import Waiting
from flowworker.coordinator.limits.desk import Desk
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.admission import ticket_at
from flowworker.core.attempt import Attempt
from flowworker.core.limit import Use, named_limit
from flowworker.core.limiting import Over
from flowworker.core.rate import Rate
from flowworker.core.status import Kind, Priority
from flowworker.stores.limits import LimitStore, Place
from flowworker.testing import ManualClock
from tests.support.backends import memory

LIMIT = named_limit("l")
FIRST = Attempt(Kind.RUN, 1, 1)
NOW = 1_900_000_000.0
BOTH = ((1, "a"), (2, "b"))


class Judge:
    """Everybody may be let in, and nobody is over, but for those of whom it is said."""

    def __init__(self) -> None:
        self.said: dict[str, Verdict] = {}

    async def of(self, place, entry):
        return self.said.get(entry.run, Verdict.OPEN)

    async def is_over(self, holder):
        return False


class Store(LimitStore):
    """Which counts how often the list is read, and has something happen right after it is."""

    def __init__(self, records) -> None:
        super().__init__(records)
        self.listed = 0
        self.then = None

    async def waiting(self, *arguments):
        found = await super().waiting(*arguments)
        self.listed += 1
        if self.then is not None:
            then, self.then = self.then, None
            await then()
        return found


class Hall:
    """Several processes that let in under one limit."""

    def __init__(self, records) -> None:
        self.store, self.judge, self.clock = Store(records), Judge(), ManualClock(NOW)
        self.admitted: list[str] = []
        self._number = 0

    def desk(self) -> Desk:
        return Desk(LIMIT, self.store, self.judge, self._admit, self.clock)

    async def _admit(self, entry) -> None:
        self.admitted.append(entry.run)

    async def allow(self, concurrency: int) -> None:
        record, revision = await self.store.load(LIMIT)
        await self.store.save(replace(record, concurrency=concurrency), revision)

    async def ask(self, desk: Desk, run: str) -> bool:
        self._number += 1
        where = ("q", Priority.NORMAL, (Use(LIMIT),), run, Raw(b"{}"))
        entry = Waiting(run, "s", FIRST, *where)
        return await desk.ask(entry, ticket_at(NOW - 1, self._number), again=False)

    async def gives_back(self, desk: Desk, run: str) -> None:
        await desk.over(Over(run, "s", FIRST))

    async def state(self) -> tuple[list[str], bool]:
        """Who holds it, and whether it says that somebody waits."""
        record, _ = await self.store.load(LIMIT)
        return [one.run for one in record.holders], record.awaited


@pytest.fixture
async def hall():
    async with memory("hall", partitions=1) as backend:
        hall = Hall(backend.runs)
        await hall.allow(1)
        yield hall


async def test_a_place_passes_with_one_write_to_who_waits_at_another_process(hall):
    one, other = hall.desk(), hall.desk()
    assert await hall.ask(one, "a")
    assert not await hall.ask(other, "b")
    _, before = await hall.store.load(LIMIT)

    await hall.gives_back(one, "a")

    assert (await hall.state(), hall.admitted) == ((["b"], False), ["b"])
    _, after = await hall.store.load(LIMIT)
    assert after == before + 1


async def test_who_comes_when_a_place_is_free_lets_those_in_first_who_waited(hall):
    # Given a place that came free when its limit was changed, beside one that waits for it
    one, other, third = hall.desk(), hall.desk(), hall.desk()
    assert await hall.ask(one, "a")
    assert not await hall.ask(other, "b")
    await hall.allow(2)

    assert not await hall.ask(third, "c")

    assert await hall.state() == (["a", "b"], True)
    await hall.gives_back(one, "b")
    assert (await hall.state(), hall.admitted) == ((["a", "c"], False), ["b", "c"])


async def test_who_waits_while_it_is_said_that_nobody_does_is_found(hall):
    one, other = hall.desk(), hall.desk()
    assert await hall.ask(one, "a")
    assert not await hall.ask(other, "b")

    async def another_comes() -> None:  # and finds that it is said already
        assert not await hall.ask(other, "c")

    hall.store.then = another_comes
    await hall.gives_back(one, "a")
    assert await hall.state() == (["b"], True)

    await hall.gives_back(hall.desk(), "b")
    assert await hall.state() == (["c"], False)


async def test_while_somebody_waits_who_is_not_seen_yet_it_stays_said(hall):
    one, other = hall.desk(), hall.desk()
    assert await hall.ask(one, "a")
    assert not await hall.ask(other, "b")
    hall.judge.said["b"] = Verdict.UNSEEN
    await hall.gives_back(one, "a")
    assert await hall.state() == ([], True)

    hall.judge.said.clear()
    assert not await hall.ask(one, "c")

    assert await hall.state() == (["b"], True)


async def test_where_nobody_waits_the_list_is_not_read(hall):
    for desk in (hall.desk(), hall.desk()):
        for run in "abc":
            assert await hall.ask(desk, run)
            await hall.gives_back(desk, run)

    assert hall.store.listed == 0


async def test_who_has_waited_when_nothing_was_said_of_it_is_found_by_a_look(hall):
    one = hall.desk()
    assert await hall.ask(one, "a")
    assert not await hall.ask(one, "b")
    record, revision = await hall.store.load(LIMIT)
    await hall.store.save(replace(record, awaited=False), revision)

    await hall.desk().look()
    assert await hall.state() == (["a"], True)
    await hall.store.leave(Place(LIMIT, ticket_at(NOW - 1, 2), "b", "s"))
    await hall.gives_back(hall.desk(), "a")

    assert await hall.state() == ([], False)


async def test_whom_a_rate_has_let_in_and_who_has_begun_stands_on_its_list_no_more(hall):
    record, revision = await hall.store.load(LIMIT)
    paced = replace(record, concurrency=0, rate=Rate(1, 60.0, 2))
    await hall.store.save(paced, revision)
    begun, waits = (Place(LIMIT, ticket_at(NOW - 1, number), run, "s") for number, run in BOTH)
    for place in (begun, waits):
        where = ("q", Priority.NORMAL, (Use(LIMIT),), place.run, Raw(b"{}"))
        await hall.store.queue(place, Waiting(place.run, "s", FIRST, *where))
    hall.judge.said[begun.run] = Verdict.BEGUN

    await hall.desk().look()

    # Then it has gone on, as who let it in may have died before that, and has cost no token
    assert sorted(hall.admitted) == ["a", "b"]
    assert await hall.store.waiting(LIMIT) == []
    assert (await hall.store.load(LIMIT))[0].passed == 1
