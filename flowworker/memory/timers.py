"""Alarms in a queue, where each waits for its time."""

from __future__ import annotations

__all__ = ["MemoryTimers"]

from itertools import count
from typing import TYPE_CHECKING

from flowworker.codec.keys import step_of_timer, step_timer
from flowworker.memory.checks import check_dotted, check_token
from flowworker.memory.queue import Message, Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.memory.home import Home
    from flowworker.ports import Consumer, OnDelivery


class MemoryTimers:
    """The `Timers` port."""

    def __init__(self, home: Home, ack_wait: float) -> None:
        """Start without any."""
        self._queue = Queue(home, ack_wait, count(1))

    async def set(self, run: str, name: str, at: float) -> None:
        """Deliver at that time instead of any that was set before."""
        check_token(run, "a run id")
        check_dotted(name, "the name of a timer")
        subject = f"timer.{run}.{name}"
        self._queue.drop(subject)
        self._queue.add(Message(subject, subject, b""), at)

    async def clear(self, run: str, name: str) -> None:
        """Forget it."""
        self._queue.drop(f"timer.{run}.{name}")

    def pending(self, run: str, name: str) -> int:
        """How many alarms of that name are set or not acknowledged: one or none."""
        return self._queue.count(f"timer.{run}.{name}")

    async def runs(self, name: str) -> list[str]:
        """All runs that have such an alarm, set or on its way."""
        groups = (group.split(".", 2) for group in self._queue.groups())
        return [run for _, run, alarm in groups if alarm == name]

    async def missing(self, runs: Sequence[str], name: str) -> list[str]:
        """Those of these runs that have no such alarm."""
        return [run for run in runs if not self.pending(run, name)]

    def of_steps(self) -> list[tuple[str, str]]:
        """Run and step of all timers of steps that wait."""
        groups = (group.split(".", 2)[1:] for group in self._queue.groups())
        return [(run, step) for run, name in groups if (step := step_of_timer(name))]

    def drop_of_steps(self, run: str) -> None:
        """Forget the timers of a run's steps."""
        for group in tuple(self._queue.groups()):
            if group.startswith(f"timer.{run}.{step_timer('')}"):
                self._queue.drop(group)

    async def consume(self, on_delivery: OnDelivery, *, shard: int = 0) -> Consumer:
        """Share the alarms with all other consumers."""
        del shard  # there is one
        return self._queue.consume(on_delivery)
