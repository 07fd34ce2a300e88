"""Which deliveries a worker asks for: never more of a lane than it has free slots.

Every queue has a lane per priority, in each shard, and a free slot is offered to all of them at
once, because it is not known which has messages. So more may be delivered than there are slots.
What arrives when every slot is taken, or while a higher lane has a backlog, is put back at once,
for a worker that may be free.

Liveness: a worker without a free slot asks for nothing, so it puts back no more than it had asked
for before, and then what is put back reaches a worker that can take it. No slot stays free while a
step waits for it: a lane that is passed over because a higher one has a backlog is asked again
`SETTLE` seconds after the last delivery of that one.

Priority: a lane has a backlog if a delivery of it was put back, or says that more wait behind it.
Then lower lanes are not asked. A worker that has just become idle knows of no backlog, so its
first deliveries may be of any lane.
"""

from __future__ import annotations

__all__ = ["SETTLE", "Lanes"]

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from flowworker.core.status import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.ports import Backend, Consumer, Delivery

SETTLE = 0.05
"""Seconds without a delivery after which a lane that was asked has no backlog any more."""

_ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(slots=True, eq=False)
class _Lane:
    """Credit that is not used yet, and what is known of the messages that wait."""

    rank: int
    consumer: Consumer
    outstanding: int = 0
    backlog: bool = False
    delivered_at: float = 0.0


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

    async def open(self, backend: Backend, queues: tuple[str, ...]) -> None:
        """Consume all lanes of these queues, the highest first."""
        shards = range(backend.shards)
        for rank, priority in enumerate(_ORDER):
            for queue, shard in product(queues, shards):
                callback = _Callback(self._arrive)
                consumer = await backend.steps.consume(queue, priority, callback, shard=shard)
                callback.lane = _Lane(rank, consumer)
                self._lanes.append(callback.lane)
                self._levels[rank].append(callback.lane)
        self._share = max(1, self._slots // max(1, len(queues) * len(shards)))
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
        lane.delivered_at = self._clock.monotonic()
        lane.backlog = not taken or delivery.behind > 0
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
        """Forget a backlog of which nothing was delivered for a while, although asked for."""
        while self._free and (busy := [lane for lane in self._lanes if lane.backlog]):
            due = min(lane.delivered_at for lane in busy) + SETTLE
            await self._clock.sleep(max(due - self._clock.monotonic(), SETTLE / 10))
            now = self._clock.monotonic()
            for lane in busy:
                if now - lane.delivered_at >= SETTLE:
                    lane.backlog = False
        self._settling = None
        self._grant()


class _Callback:
    """What a lane's consumer calls; it exists before its lane."""

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
