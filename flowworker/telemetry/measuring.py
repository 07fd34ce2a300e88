"""Measures what has to be asked for: what waits, who is there, and how late the event loop is.

Only processes whose metrics are served do so. The coordinator of partition 0 measures what all have
in common, so that it is asked for once in a fleet.
"""

from __future__ import annotations

__all__ = ["PERIOD", "SELDOM", "measure_loop", "measure_server"]

from collections import deque
from typing import TYPE_CHECKING

from flowworker.codec.presence import PRESENT
from flowworker.errors import FlowworkerError
from flowworker.telemetry.log import get_logger
from flowworker.telemetry.present import present

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.clock import Clock
    from flowworker.ports import Meter, Presences
    from flowworker.telemetry.metrics import Metrics

PERIOD = 15.0
"""Seconds between two looks at the server."""

SELDOM = 300.0
"""Seconds between two counts of what costs the more the more there is of it."""

_TICK = 1.0
"""Seconds between two looks at the event loop."""

_FIRST = 0
"""Who drives this partition measures what belongs to none."""


async def measure_server(
    meter: Meter,
    presences: Presences,
    partitions: Callable[[], tuple[int, ...]],
    metrics: Metrics,
    clock: Clock,
) -> None:
    """Ask for what waits, now and then, until cancelled; what cannot be asked stays as it was.

    Args:
        meter: that is asked.
        presences: what processes say of themselves.
        partitions: that this process drives at the moment.
        metrics: gets the answers.
        clock: says when it is time.
    """
    complaint, due = "", 0.0
    while True:
        try:
            await _measure(meter, presences, partitions(), metrics, clock)
            if _FIRST not in partitions():
                due = 0.0
            elif clock.monotonic() >= due:
                metrics.schedules.replace(await meter.schedules())
                due = clock.monotonic() + SELDOM
            complaint = ""
        except FlowworkerError as error:
            if str(error) != complaint:
                get_logger().warning("what waits could not be measured", error=str(error))
            complaint = str(error)
        await clock.sleep(PERIOD if partitions() else _TICK)


async def _measure(
    meter: Meter,
    presences: Presences,
    partitions: tuple[int, ...],
    metrics: Metrics,
    clock: Clock,
) -> None:
    events = await meter.events(partitions)
    metrics.events_pending.replace({str(one): pending for one, pending in events.items()})
    if _FIRST in partitions:
        await _measure_common(meter, metrics, clock)
        await _measure_presences(presences, metrics)
    else:
        metrics.forget_common()


async def _measure_common(meter: Meter, metrics: Metrics, clock: Clock) -> None:
    metrics.commands_pending.replace(await meter.commands())
    lanes, now = await meter.lanes(), clock.now()
    metrics.steps_pending.replace({lane: level.pending for lane, level in lanes.items()})
    metrics.steps_in_flight.replace({lane: level.in_flight for lane, level in lanes.items()})
    metrics.step_requests.replace({lane: level.requests for lane, level in lanes.items()})
    metrics.queue_paused.replace({lane: int(level.held) for lane, level in lanes.items()})
    metrics.oldest_step.replace(
        {
            lane: max(now - level.oldest, 0.0) if level.oldest else 0.0
            for lane, level in lanes.items()
        }
    )
    storage = await meter.storage()
    metrics.stream_messages.replace(storage.messages)
    metrics.stream_bytes.replace(storage.sizes)
    metrics.storage_bytes.set(storage.used)
    metrics.storage_limit.set(storage.limit)
    metrics.measured.set(now)


async def _measure_presences(presences: Presences, metrics: Metrics) -> None:
    """Last of all: who must not see them has the rest."""
    there = present(await presences.entries(PRESENT))
    metrics.present_coordinators.set(there.coordinators)
    metrics.present_workers.replace(there.workers)
    metrics.present_slots.replace(there.slots)
    metrics.present_running.replace(there.running)
    metrics.present_draining.replace(there.draining)


async def measure_loop(metrics: Metrics, clock: Clock) -> None:
    """Say how late the event loop was at worst in the last period, until cancelled."""
    late: deque[float] = deque(maxlen=round(PERIOD / _TICK))
    while True:
        asked = clock.monotonic()
        await clock.sleep(_TICK)
        late.append(max(clock.monotonic() - asked - _TICK, 0.0))
        metrics.loop_lag.set(max(late))
