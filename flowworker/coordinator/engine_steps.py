"""Steps without a handler, which coordinators settle themselves: those that wait for a moment.

Such a step has a record as any other: RUNNING once it has begun, with the moment at which it wakes,
which is decided once and read from then on. Its timer goes off then, at whichever coordinator, and
the record ends by compare-and-set. It stands where no worker may write.

Safety: begin and end are writes over a known revision, so that of all coordinators one succeeds;
the others find what it wrote. A fence competes for the same record.

Liveness: a step that has begun has a timer, and each look at it (a dispatch that is repeated, a
timer that goes off early) sets it again. It counts as a message of the step, so recovery finds a
run whose timer is lost as it finds one whose step messages are.
"""

from __future__ import annotations

__all__ = ["EngineSteps"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from flowworker.codec.cloudevents import settled_event, started_event
from flowworker.codec.json import encode
from flowworker.codec.keys import step_timer
from flowworker.core.claim import Claim, Repair, Stale, judge
from flowworker.core.ids import COORDINATOR
from flowworker.core.payload import EMPTY
from flowworker.core.records import StepRecord
from flowworker.core.status import Outcome
from flowworker.definitions.duration import parse_duration
from flowworker.definitions.moment import parse_moment
from flowworker.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.refusals import Refusals
    from flowworker.core.effects import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores

_EARLY = 1.0
"""Seconds by which a timer may go off early: the rest is waited for in process."""


class EngineSteps:
    """Begins and ends such steps."""

    def __init__(self, stores: Stores, refusals: Refusals, clock: Clock) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._namespace = stores.backend.namespace
        self._runs = stores.runs
        self._events = stores.backend.events
        self._timers = stores.backend.timers
        self._refusals = refusals
        self._clock = clock

    async def begin(self, plan: Plan, state: RunState, wanted: Dispatch) -> None:
        """Begin an attempt, unless it has begun; see to it that it wakes. May be repeated.

        Raises:
            Conflict: another coordinator does the same.
            Unavailable: what was read of it is stale.
        """
        run, step, now = state.record, plan.steps[wanted.step], self._clock.now()
        found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
        record, revision = found or (None, 0)
        verdict = judge(wanted, record, revision, now)
        match verdict:
            case Stale():
                raise Unavailable(f"what was read of step {step.id!r} of {run.run} is stale")
            case Repair():
                await self._publish(run, verdict.record, verdict.revision)
            case Claim():
                if record is None or record.attempt != wanted.attempt:
                    try:
                        wakes_at = _wakes_at(step, now)
                    except InvalidInput as error:
                        await self._refusals.refuse(plan, state, wanted, error)
                        return
                    record = StepRecord(
                        run.run,
                        step.id,
                        **asdict(wanted.attempt),
                        outcome=Outcome.RUNNING,
                        started_at=now,
                        wakes_at=wakes_at,
                    )
                    revision = await self._runs.save_step(COORDINATOR, record, verdict.revision)
                    started = started_event(
                        self._namespace, run.workflow, run.version, record, revision
                    )
                    await self._send(run.run, started)
                await self._go_on(run, record, revision)
            case _:  # it is past this attempt
                pass

    async def wake(self, run: RunRecord, step: str) -> None:
        """The step's timer went off; nothing if it waits no more, or not yet."""
        found = await self._runs.load_step(COORDINATOR, run.run, step)
        if found is None or not found[0].wakes_at:
            return
        record, revision = found
        if record.outcome is Outcome.RUNNING:
            await self._go_on(run, record, revision)
        else:
            await self._publish(run, record, revision)

    async def _go_on(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        left = record.wakes_at - self._clock.now()
        if left > _EARLY:
            await self._timers.set(run.run, step_timer(record.step), record.wakes_at)
            return
        if left > 0:
            await self._clock.sleep(left)
        await self._end(run, record, revision, outcome=Outcome.COMPLETED, output=EMPTY)

    async def _end(self, run: RunRecord, record: StepRecord, revision: int, **changes: Any) -> None:
        """Write how the attempt ended, unless it has ended, and publish it."""
        ended = replace(record, finished_at=self._clock.now(), **changes)
        try:
            revision = await self._runs.save_step(COORDINATOR, ended, revision)
        except Conflict:
            found = await self._runs.load_step(COORDINATOR, run.run, record.step)
            if found is None:  # the run is gone
                return
            ended, revision = found
        await self._publish(run, ended, revision)

    async def _publish(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        event = settled_event(self._namespace, run.workflow, run.version, record, revision)
        if event is not None:
            await self._send(run.run, event)

    async def _send(self, run: str, event: CloudEvent) -> None:
        await self._events.publish(run, event.type, encode(event), event.id)


def _wakes_at(step: Step, now: float) -> float:
    """The moment for which a step waits that begins now."""
    if step.until is not None:
        return parse_moment(step.until)
    return now + parse_duration(step.sleep or 0.0)
