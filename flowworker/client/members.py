"""Who is there: the coordinators and workers of a fleet, as each said it last."""

from __future__ import annotations

__all__ = ["CoordinatorView", "WorkerView", "coordinators", "workers"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import UNREADABLE
from flowworker.codec.pauses import Pausable
from flowworker.codec.presence import (
    COORDINATORS,
    WORKERS,
    Presence,
    decode_presence,
    queue_of_presence,
)
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowworker.ports import Entry, Presences
    from flowworker.stores.pauses import PauseStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A process.

    Attributes:
        id: as events and records name it.
        version: of flowworker.
        started_at: epoch seconds, by its own clock.
        seen_at: when it said so last, epoch seconds, by the server's clock.
        age: seconds since then, when it was asked for.
        clock: seconds by which the server's clock was ahead of its own when it said so, the way of
            the message included.
        draining: it takes nothing new, and ends.
    """

    id: str
    host: str
    pid: int
    version: str
    started_at: float
    seen_at: float
    age: float
    clock: float
    draining: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorView(_Member):
    """A coordinator.

    Attributes:
        partitions: that it drives.
        runs: that it has in memory.
    """

    partitions: tuple[int, ...]
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView(_Member):
    """A worker.

    Attributes:
        queues: whose steps it takes, sorted.
        handlers: that it has, each with a digest of its signature.
        slots: attempts that it runs at a time.
        running: those that it does run.
        paused: of its queues, those of which it gets nothing for now.
    """

    queues: tuple[str, ...]
    handlers: dict[str, str]
    slots: int
    running: int
    paused: tuple[str, ...] = ()


async def coordinators(presences: Presences) -> list[CoordinatorView]:
    """All coordinators, by id."""
    return [
        CoordinatorView(**_common(entry, said), partitions=said.partitions, runs=said.running)
        async for entry, said in _read(presences, COORDINATORS)
    ]


async def workers(presences: Presences, pauses: PauseStore | None = None) -> list[WorkerView]:
    """All workers, by id: one that serves several queues stands under each of them.

    Without pauses nothing is known of those.
    """
    latest: dict[str, tuple[Entry, Presence]] = {}
    queues: dict[str, list[str]] = {}
    async for entry, said in _read(presences, WORKERS):
        worker = entry.key.rpartition(".")[2]
        queues.setdefault(worker, []).append(queue_of_presence(entry.key))
        if worker not in latest or latest[worker][0].time < entry.time:
            latest[worker] = entry, said
    held = await pauses.paused(Pausable.QUEUE) if pauses is not None and latest else {}
    return [
        WorkerView(
            **_common(entry, said),
            queues=tuple(queues[worker]),
            handlers=said.handlers,
            slots=said.slots,
            running=said.running,
            paused=tuple(queue for queue in queues[worker] if queue in held),
        )
        for worker, (entry, said) in sorted(latest.items())
    ]


async def _read(presences: Presences, pattern: str) -> AsyncIterator[tuple[Entry, Presence]]:
    for entry in await presences.entries(pattern):
        try:
            yield entry, decode_presence(entry.value)
        except UNREADABLE as error:
            get_logger().warning(
                "what a process says of itself cannot be read", key=entry.key, error=str(error)
            )


def _common(entry: Entry, said: Presence) -> dict[str, Any]:
    return {
        "id": said.id,
        "host": said.host,
        "pid": said.pid,
        "version": said.version,
        "started_at": said.started,
        "seen_at": entry.time,
        "age": entry.age,
        "clock": entry.time - said.at,
        "draining": said.draining,
    }
