"""The end of a run: its result, then how long it is kept, then its removal without a trace."""

from __future__ import annotations

__all__ = ["RETENTION", "TIMEOUT", "Retention", "brief_result", "result_of"]

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION
from flowworker.codec.messages import Result, ResultStatus
from flowworker.coordinator.outputs import size_in_message
from flowworker.coordinator.requests import sequence_of
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import (
    DefinitionError,
    FlowworkerError,
    InvalidInput,
    Unavailable,
    WorkflowNotFound,
)
from flowworker.settings import FRAME
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.ports import Backend
    from flowworker.settings import Settings
    from flowworker.stores.definitions import DefinitionStore
    from flowworker.stores.payloads import PayloadStore
    from flowworker.stores.runs import RunStore

TIMEOUT = "timeout"
"""Name of the timer of a workflow's timeout."""

_LARGEST_RESULT = 256 * 1024
"""Bytes of outputs that a result carries."""

_REMOVAL = 5.0
"""Seconds within which a run is removed: well below the time after which somebody else does it."""


class Retention:
    """What is left to do once a run's terminal state is durable."""

    def __init__(
        self,
        backend: Backend,
        runs: RunStore,
        definitions: DefinitionStore,
        payloads: PayloadStore,
        settings: Settings,
        clock: Clock,
    ) -> None:
        """Act on all ports that hold something of a run."""
        self._backend = backend
        self._runs = runs
        self._definitions = definitions
        self._payloads = payloads
        self._settings = settings
        self._clock = clock

    async def finish(self, plan: Plan, state: RunState) -> None:
        """Send the result, start the retention, drop what is queued. Idempotent."""
        record = state.record
        if record.reply_to:
            limit = min(_LARGEST_RESULT, self._backend.max_body - FRAME)
            result = result_of(plan, state, limit)
            try:
                await self._backend.notifier.publish(record.reply_to, encode(result))
            except InvalidInput as error:  # nobody can be told there, now or later
                get_logger().warning("result not sent", run=record.run, error=str(error))
        if plan.workflow.timeout is not None:
            await self._backend.timers.clear(record.run, TIMEOUT)
        if record.status is not RunStatus.COMPLETED:
            await self._backend.steps.drop(record.run)
        await self._set_timer(record, plan)

    async def restore(self) -> None:
        """Set what timers finished runs have lost, as when the steps stream was purged."""
        timed = set(await self._backend.timers.runs(RETENTION))
        for status in sorted(TERMINAL):
            for _, run in await self._runs.list(status):
                if run not in timed:
                    await self._restore(run)

    async def _restore(self, run: str) -> None:
        try:
            found = await self._runs.load(run)
            if found is None or found[0].status not in TERMINAL:
                return  # it has just been removed
            record = found[0]
            if not (record.expires or record.definition):
                return  # a checkpoint of somebody who has not said how long it is to be kept
            plan = None if record.expires else await self._definitions.by_hash(record.definition)
            await self._set_timer(record, plan)
            get_logger().info("a finished run has its retention again", run=run)
        except FlowworkerError as error:
            get_logger().warning("retention not restored", run=run, error=str(error))

    async def due(self, record: RunRecord, timer: str) -> float | None:
        """When a run's timer is to go off, epoch seconds; None if there should be none."""
        plan = None
        if record.definition:
            with suppress(WorkflowNotFound, DefinitionError):
                plan = await self._definitions.by_hash(record.definition)
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
        # While the records are there they refuse what a worker still has in hand of the run, and it
        # rarely has that for longer than a lease.
        return max(until, record.finished_at + self._settings.lease)

    async def remove(self, run: str, record: RunRecord | None) -> None:
        """Remove a finished run, or what is left of one without a record. Idempotent.

        The record goes last: a removal that was cut short is repeated by its timer. Whoever stood
        still meanwhile stops, because somebody else may have removed it, and the id be used again.

        Raises:
            Unavailable: it took too long, or its start message would begin it again, because
                nobody has been able to acknowledge that.
        """
        if record is not None and await self._would_begin_again(record):
            raise Unavailable(f"the start message of run {run} is not acknowledged yet")
        until = self._clock.monotonic() + _REMOVAL
        removals = [
            partial(self._backend.steps.drop, run),
            partial(self._backend.timers.clear, run, TIMEOUT),  # a late repetition may have set it
            partial(self._payloads.purge, run),
            partial(self._backend.events.drop, run),
        ]
        if record is not None:
            removals.append(partial(self._runs.purge, record))
        for removal in removals:
            if self._clock.monotonic() > until:
                raise Unavailable(f"the removal of run {run} took too long")
            await removal()

    async def _would_begin_again(self, record: RunRecord) -> bool:
        sequence = sequence_of(record.origin)
        start = await self._backend.commands.waiting(sequence - 1) if sequence else None
        return start is not None and start.sequence == sequence


def result_of(plan: Plan, state: RunState, limit: int) -> Result:
    """How a run ended. Outputs of more than `limit` bytes in all are left to the step records."""
    record = state.record
    output: dict[str, Payload] = {}
    if record.status is RunStatus.COMPLETED:
        for step in plan.leaves:
            payload = state.steps[step].output
            if payload is not None:
                output[step] = payload
    size = sum(size_in_message(step, payload) for step, payload in output.items())
    return _result(record, output if size <= limit else {}, partial=size > limit)


def brief_result(record: RunRecord) -> Result:
    """How a run ended, for somebody who asks late: outputs are left to the step records."""
    return _result(record, {}, partial=record.status is RunStatus.COMPLETED)


def _result(record: RunRecord, output: dict[str, Payload], *, partial: bool) -> Result:
    return Result(
        id=record.run,
        workflow=record.workflow,
        status=ResultStatus(record.status),
        output=output,
        partial=partial,
        error=record.error,
        failed_compensations=record.failed_compensations,
        needs_attention=record.needs_attention,
    )
