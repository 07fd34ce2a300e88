"""Sees to it that an attempt ends, so that a run can stop.

Safety: an attempt has ended only when its record says so, and the record is changed by
compare-and-set. If no worker has claimed the attempt, CANCELLED is written in place of the claim,
and any later claim fails on that. If one has, the worker is asked to stop; the record is
taken from it only when its lease ran out, or at once if the run is terminated: its result is
refused then.

Liveness: every path ends with an event of the step that is durable: the worker's own, or the one
published here. A lost request is repeated until then, and a lost fence by recovery.
"""

from __future__ import annotations

__all__ = ["Fences"]

import asyncio
from typing import TYPE_CHECKING, assert_never

from flowworker.codec.json import encode
from flowworker.codec.messages import CancelNotice
from flowworker.codec.subjects import cancel_subject
from flowworker.coordinator.steps.attempts import Attempts, stale
from flowworker.core.claim import Busy, Drop, Repair, Revoke, Stale, judge_fence
from flowworker.core.status import Kind, Outcome
from flowworker.errors import Conflict, FlowworkerError
from flowworker.tasks import cancel_all
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.steps.child_steps import ChildSteps
    from flowworker.core.effects import Fence
    from flowworker.core.graph import Plan
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores

_MARGIN = 1.0
"""Seconds that a lease must be over before it is taken from a silent worker: clocks differ."""


class Fences:
    """Fences attempts off, as `core` wants it."""

    def __init__(self, stores: Stores, child_steps: ChildSteps, clock: Clock) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._child_steps = child_steps
        self._namespace = stores.backend.namespace
        self._runs = stores.runs
        self._attempts = Attempts(stores, clock)
        self._notifier = stores.backend.notifier
        self._clock = clock
        self._pause = stores.settings.lease / 3
        self._waiting: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def fence(self, plan: Plan, state: RunState, wanted: Fence) -> None:
        """End the attempt now if no worker runs it; else ask its worker, and keep asking."""
        if await self._try(plan, state, wanted):
            return
        key = (state.record.run, wanted.step)
        if key not in self._waiting:
            task = asyncio.create_task(self._insist(plan, state, wanted))
            self._waiting[key] = task
            task.add_done_callback(lambda _: self._waiting.pop(key, None))

    async def stop(self) -> None:
        """Ask no more."""
        await cancel_all(self._waiting.values())

    async def _insist(self, plan: Plan, state: RunState, wanted: Fence) -> None:
        while True:
            await self._clock.sleep(self._pause)
            try:
                if await self._try(plan, state, wanted):
                    return
            except FlowworkerError as error:
                get_logger().warning(
                    "fence: will try again", run=state.record.run, error=str(error)
                )
            except Exception:  # noqa: BLE001 - a defect must not end it, nor be silent
                get_logger().exception("fence: will try again", run=state.record.run)

    async def _try(self, plan: Plan, state: RunState, wanted: Fence) -> bool:
        """Whether the attempt has ended and its event is published."""
        run = state.record.run
        queue = plan.step(wanted.step).keeper
        while True:
            found = await self._runs.load_step(queue, run, wanted.step)
            record, revision = found or (None, 0)
            verdict = judge_fence(run, wanted, record, revision, self._clock.now() - _MARGIN)
            if isinstance(verdict, Drop):
                return True
            if isinstance(verdict, Stale):
                raise stale(run, wanted.step)
            if record is not None and record.outcome is Outcome.RUNNING:
                if record.child and record.kind is not Kind.COMPENSATE:
                    return await self._child_steps.fence(plan, state, record, revision)
                await self._ask(run, wanted.step)
            match verdict:
                case Busy():
                    return False
                case Repair():
                    await self._attempts.settled(state.record, verdict.record, verdict.revision)
                    return True
                case Revoke():
                    try:
                        revision = await self._runs.save_step(
                            queue, verdict.record, verdict.revision
                        )
                    except Conflict:
                        continue
                    await self._attempts.settled(state.record, verdict.record, revision)
                    return True
                case _:
                    assert_never(verdict)

    async def _ask(self, run: str, step: str) -> None:
        """Ask the worker to stop its handler; the request may be lost."""
        await self._notifier.publish(
            cancel_subject(self._namespace, run), encode(CancelNotice(step))
        )
