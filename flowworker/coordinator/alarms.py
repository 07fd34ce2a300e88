"""Timers that went off: a timeout becomes an event, the end of a retention removes its run.

That of a step that waits wakes it.
"""

from __future__ import annotations

__all__ = ["Alarms"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION, TIMEOUT, step_of_timer
from flowworker.coordinator.inbox import Inbox
from flowworker.core.event_types import EventType
from flowworker.core.ids import RUN_ID
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL
from flowworker.errors import Unavailable
from flowworker.stores.removal import remove_run
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.engine_steps import EngineSteps
    from flowworker.coordinator.retention import Retention
    from flowworker.core.records import RunRecord
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores

_CREDIT = 64

_ROUNDED = 1.0
"""Seconds by which an alarm may go off early: servers may count whole ones."""


class Alarms:
    """Takes alarms in, beside all other coordinators."""

    def __init__(
        self, stores: Stores, retention: Retention, engine_steps: EngineSteps, clock: Clock
    ) -> None:
        """Nothing is consumed before `start`."""
        self._stores = stores
        self._backend = stores.backend
        self._retention = retention
        self._engine_steps = engine_steps
        self._clock = clock
        self._inbox = Inbox(self._handle, _CREDIT)

    async def start(self) -> None:
        """Begin to consume."""
        await self._inbox.start(self._backend.timers.consume)

    async def stop(self) -> None:
        """Consume no more, and finish what has begun."""
        await self._inbox.stop()

    async def _handle(self, delivery: Delivery) -> None:
        # timer.<run>.<name>
        _, run, name = (*delivery.subject.split(".", 2), "", "")[:3]
        step = step_of_timer(name)
        if not RUN_ID.fullmatch(run) or not (step or name in {TIMEOUT, RETENTION}):
            get_logger().error("timer is unknown", subject=delivery.subject)
            return
        found = await self._stores.runs.load(run)
        record = None if found is None else found[0]
        has_ended = record is not None and record.status in TERMINAL
        expected = has_ended if name == RETENTION else record is not None
        if not expected and may_be_unseen(delivery.time, self._clock.now()):
            raise Unavailable(f"what was read of run {run} may be stale")
        if step:
            if record is not None and not has_ended:
                await self._engine_steps.wake(record, step)
            return
        due = None if record is None else await self._retention.due(record, name)
        if due is not None and delivery.time + _ROUNDED < due:
            # The alarm of an earlier run of this id, delivered and not acknowledged for long
            await self._backend.timers.set(run, name, due)
        elif name == TIMEOUT:
            if due is not None and record is not None and not has_ended:
                await self._time_out(record)
        elif record is None or has_ended:
            await remove_run(self._stores, run, record, self._clock)
        else:
            get_logger().warning("the retention of a run ended before the run", run=run)

    async def _time_out(self, record: RunRecord) -> None:
        run, now = record.run, self._clock.now()
        data = EventData(id=run, name=record.workflow, version=record.version, at=now)
        event = cloud_event(self._backend.namespace, EventType.TIMED_OUT, data, now)
        await self._backend.events.publish_before_end(
            run, event.type, encode(event), event.id, once=True
        )
