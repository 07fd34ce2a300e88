"""Who waits for a turn, as one process knows it, and how many get into a lane."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec import Raw
from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.limits import Waiting
from flowworker.codec.presence import Presence
from flowworker.coordinator.limits import queue as queues
from flowworker.coordinator.limits.queue import Queue
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.coordinator.limits.width import Widths
from flowworker.core.admission import ticket_at
from flowworker.core.attempt import Attempt
from flowworker.core.fairness import Share, Turns, gate_of
from flowworker.core.limit import LimitRecord, Use
from flowworker.core.status import Kind, Priority
from flowworker.errors import Unavailable
from flowworker.ports import Entry, Presences
from flowworker.stores.limits import LimitStore
from flowworker.testing import ManualClock
from tests.support.backends import memory

GATE = gate_of("q", Priority.NORMAL)
NOW = 1_900_000_000.0


class Everybody:
    """May be let in."""

    async def of(self, place, entry):
        return Verdict.OPEN

    async def is_over(self, holder):
        return False


class Line:
    """A list, and a process that lets in by it."""

    def __init__(self, store: LimitStore, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.record = LimitRecord(GATE, concurrency=1)
        self.queue = self.another()
        self._number = 0

    def another(self) -> Queue:
        return Queue(GATE, self.store, Everybody(), self.clock)

    async def put(self, keys: str, queue: Queue | None = None) -> None:
        for key in keys:
            self._number += 1
            share = Share(key, 100)
            run = f"{key}-{self._number}"
            uses = (Use(GATE, share=share),)
            where = ("q", Priority.NORMAL, uses, run, Raw(b"{}"))
            entry = Waiting(run, "s", Attempt(Kind.RUN, 1, 1), *where)
            ticket = ticket_at(NOW - 1, self._number, share)
            await (self.queue if queue is None else queue).put(entry, ticket, again=False)

    async def let_in(self, count: int) -> str:
        found = ""
        seen: set = set()
        for _ in range(count):
            if not self.queue:
                await self.queue.read(self.record, seen)
            heads = await self.queue.heads(self.record, 1, seen)
            for ask, (place, _) in heads.items():
                turns = self.record.turns or Turns()
                assert ask.share is not None
                key = ask.share.key
                ends = {**turns.next, key: turns.start_of(key) + 100}
                self.record = replace(self.record, turns=Turns(turns.start_of(key), ends))
                await self.store.leave(place)
                found += key
        return found


@pytest.fixture
async def line():
    async with memory("turns", partitions=1) as backend:
        yield Line(LimitStore(backend.runs), ManualClock(NOW))


async def test_a_key_that_comes_new_is_first_though_many_waited_before(line):
    await line.put("aaaa")
    assert await line.let_in(2) == "aa"

    await line.put("b")

    assert await line.let_in(3) == "baa"


async def test_what_comes_to_others_is_seen_when_the_list_is_read_again(line):
    await line.put("aaaaa")
    assert await line.let_in(1) == "a"
    await line.put("b", line.another())
    assert await line.let_in(1) == "a"

    line.clock.jump(2.0)

    assert await line.let_in(2) == "ba"


async def test_of_a_key_of_which_none_is_remembered_and_some_wait_the_list_is_read(
    line, monkeypatch
):
    monkeypatch.setattr(queues, "_REMEMBERED", 4)
    await line.put("aaaabbbb")

    assert await line.let_in(8) == "abababab"


async def test_a_process_remembers_so_many_and_no_more(line, monkeypatch):
    monkeypatch.setattr(queues, "_REMEMBERED", 2)
    await line.put("a")
    await line.let_in(1)

    await line.put("bcdefg")
    assert await line.let_in(4) == "bcde"

    # The others are found when the list is read
    assert await line.let_in(2) == "fg"


class Shown:
    """Presences of workers with so many slots."""

    def __init__(self) -> None:
        self.slots: list[int] | None = []
        self.asked = 0

    async def entries(self, pattern):
        assert pattern == "present.worker.q.*"
        self.asked += 1
        if self.slots is None:
            raise Unavailable("away")
        return [
            Entry(f"present.worker.q.{n}", encode(Presence("worker", f"{n}", slots=slots)), NOW, 0)
            for n, slots in enumerate(self.slots)
        ]


async def test_a_lane_has_room_for_twice_as_many_as_workers_have_slots():
    shown, clock = Shown(), ManualClock(NOW)
    widths = Widths(cast("Presences", shown), clock)

    assert await widths.of("q") == 16
    clock.jump(1.0)
    shown.slots = [64, 36]
    assert await widths.of("q") == 200

    # What is known is good enough for some seconds, and longer if nobody can be asked
    shown.slots = [1]
    assert await widths.of("q") == 200
    shown.slots = None
    clock.jump(5.0)
    assert await widths.of("q") == 200
    shown.slots = [1000]
    clock.jump(5.0)
    assert await widths.of("q") == 1000
    assert shown.asked == 4
