"""The end of a run: its result, and how long it is kept."""

from __future__ import annotations

__all__ = ["Retention"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION, SCHEDULE_CHANGED, TIMEOUT
from flowworker.coordinator.results import result_of
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import FlowworkerError, InvalidInput, Unavailable
from flowworker.settings import FRAME
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.ports import StoredEvent
    from flowworker.stores.stores import Stores

_LARGEST_RESULT = 256 * 1024
"""Bytes of outputs that a result carries."""


class Retention:
    """What is left to do once a run's terminal state is durable."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Act on what is kept of runs."""
        self._clock = clock
        self._backend = stores.backend
        self._settings = stores.settings
        self._runs = stores.runs
        self._definitions = stores.definitions
        self._stores = stores

    async def finish(self, plan: Plan, state: RunState) -> None:
        """Send the result, start the retention, drop what is queued. Idempotent."""
        record = state.record
        if record.reply_to:
            limit = min(_LARGEST_RESULT, self._backend.max_body - FRAME)
            result = result_of(plan, state, limit)
            try:
                await self._backend.notifier.publish(record.reply_to, encode(result))
            except InvalidInput as error:  # that subject can never be published to
                get_logger().warning("result not sent", run=record.run, error=str(error))
        if plan.workflow.timeout is not None:
            await self._backend.timers.clear(record.run, TIMEOUT)
        if record.status is not RunStatus.COMPLETED:
            await self._backend.steps.drop(record.run)
        await self.tell_schedule(record)
        await self._set_timer(record, plan)

    async def tell_schedule(self, record: RunRecord) -> None:
        """Have the schedule that has begun a run look at its end."""
        if record.schedule is not None:
            timers, at = self._backend.timers, record.finished_at
            await timers.set(record.schedule.id, SCHEDULE_CHANGED, at)

    async def restore(self, runs: Sequence[str]) -> None:
        """Set what timers these have lost, if they have ended, as when their stream was purged.

        Raises:
            Unavailable: some of them could not be set; all others were.
        """
        missing = await self._backend.timers.missing(runs, RETENTION)
        if left := sum([not await self._restore(run) for run in missing]):
            raise Unavailable(f"the retention of {left:,} finished runs could not be set")

    async def _restore(self, run: str) -> bool:
        """Whether the server was there for it; what is damaged only a person can mend."""
        try:
            found = await self._runs.load(run)
            if found is None or found[0].status not in TERMINAL:
                return True  # it has just been removed
            record = found[0]
            if not (record.expires or record.definition):
                return True  # a checkpoint without a time to live
            plan = None if record.expires else await self._definitions.by_hash(record.definition)
            await self._set_timer(record, plan)
            get_logger().info("a finished run has its retention again", run=run)
        except FlowworkerError as error:
            get_logger().warning("retention not restored", run=run, error=str(error))
            return not isinstance(error, Unavailable)
        return True

    async def forgets_first(self, record: RunRecord, revision: int) -> bool:
        """Whether a run is kept for somewhat longer, since its history may be there again.

        That is where removals of events may be lost: the history goes first, and the rest once it
        is gone for good. Another run of that id would be taken for the one that has ended.
        """
        tail, run = self._backend.tail, record.run
        if tail is None or not await self._backend.events.history(run):
            return False
        # First, so that who has the same alarm does not find the history gone and removes the rest
        record = replace(record, expires=self._clock.now() + tail.seconds)
        await self._runs.save(record, revision)
        await self._backend.timers.set(run, RETENTION, record.expires)
        await self._backend.events.drop(run)
        return True

    async def forgets(self, record: RunRecord, published: Sequence[StoredEvent]) -> bool:
        """Whether a run whose record and history were that may be being removed by now.

        Its history goes first. Where that may be lost otherwise, its record says so before.
        """
        if self._backend.tail is not None:
            return record.expires > 0.0
        return not (published and await self._backend.events.history(record.run))

    async def due(self, record: RunRecord, timer: str) -> float | None:
        """When a run's timer is to go off, epoch seconds; None if there should be none."""
        plan = await self._stores.plan(record)
        if timer == RETENTION:
            over = record.status in TERMINAL
            return (record.expires or self._until(record, plan)) if over else None
        limit = None if plan is None else plan.workflow.timeout
        return None if limit is None else record.created_at + limit

    async def _set_timer(self, record: RunRecord, plan: Plan | None) -> None:
        """The plan may be missing if the record says how long it is to be kept."""
        await self._backend.timers.set(record.run, RETENTION, self._until(record, plan))

    def _until(self, record: RunRecord, plan: Plan | None) -> float:
        kept = None if plan is None else plan.workflow.retention
        kept = self._settings.retention if kept is None else kept
        until = record.expires or record.finished_at + kept
        # While the records are there they refuse the claims of step messages that workers still
        # have, and a worker rarely has one for longer than a lease; or that are there again, since
        # the power failed before their removal was flushed.
        tail = self._backend.tail
        least = max(self._settings.lease, 0.0 if tail is None else tail.seconds)
        return max(until, record.finished_at + least)
