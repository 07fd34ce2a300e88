"""Fails an attempt that no worker can get: its message cannot be made, or would be refused.

Safety: the failure is written in place of the claim, by compare-and-set. If a worker has claimed
the attempt, from a message that was enqueued before, the attempt is that worker's.

Liveness: the refusal is published like any failure of an attempt, so the step's policy follows, and
the run comes to an end. To enqueue the attempt again would fail again.
"""

from __future__ import annotations

__all__ = ["Refusals"]

from typing import TYPE_CHECKING

from flowworker.codec.messages import decode_step_message
from flowworker.coordinator.steps.attempts import Attempts, final
from flowworker.core.claim import refused
from flowworker.core.records import ErrorInfo
from flowworker.core.state import StepState
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.claim import Claim, GiveUp
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.core.state import RunState
    from flowworker.errors import FlowworkerError
    from flowworker.stores.stores import Stores


class Refusals:
    """Writes and publishes that an attempt failed before a worker got it."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._attempts = Attempts(stores, clock)
        self._runs = stores.runs
        self._secrets = stores.secrets
        self._clock = clock

    async def refuse(
        self, plan: Plan, state: RunState, wanted: Dispatch, why: FlowworkerError | ErrorInfo
    ) -> None:
        """End the attempt as failed, for good, unless a worker has claimed it or it has ended."""
        at, keeper = state.steps[wanted.step], plan.step(wanted.step).keeper
        await self._refuse(keeper, state.record, wanted, at, why)

    async def refuse_message(self, raw: bytes, why: FlowworkerError) -> None:
        """The same of an attempt that has waited and can't be enqueued, by its message."""
        message = decode_step_message(raw)
        found = await self._runs.load(message.run)
        if found is None:
            return
        at = StepState(output=message.output, completed=message.completed)
        await self._refuse(message.queue, found[0], message.wanted(), at, why)

    async def _refuse(
        self,
        keeper: str,
        run: RunRecord,
        wanted: Dispatch,
        at: StepState,
        why: FlowworkerError | ErrorInfo,
    ) -> None:
        error = why if isinstance(why, ErrorInfo) else await final(why, run, self._secrets)

        def failed(claim: Claim | GiveUp) -> StepRecord:
            return refused(run.run, wanted, claim, at, error, self._clock.now())

        if await self._attempts.end(keeper, run, wanted, failed):
            get_logger().warning("attempt refused", run=run.run, step=wanted.step, error=str(error))
