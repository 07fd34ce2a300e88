"""The end of a run: its result, then how long it is kept, then its removal without a trace."""

from __future__ import annotations

__all__ = ["RETENTION", "TIMEOUT", "Retention", "result_of"]

from typing import TYPE_CHECKING

from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION
from flowworker.codec.messages import Result, ResultStatus
from flowworker.core.payload import Inline
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.errors import FlowworkerError
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
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


class Retention:
    """What is left to do once a run's terminal state is durable."""

    def __init__(
        self,
        backend: Backend,
        runs: RunStore,
        definitions: DefinitionStore,
        payloads: PayloadStore,
        settings: Settings,
    ) -> None:
        """Act on all ports that hold something of a run."""
        self._backend = backend
        self._runs = runs
        self._definitions = definitions
        self._payloads = payloads
        self._settings = settings

    async def finish(self, plan: Plan, state: RunState) -> None:
        """Send the result, start the retention, drop what is queued. Idempotent."""
        record = state.record
        if record.reply_to:
            result = result_of(plan, state, self._settings.message_limit)
            await self._backend.notifier.publish(record.reply_to, encode(result))
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

    async def _set_timer(self, record: RunRecord, plan: Plan | None) -> None:
        """The plan may be missing if the record says how long it is to be kept."""
        kept = None if plan is None else plan.workflow.retention
        kept = self._settings.retention if kept is None else kept
        until = record.expires or record.finished_at + kept
        # While the records are there they refuse what a worker still has in hand of the run, and it
        # rarely has that for longer than a lease.
        until = max(until, record.finished_at + self._settings.lease)
        await self._backend.timers.set(record.run, RETENTION, until)

    async def remove(self, run: str, record: RunRecord | None) -> None:
        """Remove a finished run, or what is left of one without a record. Idempotent.

        The record goes last: a removal that was cut short is repeated by its timer.
        """
        await self._backend.steps.drop(run)
        await self._backend.timers.clear(run, TIMEOUT)  # a late repetition may have set it again
        await self._payloads.purge(run)
        await self._backend.events.drop(run)
        if record is not None:
            await self._runs.purge(record)


def result_of(plan: Plan, state: RunState, limit: int) -> Result:
    """How a run ended. Outputs of more than `limit` bytes in all are left to the step records."""
    record = state.record
    output: dict[str, Payload] = {}
    if record.status is RunStatus.COMPLETED:
        for step in plan.leaves:
            payload = state.steps[step].output
            if payload is not None:
                output[step] = payload
    size = sum(len(bytes(p.data)) if isinstance(p, Inline) else 256 for p in output.values())
    return Result(
        id=record.run,
        workflow=record.workflow,
        status=ResultStatus(record.status),
        output=output if size <= limit else {},
        partial=size > limit,
        error=record.error,
        failed_compensations=record.failed_compensations,
        needs_attention=record.needs_attention,
    )
