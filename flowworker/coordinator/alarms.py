"""Timers that went off: a timeout becomes an event, the end of a retention removes its run.

That of a step that waits wakes it, and that of a schedule gives it its turn.
"""

from __future__ import annotations

__all__ = ["Alarms"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.cloudevents import EventData, cloud_event
from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import (
    RETENTION,
    SCHEDULE_CHANGED,
    SCHEDULE_NEXT,
    START,
    TIMEOUT,
    step_of_timer,
)
from flowworker.coordinator.commands.inbox import Inbox
from flowworker.coordinator.commands.inputs import forget_input, input_name
from flowworker.core.admission import asking
from flowworker.core.event_types import EventType
from flowworker.core.ids import RUN_ID, sequence_of
from flowworker.core.staleness import may_be_unseen
from flowworker.core.status import TERMINAL
from flowworker.core.waiting import EARLY
from flowworker.errors import Unavailable
from flowworker.stores.removal import remove_run
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.beginning import Beginning
    from flowworker.coordinator.commands.debouncing import Debouncing
    from flowworker.coordinator.limits.gate import Gate
    from flowworker.coordinator.retention import Retention
    from flowworker.coordinator.schedules.turns import Schedules
    from flowworker.coordinator.steps.child_steps import ChildSteps
    from flowworker.coordinator.steps.engine_steps import EngineSteps
    from flowworker.core.records import RunRecord
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores

_CREDIT = 64

_ROUNDED = 1.0
"""Seconds by which an alarm may go off early: servers may count whole ones."""


class Alarms:
    """Takes alarms in, beside all other coordinators."""

    def __init__(
        self,
        stores: Stores,
        retention: Retention,
        engine_steps: EngineSteps,
        child_steps: ChildSteps,
        schedules: Schedules,
        beginning: Beginning,
        gate: Gate,
        debouncing: Debouncing,
        clock: Clock,
    ) -> None:
        """Nothing is consumed before `start`."""
        self._stores = stores
        self._backend = stores.backend
        self._retention = retention
        self._engine_steps = engine_steps
        self._child_steps = child_steps
        self._schedules = schedules
        self._beginning = beginning
        self._gate = gate
        self._debouncing = debouncing
        self._clock = clock
        shards = range(stores.backend.shards)
        self._inboxes = [Inbox(self._handle, _CREDIT, clock) for _ in shards]

    async def start(self) -> None:
        """Begin to consume."""
        for shard, inbox in enumerate(self._inboxes):
            await inbox.start(partial(self._backend.timers.consume, shard=shard))

    async def stop(self) -> None:
        """Consume no more, and finish what has begun."""
        await asyncio.gather(*(inbox.stop() for inbox in self._inboxes))

    async def _handle(self, delivery: Delivery) -> None:
        # timer.<run>.<name>
        _, run, name = (*delivery.subject.split(".", 2), "", "")[:3]
        if name in {SCHEDULE_NEXT, SCHEDULE_CHANGED}:
            await self._schedules.turn(run, delivery)
            return
        step = step_of_timer(name)
        if not RUN_ID.fullmatch(run) or not (step or name in {START, TIMEOUT, RETENTION}):
            get_logger().error("timer is unknown", subject=delivery.subject)
        else:
            await self._go_off(run, name, delivery)

    async def _go_off(self, run: str, name: str, delivery: Delivery) -> None:
        """A timer of a run."""
        step = step_of_timer(name)
        found = await self._stores.runs.load(run)
        ended = found is not None and found[0].status in TERMINAL
        refused = found is not None and bool(found[0].refused)  # and another may have its id
        over = ended or refused
        expected = over if name == RETENTION else found is not None and not refused
        unseen = may_be_unseen(delivery.time, self._clock.now())
        stale = Unavailable(f"what was read of run {run} may be stale")
        if not expected and unseen:
            raise stale
        if name == RETENTION:
            await self._remove(run, found, delivery)
        elif found is None or refused:
            return
        elif ended:
            if name == START:
                await self._list_as_ended(found[0])
        elif name == START:
            await self._begin(*found)
        elif name == TIMEOUT:
            await self._time_out(found[0], delivery)
        elif not await self._engine_steps.wake(found[0], step) and unseen:
            raise stale

    async def _list_as_ended(self, record: RunRecord) -> None:
        """A run is pending no more, which `_begin` does last; its end may not be listed yet.

        Nor may it be known when it is to be removed: once it is listed as ended alone, no recovery
        looks after it.
        """
        await self._stores.runs.index(entry_of(record))
        due = await self._retention.due(record, RETENTION)
        if due is not None:
            await self._backend.timers.set(record.run, RETENTION, due)
        await self._stores.runs.unindex_pending(record)

    async def _is_due(self, record: RunRecord, name: str, delivery: Delivery) -> bool:
        """Whether the timer should go off; that of an earlier run of this id is set again."""
        due = await self._retention.due(record, name)
        if due is None or delivery.time + _ROUNDED >= due:
            return due is not None
        # Delivered and not acknowledged for long
        await self._backend.timers.set(record.run, name, due)
        return False

    async def _remove(
        self, run: str, found: tuple[RunRecord, int] | None, delivery: Delivery
    ) -> None:
        record = None if found is None else found[0]
        if found is not None and found[0].refused:
            # Once more: who met the record late may have kept it again, and died.
            await forget_input(self._stores.payloads, run, input_name(found[0].origin))
            await self._stores.runs.remove(run, found[1])
        elif record is not None and record.status not in TERMINAL:
            get_logger().warning("the retention of a run ended before the run", run=run)
        elif record is None or await self._is_due(record, RETENTION, delivery):
            if found is not None:  # its parent must not miss it
                await self._child_steps.ended(found[0])
                await self._retention.tell_schedule(found[0])
                await self._debouncing.forget(found[0])
                if await self._retention.forgets_first(*found):
                    return
            await remove_run(self._stores, run, record, self._clock)

    async def _begin(self, record: RunRecord, revision: int) -> None:
        """Begin a run whose time has come. What follows may have been done before, and is again."""
        left = record.begins_at - self._clock.now()
        if left > EARLY:  # the alarm of an earlier run of this id, or this clock is late
            # By the timer's clock it is time. Set to then it would go off at once, again and again.
            await self._clock.sleep(EARLY)
            await self._backend.timers.set(record.run, START, record.begins_at)
            return
        if left > 0.0:
            await self._clock.sleep(left)
        if not await self._debouncing.may_begin(record):
            return
        if record.is_asking:
            await self._gate.enter_or_cancel(record)
        elif not record.begins_at:
            await self._beginning.again(record)
        elif record.admission is None:
            await self._beginning.begin(record, revision)
        else:
            admission = asking(record.admission, self._clock.now(), sequence_of(record.origin))
            record = replace(record, begins_at=0.0, admission=admission)
            await self._stores.runs.save(record, revision)
            await self._gate.enter_or_cancel(record)

    async def _time_out(self, record: RunRecord, delivery: Delivery) -> None:
        if not await self._is_due(record, TIMEOUT, delivery):
            return
        run, now = record.run, self._clock.now()
        data = EventData(id=run, name=record.workflow, version=record.version, at=now)
        event = cloud_event(self._backend.namespace, EventType.TIMED_OUT, data, now)
        await self._backend.events.publish_before_end(
            run, event.type, encode(event), event.id, once=True
        )
