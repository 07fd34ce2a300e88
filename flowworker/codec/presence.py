"""What a process of a fleet says of itself every few seconds, for those who want to see it.

present.coordinator.<id>             a coordinator
present.worker.<queue>.<id>          a worker, under each of its queues

Which queue a worker serves its key says, and not the body: permissions are about keys.
"""

from __future__ import annotations

__all__ = [
    "COORDINATORS",
    "PRESENT",
    "WORKERS",
    "Presence",
    "decode_presence",
    "presence_keys",
    "queue_of_presence",
    "workers_of",
]

import re
from typing import Literal

import msgspec
from msgspec import Struct, field

COORDINATORS = "present.coordinator.*"
"""Pattern of the keys of all coordinators."""

WORKERS = "present.worker.*.*"
"""Pattern of the keys of all workers."""

PRESENT = "present.>"
"""Pattern of the keys of all processes."""

_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


class Presence(Struct, frozen=True):
    """One process. No decision about a run depends on it.

    Attributes:
        id: of the process; no other one ever has it.
        version: of flowworker.
        started: when the process did, epoch seconds.
        at: when this was written, by the process' own clock.
        slots: attempts that a worker runs at a time.
        running: attempts that a worker runs, or runs that a coordinator has in memory.
        draining: it takes nothing new, and ends.
        handlers: of a worker, each with a digest of its signature.
        partitions: that a coordinator drives.
        hides: names of fields whose values it hides; None of a release that does not say.
    """

    role: Literal["coordinator", "worker"]
    id: str
    host: str = ""
    pid: int = 0
    version: str = ""
    started: float = 0.0
    at: float = 0.0
    slots: int = 0
    running: int = 0
    draining: bool = False
    handlers: dict[str, str] = field(default_factory=dict)
    partitions: tuple[int, ...] = ()
    hides: tuple[str, ...] | None = None
    v: int = 1


decode_presence = msgspec.json.Decoder(Presence).decode
"""Raises one of `UNREADABLE`."""


def presence_keys(presence: Presence, queues: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Where it stands: once, or once for each queue of a worker."""
    token = _NO_TOKEN.sub("-", presence.id)
    if presence.role == "coordinator":
        return (f"present.coordinator.{token}",)
    return tuple(f"present.worker.{queue}.{token}" for queue in queues)


def workers_of(queue: str) -> str:
    """Pattern of the keys of those that serve a queue."""
    return f"present.worker.{queue}.*"


def queue_of_presence(key: str) -> str:
    """The queue that a worker's key says."""
    return key.split(".")[2]
