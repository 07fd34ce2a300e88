"""Fails an attempt that no worker can get: its message cannot be made, or would be refused.

Safety: the failure is written in place of the claim, by compare-and-set. If a worker has claimed
the attempt, from a message that was enqueued before, the attempt is that worker's.

Liveness: the refusal is published like any failure of an attempt, so the step's policy follows, and
the run comes to an end. To enqueue the attempt again would fail again.
"""

from __future__ import annotations

__all__ = ["Refusals"]

from typing import TYPE_CHECKING

from flowworker.codec.cloudevents import settled_event
from flowworker.codec.json import encode
from flowworker.core.claim import Claim, GiveUp, Repair, Stale, first_try, judge, refused
from flowworker.core.records import ErrorInfo, shortened
from flowworker.errors import Conflict, Unavailable
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.claim import Verdict
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.records import StepRecord
    from flowworker.core.state import RunState
    from flowworker.errors import FlowworkerError
    from flowworker.stores.stores import Stores


class Refusals:
    """Writes and publishes that an attempt failed before a worker got it."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._namespace = stores.backend.namespace
        self._runs = stores.runs
        self._events = stores.backend.events
        self._clock = clock

    async def refuse(
        self, plan: Plan, state: RunState, wanted: Dispatch, why: FlowworkerError | ErrorInfo
    ) -> None:
        """End the attempt as failed, for good, unless a worker has claimed it or it has ended."""
        run, queue = state.record, plan.step(wanted.step).keeper
        error = why
        if not isinstance(error, ErrorInfo):
            error = ErrorInfo(type(why).__name__, shortened(str(why)), retryable=False)
        verdict: Verdict = first_try(wanted)
        while isinstance(verdict, Claim | GiveUp):
            at, now = state.steps[wanted.step], self._clock.now()
            record = refused(run.run, wanted, verdict, at, error, now)
            try:
                revision = await self._runs.save_step(queue, record, verdict.revision)
            except Conflict:
                found = await self._runs.load_step(queue, run.run, wanted.step)
                before, revision = found or (None, 0)
                verdict = judge(wanted, before, revision, now)
            else:
                get_logger().warning(
                    "attempt refused", run=run.run, step=wanted.step, error=str(error)
                )
                verdict = Repair(record, revision)
        if isinstance(verdict, Stale):
            raise Unavailable(f"what was read of step {wanted.step!r} of {run.run} is stale")
        if isinstance(verdict, Repair):
            await self._publish(state, verdict.record, verdict.revision)

    async def _publish(self, state: RunState, record: StepRecord, revision: int) -> None:
        run = state.record
        event = settled_event(self._namespace, run.workflow, run.version, record, revision)
        if event is not None:
            await self._events.publish(run.run, event.type, encode(event), event.id)
