"""The power fails: what the server had not flushed of step messages and timers is gone.

From time to time all of them are flushed, in some worlds. When the power fails, once or twice in
those, they are as they were when they were flushed last: what came since is gone, and what was
taken, cleared or replaced since is there again. Records stay. In half of the cases all processes
die with the server.
"""

from __future__ import annotations

__all__ = ["Power", "is_of_fleet"]

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple, cast

from flowworker.memory.queue import Message
from flowworker.ports import Tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.memory.queue import Queue
    from flowworker.memory.steps import MemoryStepQueue
    from flowworker.memory.timers import MemoryTimers
    from flowworker.ports import Backend
    from simulation.faults import Faults, Rates
    from simulation.focus import Focus
    from simulation.process import Process
    from simulation.trace import Trace
    from simulation.watch import Watch

_FAILS = 0.15
"""Share of worlds in which it does."""

_UNFLUSHED = 60.0
"""Seconds after which everything is flushed."""

_OFTEN = 10.0
"""Seconds between two flushes, on average."""

_FIRST, _LAST = 2.0, 60.0
"""Seconds after the beginning between which the power fails."""


def is_of_fleet(key: str) -> bool:
    """Whether a record is about the fleet, and not about any run: it outlives all of them."""
    return key.startswith(("debounce.", "limit.", "looked.", "pause."))


class _Kept(NamedTuple):
    """A message that was flushed; `due` if it waits for its time."""

    group: str
    subject: str
    data: bytes
    time: float
    due: float


class Power:
    """Of the one server of a world.

    Attributes:
        backend: the world's, with a tail in worlds in which the power fails.
    """

    def __init__(self, seed: int, focus: Focus, backend: Backend) -> None:
        """Draw whether it fails; nothing happens before `fail`."""
        self._random = Random(f"power of {seed}")
        drawn = self._random.random() < _FAILS
        self._fails = focus.power or (drawn and not (focus.backlog or focus.quiet))
        self._starts = 1
        self._steps = cast("MemoryStepQueue", backend.steps)
        self._timers = cast("MemoryTimers", backend.timers)
        tail = Tail(_UNFLUSHED, lambda: f"S{self._starts}") if self._fails else None
        self.backend = replace(backend, tail=tail)

    def rates(self, drawn: Rates) -> Rates:
        """Those of the world: a server that stands alone shows no past."""
        return replace(drawn, stale=0.0) if self._fails else drawn

    async def fail(
        self, processes: Sequence[Process], faults: Faults, watch: Watch, trace: Trace
    ) -> None:
        """Flush now and then, and fail once or twice."""
        if not self._fails:
            return
        random = self._random
        flushed, ids, passed = self._flushed(), self._ids(), 0.0
        failures = sorted(random.uniform(_FIRST, _LAST) for _ in range(random.choice((1, 1, 2))))
        for at in failures:
            while (pause := random.expovariate(1 / _OFTEN)) < at - passed:
                await asyncio.sleep(pause)
                passed += pause
                flushed, ids = self._flushed(), self._ids()
                trace.note("WORLD", "all is flushed")
            await asyncio.sleep(at - passed)
            passed = at
            everybody = random.random() < 0.5  # noqa: PLR2004
            faults.counts["power failed"] += 1
            trace.note("WORLD", "the power fails" + (", everywhere" if everybody else ""))
            for run in watch.runs:
                watch.lost(run)
            for process in list(processes) if everybody else ():
                process.die()
            self._starts += 1
            self._lose(flushed, ids)

    def _queues(self) -> Iterator[tuple[object, Queue]]:
        yield from self._steps._lanes.items()  # noqa: SLF001 - nobody else empties a queue
        yield "timers", self._timers._queue  # noqa: SLF001

    def _ids(self) -> list[tuple[str, tuple[float, int]]]:
        return list(self._steps._window._seen.items())  # noqa: SLF001

    def _flushed(self) -> dict[object, list[_Kept]]:
        return {
            name: [_kept(one) for group in tuple(queue.groups()) for one in queue.of(group)]
            for name, queue in self._queues()
        }

    def _lose(
        self, flushed: dict[object, list[_Kept]], ids: list[tuple[str, tuple[float, int]]]
    ) -> None:
        """All is as it was flushed."""
        for name, queue in self._queues():
            for group in tuple(queue.groups()):
                queue.drop(group)
            for one in flushed.get(name, ()):
                message = Message(one.group, one.subject, one.data)
                if queue.add(message, one.due):
                    message.time = one.time
        seen = self._steps._window._seen  # noqa: SLF001
        seen.clear()
        seen.update(ids)


def _kept(message: Message) -> _Kept:
    due = (message.alarm.wall or 0.0) if message.scheduled and message.alarm is not None else 0.0
    return _Kept(message.group, message.subject, message.data, message.time, due)
