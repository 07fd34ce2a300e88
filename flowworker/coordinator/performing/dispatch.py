"""An attempt that `decide` wants -> the step message that carries all it needs."""

from __future__ import annotations

__all__ = ["Dispatcher"]

from typing import TYPE_CHECKING

from msgspec import Raw
from msgspec.structs import replace

from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.limits import Waiting
from flowworker.codec.messages import StepInput, StepMessage, decode_step_message
from flowworker.codec.trace import attempt_span, parse_trace
from flowworker.core.ids import attempt_key, defined_id, idempotency_key
from flowworker.core.lane import lane_of, lanes_of
from flowworker.core.payload import EMPTY
from flowworker.core.status import Kind
from flowworker.errors import ExpressionError, InvalidInput
from flowworker.ports import StepAddress

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.limits.slots import Slots
    from flowworker.coordinator.performing.given import Given
    from flowworker.coordinator.performing.outputs import Outputs
    from flowworker.coordinator.steps.engine_steps import EngineSteps
    from flowworker.coordinator.steps.refusals import Refusals
    from flowworker.core.attempt import Attempt
    from flowworker.core.call import Call
    from flowworker.core.effects import Dispatch, Withdraw
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.state import RunState
    from flowworker.core.status import Priority
    from flowworker.evaluation.terms import Terms
    from flowworker.ports import StepQueue
    from flowworker.telemetry.tracing import Tracing


_MOST_LINKS = 128
"""As many as a span has by default."""


class Dispatcher:
    """Enqueues attempts. Equal attempts have equal message ids, so twice is once."""

    def __init__(
        self,
        steps: StepQueue,
        outputs: Outputs,
        given: Given,
        terms: Terms,
        refusals: Refusals,
        engine_steps: EngineSteps,
        slots: Slots,
        clock: Clock,
        tracing: Tracing,
    ) -> None:
        """Enqueue to `steps`, with what `given`, or else `outputs`, says that a step is given.

        An attempt that cannot be enqueued, because of what its run has put out, has failed. Those
        of `engine_steps` begin where others are enqueued. Where steps have limits, `slots` enqueue.
        """
        self._steps = steps
        self._outputs = outputs
        self._given = given
        self._terms = terms
        self._refusals = refusals
        self._engine_steps = engine_steps
        self._slots = slots
        self._clock = clock
        self._follows = tracing.on

    async def enqueue(
        self, plan: Plan, state: RunState, wanted: Dispatch, due: float, mark: str = ""
    ) -> None:
        """Enqueue one attempt, not to be delivered before `due` (0: at once).

        With a `mark` its message has an id of its own.
        """
        step = plan.step(wanted.step)
        if _is_own(step, wanted):
            await self._engine_steps.begin(plan, state, wanted)
            return
        key = attempt_key(state.record.run, wanted.step, wanted.attempt, wanted.lost)
        try:
            call = plan.call(wanted.step, wanted.attempt.kind)
            priority = await self._priority(plan, state, wanted.step, step)
            if step.fairness is None:  # else nobody has more of the lane than its share
                priority = lane_of(priority, wanted.step, len(state.inflight))
            address = StepAddress(step.queue, priority, state.record.run, wanted.step)
            timeout = call.timeout
            if isinstance(timeout, str):
                timeout = await self._terms.timeout(plan, state, wanted)
            given = await self._input(plan, state, wanted, call)
            message = _message(plan, state, wanted, call, address, given, timeout)
            if call.intervals:
                intervals = await self._terms.intervals(plan, state, wanted)
                message = replace(message, intervals=intervals)
            if self._follows:
                message = replace(message, follows=_followed(plan, state, wanted))
            data, identity = encode(message), key + mark
            uses = await self._terms.limits(plan, state, wanted.step) if plan.limited else ()
            if uses:
                where = (address.queue, address.priority, uses, identity, Raw(data))
                entry = Waiting(message.run, message.step, wanted.attempt, *where)
                await self._slots.take(entry, due, again=bool(mark))
            else:
                await self._steps.enqueue(address, data, identity, due)
        except (InvalidInput, ExpressionError) as error:
            await self._refusals.refuse(plan, state, wanted, error)

    async def restore(self, plan: Plan, state: RunState, wanted: Dispatch) -> None:
        """Enqueue an attempt unless a message of it, or of a later one, is there.

        A message that knows less of workers which were lost does not count: only the new one can
        take over from them at once. It gets an id of its own, since the server may know the id
        of a message that was removed. Two messages do no harm: only one is claimed.
        """
        step = plan.step(wanted.step)
        if _is_own(step, wanted):
            await self._engine_steps.begin(plan, state, wanted)
            return
        try:
            priority = await self._priority(plan, state, wanted.step, step)
        except ExpressionError as error:
            await self._refusals.refuse(plan, state, wanted, error)
            return
        if not await self._is_queued(plan, state, wanted, priority):
            # And the revision: an earlier one may have been withdrawn within the same millisecond
            mark = f"/{self._clock.now():.3f}{state.revision}"
            await self.enqueue(plan, state, wanted, wanted.due, mark)

    async def _is_queued(
        self, plan: Plan, state: RunState, wanted: Dispatch, priority: Priority
    ) -> bool:
        """In whichever lane: more or less of the run may have been in flight at the time."""
        queue = plan.step(wanted.step).queue
        for lane in lanes_of(priority):
            address = StepAddress(queue, lane, state.record.run, wanted.step)
            if any(_covers(raw, wanted) for raw in await self._steps.queued(address)):
                return True
        return False

    async def withdraw(self, plan: Plan, state: RunState, wanted: Withdraw) -> None:
        """Take back what nobody has claimed. May be repeated."""
        if plan.limited:
            await self._slots.forget(state.record.run)
        await self._steps.withdraw(state.record.run, wanted.delayed)

    async def forget(self, plan: Plan, state: RunState) -> None:
        """The run has ended: forget what waits of it, and what is in memory for its messages."""
        if plan.limited:
            await self._slots.forget(state.record.run)
        self._outputs.forget(state)

    async def _priority(self, plan: Plan, state: RunState, name: str, step: Step) -> Priority:
        if step.priority is None:
            return state.record.priority
        return await self._terms.priority(plan, state, name)

    async def _input(self, plan: Plan, state: RunState, wanted: Dispatch, call: Call) -> StepInput:
        if call.with_ is not None:
            given = await self._given.to(plan, state, wanted)
            return StepInput(EMPTY, given=given)
        undo = wanted.attempt.kind is Kind.COMPENSATE
        return await self._outputs.of(plan, state, wanted.step, with_own=undo)


