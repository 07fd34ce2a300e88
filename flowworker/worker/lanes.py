"""Which deliveries a worker asks for: never more of a lane than it has free slots.

Every queue has three lanes, and a free slot is offered to all of them at once, since nobody knows
which has something. So more may come in than there are slots. What comes when every slot is taken,
or while a higher lane has a backlog, is put back at once, for another worker may be free.

Progress: a worker without a free slot asks for nothing, so it puts back no more than it had asked
for before, and then what is put back reaches a worker that can take it. No slot stays free while a
step waits for it: a lane that is passed over because a higher one has a backlog is asked again
`SETTLE` seconds after that one was last heard of.

Priority: whatever was put back, and whatever a delivery says is behind it, tells that a lane has a
backlog. Then lower lanes are not asked. A worker that has just become idle knows of none, so what
it gets first may be of any lane.
"""

from __future__ import annotations

__all__ = ["SETTLE", "Lanes"]

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.ports import Consumer, Delivery, StepQueue

SETTLE = 0.05
"""Seconds without a delivery after which a lane that was asked has no backlog any more."""

_ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(slots=True, eq=False)
class _Lane:
    """Credit that is not used yet, and what is known of what waits."""

    rank: int
    consumer: Consumer
    outstanding: int = 0
    backlog: bool = False
    heard: float = 0.0

    def hear(self, now: float, *, backlog: bool) -> None:
        self.heard = now
        self.backlog = backlog


class Lanes:
    """The lanes of a worker's queues.

    Args of the constructor:
        slots: handlers that may run at a time.
        start: takes a delivery into a free slot.
        refuse: puts a delivery back.
    """

    def __init__(
        self,
        slots: int,
        clock: Clock,
        start: Callable[[Delivery], None],
        refuse: Callable[[Delivery], None],
    ) -> None:
        """Start without lanes."""
        self._slots = slots
        self._free = slots
        self._clock = clock
        self._start = start
        self._refuse = refuse
        self._lanes: list[_Lane] = []
        self._levels: tuple[list[_Lane], ...] = ([], [], [])
        self._share = slots
        self._settling: asyncio.Task[None] | None = None
        self._open = True

    async def open(self, steps: StepQueue, queues: tuple[str, ...]) -> None:
        """Consume all lanes of these queues, the highest first."""
        for rank, priority in enumerate(_ORDER):
            for queue in queues:
                taker = _Taker(self._arrive)
                consumer = await steps.consume(queue, priority, taker)
                taker.lane = _Lane(rank, consumer)
                self._lanes.append(taker.lane)
                self._levels[rank].append(taker.lane)
        self._share = max(1, self._slots // max(1, len(queues)))
        self._grant()

    async def close(self) -> None:
        """Take no more."""
        self._open = False
        for lane in self._lanes:
            await lane.consumer.stop()
        if self._settling is not None:
            self._settling.cancel()

    @property
    def free_slots(self) -> int:
        """How many more attempts can begin."""
        return self._free

    def free(self) -> None:
        """A slot is free again."""
        self._free += 1
        self._grant()

    def _arrive(self, lane: _Lane, delivery: Delivery) -> None:
        lane.outstanding -= 1
        if not self._open:
            self._refuse(delivery)
            return
        taken = self._free > 0 and not any(map(_has_backlog, self._levels[: lane.rank]))
        lane.hear(self._clock.monotonic(), backlog=not taken or delivery.behind > 0)
        if taken:
            self._free -= 1
            self._start(delivery)
        else:
            self._refuse(delivery)
        self._grant()

    def _grant(self) -> None:
        """Offer the free slots to all lanes, but to none below a backlog."""
        if not self._open or not self._free:
            return
        wanted = min(self._free, self._share)
        for level in self._levels:
            for lane in level:
                # Few grants of many, not many of one: each may be a message to the server.
                if lane.outstanding * 2 <= wanted > lane.outstanding:
                    credit, lane.outstanding = wanted - lane.outstanding, wanted
                    lane.consumer.grant(credit)
            if _has_backlog(level):
                if self._settling is None:
                    self._settling = asyncio.create_task(self._settle())
                return

    async def _settle(self) -> None:
        """Forget backlogs of which nothing has come for a while, although it was asked for."""
        while self._free and (busy := [lane for lane in self._lanes if lane.backlog]):
            due = min(lane.heard for lane in busy) + SETTLE
            await self._clock.sleep(max(due - self._clock.monotonic(), SETTLE / 10))
            now = self._clock.monotonic()
            for lane in busy:
                if now - lane.heard >= SETTLE:
                    lane.backlog = False
        self._settling = None
        self._grant()


class _Taker:
    """Knows whose deliveries it takes, as soon as there is a lane."""

    lane: _Lane

    def __init__(self, arrive: Callable[[_Lane, Delivery], None]) -> None:
        self._arrive = arrive

    def __call__(self, delivery: Delivery) -> None:
        self._arrive(self.lane, delivery)


def _has_backlog(level: list[_Lane]) -> bool:
    for lane in level:  # noqa: SIM110 - for each step, and a generator costs more than the look
        if lane.backlog:
            return True
    return False
