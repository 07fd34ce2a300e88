"""All ports in one process, without a server: what the in-process `Runner` runs on.

home       the event loop and its alarms
queue      messages with credit, acknowledgement and redelivery; the rest of the queues are thin
subjects   how patterns match

Nothing here survives the process. What time it is and how it passes is the clock's business, and
everything else follows from the order of the calls: a deterministic loop makes it deterministic.
"""

from __future__ import annotations

__all__ = ["memory_backend"]

from typing import TYPE_CHECKING

from flowworker.codec.subjects import DEFAULT_NAMESPACE
from flowworker.memory.checks import MAX_MESSAGE
from flowworker.memory.commands import MemoryCommandQueue
from flowworker.memory.events import MemoryEventLog
from flowworker.memory.heartbeat import MemoryHeartbeatLink
from flowworker.memory.home import Home
from flowworker.memory.leases import MemoryLeases
from flowworker.memory.notifier import MemoryNotifier
from flowworker.memory.presences import MemoryPresences
from flowworker.memory.records import MemoryRecords
from flowworker.memory.steps import MemoryStepQueue
from flowworker.memory.timers import MemoryTimers
from flowworker.ports import Backend

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.ports import HeartbeatLink
    from flowworker.settings import Settings


def memory_backend(
    namespace: str = DEFAULT_NAMESPACE, *, settings: Settings, clock: Clock, partitions: int = 16
) -> Backend:
    """An empty namespace of its own. Use it on one event loop; only heartbeats come from others."""
    home = Home(clock)
    runs = MemoryRecords(home)
    notifier = MemoryNotifier(home)
    timers = MemoryTimers(home, settings.lease)
    steps = MemoryStepQueue(home, settings.lease, timers)
    # Retries that are timed in process leave their event unacknowledged meanwhile.
    facts_ack_wait = max(settings.lease, 2 * settings.short_delay)

    async def open_heartbeat() -> HeartbeatLink:
        return MemoryHeartbeatLink(home, runs)

    return Backend(
        namespace=namespace,
        runs=runs,
        definitions=MemoryRecords(home),
        payloads=MemoryRecords(home),
        leases=MemoryLeases(home),
        presences=MemoryPresences(home),
        steps=steps,
        lanes=steps,
        events=MemoryEventLog(namespace, partitions, notifier, home, facts_ack_wait),
        commands=MemoryCommandQueue(home, settings.lease),
        timers=timers,
        notifier=notifier,
        max_message=MAX_MESSAGE,
        open_heartbeat=open_heartbeat,
        ready=lambda: not home.closed,
        close=home.close,
    )