def _is_own(step: Step, wanted: Dispatch) -> bool:
    """Whether coordinators make the attempt themselves: they have no fallback and no saga."""
    return wanted.attempt.kind is Kind.RUN and not step.uses


def _covers(raw: bytes, wanted: Dispatch) -> bool:
    try:
        found = decode_step_message(raw)
    except UNREADABLE:
        return False  # whatever it is, no worker can do anything with it
    return _standing(wanted) <= _standing(found)


def _standing(asked: Dispatch | StepMessage) -> tuple[Attempt, int, int]:
    return asked.attempt, asked.revision, asked.lost


def _message(
    plan: Plan,
    state: RunState,
    wanted: Dispatch,
    call: Call,
    address: StepAddress,
    given: StepInput,
    timeout: float,
) -> StepMessage:
    record = state.record
    limit = plan.workflow.timeout
    attempt = wanted.attempt
    kind = attempt.kind
    compensating = kind is Kind.COMPENSATE
    untimed = compensating or plan.closes(wanted.step)
    at = state.steps[wanted.step]
    return StepMessage(
        run=record.run,
        workflow=record.workflow,
        version=record.version,
        step=wanted.step,
        uses=call.uses,
        kind=kind,
        turn=attempt.turn,
        number=attempt.number,
        iteration=attempt.iteration,
        input=given,
        v=1 if given.given is None and not attempt.iteration else 2,
        idempotency_key=idempotency_key(record.run, wanted.step, kind, attempt.iteration),
        queue=address.queue,
        priority=address.priority,
        revision=wanted.revision,
        lost=wanted.lost,
        timeout=timeout,
        deadline=0.0 if limit is None or untimed else record.created_at + limit,
        completed=at.completed if compensating else 0,
        output=at.output if compensating else None,
        trace=record.trace,
        trace_state=record.trace_state,
        since=at.since if call.asks_for_time else None,
        spent=at.spent,
        secrets=record.secrets,
    )


def _followed(plan: Plan, state: RunState, wanted: Dispatch) -> tuple[str, ...]:
    """The spans of the attempts that completed the steps before; none for a retry."""
    record, attempt = state.record, wanted.attempt
    trace = parse_trace(record.trace)
    if trace is None or attempt.kind is Kind.COMPENSATE or attempt.number > 1:
        return ()
    before = plan.steps[defined_id(wanted.step)].depends_on[:_MOST_LINKS]
    return tuple(
        attempt_span(trace.trace_id, record.run, step, state.steps[step].attempt)
        for step in before
        # else it was skipped, or made by hand, or no worker's
        if state.steps[step].attempt.number and plan.step(step).uses
    )
