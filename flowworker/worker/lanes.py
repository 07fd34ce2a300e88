"""Which deliveries a worker asks for, and in which order it takes those in hand.

Every queue has three lanes. A lane is granted as much credit as there are free slots; what comes in
beyond that, since several lanes may use theirs at once, waits in hand, highest priority first.
While something waits, only the high lanes get credit. They keep a little of it at all times, also
when every slot is taken, so that a step of high priority is in hand when the next slot is free.

Outstanding credit of all lanes together stays within three times the slots, so no more than twice
the slots, and the high lanes' little, can ever wait in hand. Nothing waits there for long: after
`PATIENCE` seconds it is put back, since by then another worker may be free. What has waited for a
lease, in a process that was stopped, is left alone: its source has given it to somebody else.
"""

from __future__ import annotations

__all__ = ["PATIENCE", "Lanes"]

import asyncio
import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Gauge

    from flowworker.clock import Clock
    from flowworker.ports import Consumer, Delivery, StepQueue

PATIENCE = 3.0
"""Seconds that a delivery waits in hand; less where a lease is short."""

_SHORTEST = 0.01

_ORDER = {Priority.HIGH: 0, Priority.NORMAL: 1, Priority.LOW: 2}


@dataclass(slots=True, eq=False)
class _Lane:
    priority: Priority
    consumer: Consumer | None = None
    outstanding: int = 0
    waiting: int = 0


@dataclass(slots=True, eq=False)
class _Waiting:
    rank: tuple[int, int]
    since: float
    lane: _Lane
    delivery: Delivery

    def __lt__(self, other: _Waiting) -> bool:
        return self.rank < other.rank


class Lanes:
    """The lanes of a worker's queues, and what waits in hand.

    Args of the constructor:
        slots: handlers that may run at a time.
        lease: seconds that a delivery stays this worker's without its doing.
        start: takes a delivery into a free slot.
        refuse: puts a delivery back that came after `close`, or waits for too long.
    """

    def __init__(
        self,
        slots: int,
        clock: Clock,
        lease: float,
        in_hand: Gauge,
        start: Callable[[Delivery], None],
        refuse: Callable[[Delivery], None],
    ) -> None:
        """Start without lanes."""
        self._slots = slots
        self._standing = max(1, slots // 8)
        self._free = slots
        self._clock = clock
        self._lease = lease
        self._patience = min(PATIENCE, lease / 3)
        self._gauge = in_hand
        self._start = start
        self._refuse = refuse
        self._lanes: list[_Lane] = []
        self._arrivals = count()
        self._waiting: list[_Waiting] = []
        self._tidying: asyncio.Task[None] | None = None
        self._open = True

    async def open(self, steps: StepQueue, queues: tuple[str, ...]) -> None:
        """Consume all lanes of these queues."""
        lanes = [(queue, _Lane(priority)) for queue in queues for priority in Priority]
        for queue, lane in lanes:
            lane.consumer = await steps.consume(queue, lane.priority, self._taker(lane))
            self._lanes.append(lane)
        self._grant()

    async def close(self) -> None:
        """Take no more, and refuse what waits in hand."""
        self._open = False
        for lane in self._lanes:
            if lane.consumer is not None:
                await lane.consumer.stop()
        if self._tidying is not None:
            self._tidying.cancel()
        waiting, self._waiting = self._waiting, []
        self._put_back(waiting)

    def free(self) -> None:
        """A slot is free again."""
        self._free += 1
        self._tidy()
        if self._waiting and self._open:
            first = heapq.heappop(self._waiting)
            self._leave(first)
            self._take(first.delivery)
        self._grant()

    def _taker(self, lane: _Lane) -> Callable[[Delivery], None]:
        def take(delivery: Delivery) -> None:
            lane.outstanding -= 1
            if not self._open:
                self._refuse(delivery)
            elif self._free > 0:
                self._take(delivery)
                self._grant()
            else:
                self._wait(lane, delivery)
                self._grant()

        return take

    def _wait(self, lane: _Lane, delivery: Delivery) -> None:
        rank = (_ORDER[lane.priority], next(self._arrivals))
        heapq.heappush(self._waiting, _Waiting(rank, self._clock.monotonic(), lane, delivery))
        lane.waiting += 1
        self._gauge.inc()
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._keep_tidy())

    def _leave(self, one: _Waiting) -> None:
        one.lane.waiting -= 1
        self._gauge.dec()

    async def _keep_tidy(self) -> None:
        while self._waiting:
            due = min(one.since for one in self._waiting) + self._patience
            await self._clock.sleep(max(due - self._clock.monotonic(), _SHORTEST))
            self._tidy()
            self._grant()
        self._tidying = None

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if late := [one for one in self._waiting if now - one.since >= self._patience]:
            self._waiting = [one for one in self._waiting if now - one.since < self._patience]
            heapq.heapify(self._waiting)
            self._put_back(late)

    def _put_back(self, several: list[_Waiting]) -> None:
        now = self._clock.monotonic()
        for one in several:
            self._leave(one)
            if now - one.since < self._lease:
                self._refuse(one.delivery)

    def _take(self, delivery: Delivery) -> None:
        self._free -= 1
        self._start(delivery)

    def _grant(self) -> None:
        if not self._open:
            return
        share = max(1, 3 * self._slots // max(1, len(self._lanes)))
        ready = 0 if self._waiting else min(self._free, share)
        for lane in self._lanes:
            wanted = ready
            if lane.priority is Priority.HIGH:
                wanted = max(ready, self._standing - lane.waiting)
            # Few grants of many, not many of one: each may be a message to the server.
            if lane.consumer is not None and lane.outstanding * 2 <= wanted > lane.outstanding:
                credit = wanted - lane.outstanding
                lane.outstanding = wanted
                lane.consumer.grant(credit)
