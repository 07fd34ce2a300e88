"""The power fails: what the server had not flushed of step messages, timers and events is gone.

From time to time all of them are flushed, in some worlds. When the power fails, once or twice in
those, they are as they were when they were flushed last: what came since is gone, and what was
taken, cleared or replaced since is there again. Records stay. Which events were acknowledged is as
it was then, or as it was at the end. In half of the cases all processes die with the server.
"""

from __future__ import annotations

__all__ = ["Power", "is_of_fleet"]

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple, cast

from flowworker.client.watching import decode
from flowworker.memory.events import _History
from flowworker.memory.names import Names
from flowworker.memory.queue import Message
from flowworker.ports import StoredEvent, Tail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flowworker.memory.dedupe import Window
    from flowworker.memory.events import MemoryEventLog
    from flowworker.memory.queue import Queue
    from flowworker.memory.records import MemoryRecords
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

_OFTEN, _LONGEST = 10.0, 30.0
"""Seconds between two flushes, on average and at most."""

_FIRST, _LAST = 2.0, 60.0
"""Seconds after the beginning between which the power fails."""

_LATE, _LATEST = 0.4, 400.0
"""Share of these worlds in which it fails later, when runs end or are removed; and until when."""


_FACTS = "facts of "
"""What queues of events are called here, with their partition."""


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


class _Flushed(NamedTuple):
    """What is there in any case: messages by queue, ids of what is stored once, histories."""

    messages: dict[object, list[_Kept]]
    ids: list[list[tuple[str, tuple[float, int]]]]
    orders: dict[object, int]
    histories: dict[str, list[StoredEvent]]


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
        self._late = Random(f"late power of {seed}")
        self._starts = 1
        self._steps = cast("MemoryStepQueue", backend.steps)
        self._timers = cast("MemoryTimers", backend.timers)
        self._events = cast("MemoryEventLog", backend.events)
        self._records = cast("MemoryRecords", backend.runs)
        tail = Tail(_UNFLUSHED, lambda: f"S{self._starts}", self._changed)
        self.backend = replace(backend, tail=tail if self._fails else None)

    def rates(self, drawn: Rates) -> Rates:
        """Those of the world: a server that stands alone shows no past."""
        return replace(drawn, stale=0.0) if self._fails else drawn

    @property
    def longer(self) -> float:
        """Seconds by which all that comes to rest may do so later: runs are kept for longer."""
        return 3 * _UNFLUSHED if self._fails else 0.0

    async def fail(
        self, processes: Sequence[Process], faults: Faults, watch: Watch, trace: Trace
    ) -> None:
        """Flush now and then, and fail once or twice, and perhaps once more when much is over."""
        if not self._fails:
            return
        random, passed = self._random, 0.0
        flushed = self._flush()
        failures = sorted(random.uniform(_FIRST, _LAST) for _ in range(random.choice((1, 1, 2))))
        if self._late.random() < _LATE:
            failures.append(self._late.uniform(_LAST, _LATEST))
        for at in failures:
            while (pause := min(random.expovariate(1 / _OFTEN), _LONGEST)) < at - passed:
                await asyncio.sleep(pause)
                passed += pause
                flushed = self._flush()
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
            self._lose(flushed)
            watch.schedules.robbed = True
            watch.promises.lost(watch.runs, self._ids_of_events())

    async def _changed(self, pattern: str, since: Mapping[int, int]) -> list[str]:
        entries = self._records._entries  # noqa: SLF001 - as a server answers, and nobody else
        names, revision = Names(), min(since.values())
        for key, (_, written) in entries.items():
            if written >= revision:
                names.add(key)
        return names.matching(pattern)

    def _queues(self) -> Iterator[tuple[object, Queue]]:
        yield from self._steps._lanes.items()  # noqa: SLF001 - nobody else empties a queue
        yield "timers", self._timers._queue  # noqa: SLF001
        for partition, queue in enumerate(self._events._facts):  # noqa: SLF001
            yield f"{_FACTS}{partition}", queue

    def _ids_of_events(self) -> set[str]:
        histories = self._events._runs.values()  # noqa: SLF001
        found = (decode(one.data) for history in histories for one in history.events)
        return {event["id"] for event in found if event is not None}

    def _windows(self) -> list[Window]:
        return [self._steps._window, self._events._window]  # noqa: SLF001

    def _flush(self) -> _Flushed:
        return _Flushed(
            {
                name: [_kept(one) for group in tuple(queue.groups()) for one in queue.of(group)]
                for name, queue in self._queues()
            },
            [list(window._seen.items()) for window in self._windows()],  # noqa: SLF001
            {name: queue._order for name, queue in self._queues()},  # noqa: SLF001
            {
                run: list(history.events)
                for run, history in self._events._runs.items()  # noqa: SLF001
            },
        )

    def _lose(self, flushed: _Flushed) -> None:
        """All is as it was flushed, but perhaps for what was acknowledged since."""
        positions = self._late.random() < 0.5  # noqa: PLR2004
        for name, queue in self._queues():
            kept = flushed.messages.get(name, ())
            if _is_of_facts(name) and not positions:
                here = {(one.subject, one.data) for g in queue.groups() for one in queue.of(g)}
                kept = [one for one in kept if (one.subject, one.data) in here]
            for group in tuple(queue.groups()):
                queue.drop(group)
            for one in kept:
                message = Message(one.group, one.subject, one.data)
                if queue.add(message, one.due):
                    message.time = one.time
            if _is_of_facts(name) and positions:
                queue._order = flushed.orders[name]  # noqa: SLF001
        for window, ids in zip(self._windows(), flushed.ids, strict=True):
            window._seen.clear()  # noqa: SLF001
            window._seen.update(ids)  # noqa: SLF001
        histories = self._events._runs  # noqa: SLF001
        histories.clear()
        for run, events in flushed.histories.items():
            types = {(one.sender, one.type) for one in events}
            histories[run] = _History(list(events), types)


def _is_of_facts(name: object) -> bool:
    return isinstance(name, str) and name.startswith(_FACTS)


def _kept(message: Message) -> _Kept:
    due = (message.alarm.wall or 0.0) if message.scheduled and message.alarm is not None else 0.0
    return _Kept(message.group, message.subject, message.data, message.time, due)
