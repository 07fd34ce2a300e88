"""All ports of one namespace, in one value."""

from __future__ import annotations

__all__ = ["Backend", "HeartbeatLink", "Incident", "Tail"]

from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from flowworker.ports.deliveries import Delivery
    from flowworker.ports.messages import (
        CommandQueue,
        EventLog,
        Lanes,
        Notifier,
        StepQueue,
        Timers,
    )
    from flowworker.ports.meter import Meter
    from flowworker.ports.presences import Presences
    from flowworker.ports.records import Leases, Records


HEADROOM = 4096
"""Bytes of a message that its subject and headers may take."""


class Incident(StrEnum):
    """What goes wrong between a process and its server, and is repaired by itself."""

    RECONNECTED = auto()
    """The connection was lost, and made anew."""
    PUBLISH_FAILED = auto()
    """A message was not acknowledged in time, or refused since there is no room."""
    PULL_RENEWED = auto()
    """The server sent a consumer nothing, as if it did not know it."""


class HeartbeatLink(Protocol):
    """A second connection, for the thread that keeps claims alive.

    Used only on the event loop on which it was opened, so that a handler that blocks the main
    loop cannot block a renewal.
    """

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """As `Records.write` of the runs."""
        ...

    async def in_progress(self, delivery: Delivery) -> None:
        """As `Delivery.in_progress`, for a step message."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


@dataclass(frozen=True, slots=True)
class Tail:
    """What a server acknowledges before it is flushed: step messages, timers and events of late.

    It is lost with the server's machine, or a part of it, and made again from records. What was
    removed of late may be there again.

    Attributes:
        seconds: what is older is no part of it.
        incarnation: of the server: another one after each of its starts, before which a tail may
            have been lost.
        changed: keys of runs' records that match a pattern and were written at a revision that is
            given for their partition, or later; those of other partitions may be among them.
    """

    seconds: float
    incarnation: Callable[[], str]
    changed: Callable[[str, Mapping[int, int]], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Backend:
    """All ports of one namespace, as `wiring` hands them out.

    Attributes:
        max_message: bytes that one message may have, headers included.
        inbox: what the subjects of answers to this process begin with.
        open_heartbeat: opens a link of its own on the event loop that calls it.
        ready: whether the server is connected at this moment.
        alive: False if the server is connected and yet has sent a consumer nothing for too long,
            not even a heartbeat.
        agreed: the settings that are equal over the fleet (`agreement`).
        close: waits for requests that are on their way, then disconnects.
        on_incident: called for each incident.
        meter: says what waits, where there is a server.
        tail: what may be lost though it was acknowledged; None where nothing may.
        shards: in how many parts steps and alarms are stored, each for some of the runs and
            consumed by itself.
    """

    namespace: str
    runs: Records
    definitions: Records
    payloads: Records
    leases: Leases
    presences: Presences
    steps: StepQueue
    lanes: Lanes
    events: EventLog
    commands: CommandQueue
    timers: Timers
    notifier: Notifier
    max_message: int
    open_heartbeat: Callable[[], Awaitable[HeartbeatLink]]
    ready: Callable[[], bool]
    close: Callable[[], Awaitable[None]]
    inbox: str = "_INBOX"
    alive: Callable[[], bool] = lambda: True
    agreed: str = ""
    on_incident: list[Callable[[Incident], object]] = field(default_factory=list)
    meter: Meter | None = None
    tail: Tail | None = None
    shards: int = 1

    @property
    def max_body(self) -> int:
        """Bytes that the body of a message may have."""
        return self.max_message - HEADROOM
