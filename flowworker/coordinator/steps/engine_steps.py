"""Steps without a handler, which coordinators settle themselves: those that wait.

Such a step has a record as any other: RUNNING once it has begun, with the moment at which it wakes,
which is decided once and read from then on. It ends by compare-and-set of the record: when its
timer has gone off, at whichever coordinator, or when what it waits for is there. The record stands
where no worker may write.

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
from flowworker.core.records import ErrorInfo, StepRecord, shortened
from flowworker.core.status import Outcome
from flowworker.core.waiting import EARLY, GUARD
from flowworker.errors import Conflict, ExpressionError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.coordinator.expressions.terms import Terms
    from flowworker.coordinator.steps.child_steps import ChildSteps
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.coordinator.steps.taking import Taking
    from flowworker.core.effects import Answer, Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.records import RunRecord
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores

_ROUNDING = 1e-6
"""Seconds by which sums of times differ."""


class EngineSteps:
    """Begins and ends such steps."""

    def __init__(
        self,
        stores: Stores,
        terms: Terms,
        taking: Taking,
        refusals: Refusals,
        child_steps: ChildSteps,
        clock: Clock,
    ) -> None:
        """Write to the stores' records, and publish to the backend."""
        self._namespace = stores.backend.namespace
        self._stores = stores
        self._runs = stores.runs
        self._events = stores.backend.events
        self._timers = stores.backend.timers
        self._terms = terms
        self._taking = taking
        self._refusals = refusals
        self._child_steps = child_steps
        self._clock = clock

    async def begin(self, plan: Plan, state: RunState, wanted: Dispatch) -> None:
        """Begin an attempt, unless it has begun; see to it that it ends. May be repeated.

        Raises:
            Conflict: another coordinator does the same.
            Unavailable: what was read of it is stale.
        """
        if plan.step(wanted.step).has_child:
            await self._child_steps.begin(plan, state, wanted)
            return
        run, now = state.record, self._clock.now()
        found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
        record, revision = found or (None, 0)
        verdict = judge(wanted, record, revision, now)
        match verdict:
            case Stale():
                raise Unavailable(f"what was read of step {wanted.step!r} of {run.run} is stale")
            case Repair():
                await self._publish(run, verdict.record, verdict.revision)
            case Claim():
                if record is None or record.attempt != wanted.attempt:
                    try:
                        record = await self._begun(plan, state, wanted, now)
                    except (ExpressionError, InvalidInput) as error:
                        await self._refusals.refuse(plan, state, wanted, error)
                        return
                    revision = await self._runs.save_step(COORDINATOR, record, verdict.revision)
                    started = started_event(
                        self._namespace, run.workflow, run.version, record, revision
                    )
                    await self._send(run.run, started)
                await self._go_on(plan, state, run, record, revision)
            case _:  # it is past this attempt
                pass

    async def wake(self, run: RunRecord, step: str) -> bool:
        """The step's timer went off; nothing if it waits no more, or not yet.

        False if there is no record of it, or of its child, though a timer is set after that: what
        was read is stale, or the timer is that of an earlier run of this id.
        """
        plan = await self._stores.plan(run)
        if plan is None or not plan.knows(step):
            return True
        found = await self._runs.load_step(plan.step(step).keeper, run.run, step)
        if found is None:
            return False
        record, revision = found
        if record.outcome is Outcome.RUNNING and record.wakes_at - self._clock.now() > EARLY:
            # By the timer's clock it is time. Set to then it would go off at once, again and again.
            await self._clock.sleep(EARLY)
        if record.outcome is Outcome.RUNNING and plan.step(step).has_child:
            return await self._child_steps.wake(plan, run, record, revision)
        if record.outcome is Outcome.RUNNING:
            await self._go_on(plan, None, run, record, revision)
        else:
            await self._publish(run, record, revision)
        return True

    async def answer(self, state: RunState, wanted: Answer) -> None:
        """End an attempt that asks a human, unless it has ended. May be repeated.

        Raises:
            Unavailable: it has not begun yet, or what was read of it is stale.
        """
        run = state.record
        found = await self._runs.load_step(COORDINATOR, run.run, wanted.step)
        if found is None or found[0].attempt < wanted.attempt:
            raise Unavailable(f"step {wanted.step!r} of {run.run} has not asked yet")
        record, revision = found
        if record.outcome is not Outcome.RUNNING:
            await self._publish(run, record, revision)
            return
        said = {"actor": wanted.actor, "reason": wanted.reason}
        if wanted.approved:
            output = wanted.output or EMPTY
            await self._end(run, record, revision, outcome=Outcome.COMPLETED, output=output, **said)
        else:
            why = ErrorInfo("Rejected", _rejected_by(wanted), retryable=False)
            await self._end(run, record, revision, outcome=Outcome.FAILED, error=why, **said)
        await self._timers.clear(run.run, step_timer(record.step))

    async def _begun(self, plan: Plan, state: RunState, wanted: Dispatch, now: float) -> StepRecord:
        return StepRecord(
            state.record.run,
            wanted.step,
            **asdict(wanted.attempt),
            outcome=Outcome.RUNNING,
            started_at=now,
            wakes_at=await self._terms.wakes_at(plan, state, wanted.step, now),
            prompt=shortened(await self._terms.prompt(plan, state, wanted.step)),
        )

    async def _go_on(
        self,
        plan: Plan,
        state: RunState | None,
        run: RunRecord,
        record: StepRecord,
        revision: int,
    ) -> None:
        """End it if that is due, else see to it that it wakes.

        Without a state nothing is known of values, and no signal is judged.
        """
        try:
            signal = await self._taking.take(plan, state, run.run, record)
        except ExpressionError as error:
            why = ErrorInfo(type(error).__name__, shortened(str(error)), retryable=False)
            await self._end(run, record, revision, outcome=Outcome.FAILED, error=why)
            return
        if signal is not None:
            ended = await self._end(
                run,
                record,
                revision,
                outcome=Outcome.COMPLETED,
                output=signal.payload,
                signal=signal.id,
            )
            if ended.signal != signal.id:
                await self._taking.give_back(run, record, signal)
            await self._timers.clear(run.run, step_timer(record.step))
            return
        wakes_at = record.wakes_at or self._clock.now() + GUARD
        left = wakes_at - self._clock.now()
        if left > EARLY:
            await self._timers.set(run.run, step_timer(record.step), wakes_at)
            return
        while left > _ROUNDING:  # event loops wake up to a millisecond early
            await self._clock.sleep(left)
            left = wakes_at - self._clock.now()
        missing = _missing(plan.step(record.step))
        if not missing:
            await self._end(run, record, revision, outcome=Outcome.COMPLETED, output=EMPTY)
        else:
            late = ErrorInfo("Timeout", f"{missing} in time", retryable=False)
            await self._end(run, record, revision, outcome=Outcome.FAILED, error=late)

    async def _end(
        self, run: RunRecord, record: StepRecord, revision: int, **changes: Any
    ) -> StepRecord:
        """Write how the attempt ended, unless it has ended, and publish it: how it did end."""
        ended = replace(record, finished_at=self._clock.now(), **changes)
        try:
            revision = await self._runs.save_step(COORDINATOR, ended, revision)
        except Conflict:
            found = await self._runs.load_step(COORDINATOR, run.run, record.step)
            if found is None:  # the run is gone
                return ended
            ended, revision = found
        await self._publish(run, ended, revision)
        return ended

    async def _publish(self, run: RunRecord, record: StepRecord, revision: int) -> None:
        event = settled_event(self._namespace, run.workflow, run.version, record, revision)
        if event is not None:
            await self._send(run.run, event)

    async def _send(self, run: str, event: CloudEvent) -> None:
        await self._events.publish(run, event.type, encode(event), event.id)


def _missing(step: Step) -> str:
    """What did not happen if its time is over; empty if time is all that it waits for."""
    if step.wait_for is not None:
        return f"no signal {step.wait_for.signal!r} came"
    return "" if step.approval is None else "nobody answered"


def _rejected_by(answer: Answer) -> str:
    who = f"by {answer.actor}" if answer.actor else ""
    return ": ".join(part for part in (who, answer.reason) if part) or "rejected"
