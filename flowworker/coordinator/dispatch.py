"""An attempt that `decide` wants -> the step message that carries all it needs."""

from __future__ import annotations

__all__ = ["Dispatcher", "payload_room", "size_in_message"]

from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE, encode
from flowworker.codec.messages import StepInput, StepMessage, decode_step_message
from flowworker.core.ids import attempt_key, idempotency_key
from flowworker.core.payload import Inline
from flowworker.core.records import rank
from flowworker.core.status import Kind
from flowworker.errors import InvalidInput
from flowworker.ports import StepAddress

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.refusals import Refusals
    from flowworker.core.commands import Dispatch
    from flowworker.core.graph import Plan
    from flowworker.core.model import Step
    from flowworker.core.payload import Payload, Stored
    from flowworker.core.state import RunState
    from flowworker.ports import StepQueue
    from flowworker.settings import Settings
    from flowworker.stores.payloads import PayloadStore


_FRAME = 8192
"""Bytes of a message around its payloads."""
_AROUND = 64
"""Bytes of JSON around a payload."""
_REFERENCE = 128
"""Bytes of a reference to a payload, but for its key."""


class Dispatcher:
    """Enqueues attempts. Equal attempts have equal message ids, so twice is once."""

    def __init__(
        self,
        steps: StepQueue,
        payloads: PayloadStore,
        refusals: Refusals,
        settings: Settings,
        clock: Clock,
        max_body: int,
    ) -> None:
        """Enqueue to `steps`; an input that would not fit a message goes to `payloads`.

        An attempt that cannot be enqueued, because of what its run has put out, has failed.
        """
        self._steps = steps
        self._payloads = payloads
        self._refusals = refusals
        self._limit = payload_room(settings, max_body)
        self._clock = clock

    async def enqueue(self, plan: Plan, state: RunState, wanted: Dispatch, due: float) -> None:
        """Enqueue one attempt, not to be delivered before `due` (0: at once)."""
        await self._enqueue(plan, state, wanted, due, "")

    async def restore(self, plan: Plan, state: RunState, wanted: Dispatch) -> None:
        """Enqueue an attempt unless a message of it, or of a later one, is there.

        A message that knows less of workers which were lost does not count: only the new one can
        take over from them at once. Its id may be known, of a message that somebody has removed: so
        it gets a new one. Two messages do no harm, since an attempt is claimed once.
        """
        queued = await self._steps.queued(_address(plan, state, wanted))
        if not any(_covers(raw, wanted) for raw in queued):
            await self._enqueue(plan, state, wanted, wanted.due, f"/{self._clock.now():.3f}")

    async def _enqueue(
        self, plan: Plan, state: RunState, wanted: Dispatch, due: float, mark: str
    ) -> None:
        key = attempt_key(
            state.record.run, wanted.step, wanted.kind, wanted.turn, wanted.attempt, wanted.lost
        )
        address = _address(plan, state, wanted)
        try:
            message = _message(plan, state, wanted, await self._input(plan, state, wanted))
            await self._steps.enqueue(address, encode(message), key + mark, due)
        except InvalidInput as error:
            await self._refusals.refuse(plan, state, wanted, error)

    async def _input(self, plan: Plan, state: RunState, wanted: Dispatch) -> StepInput | Stored:
        merged = step_input(plan, state, wanted.step, with_own=wanted.kind is Kind.COMPENSATE)
        if sum(size_in_message(step, payload) for step, payload in merged.outputs) <= (
            self._limit - size_in_message("", merged.base)
        ):
            return merged
        name = f"{wanted.step}.input"
        return await self._payloads.store(state.record.run, name, encode(merged))


def _address(plan: Plan, state: RunState, wanted: Dispatch) -> StepAddress:
    record = state.record
    queue = plan.steps[wanted.step].queue
    return StepAddress(queue, record.priority, record.run, wanted.step)


def _covers(raw: bytes, wanted: Dispatch) -> bool:
    try:
        found = decode_step_message(raw)
    except UNREADABLE:
        return False  # whatever it is, no worker can do anything with it
    return _standing(wanted) <= _standing(found)


def _standing(asked: Dispatch | StepMessage) -> tuple[tuple[bool, int, bool, int], int, int]:
    return rank(asked.kind, asked.turn, asked.attempt), asked.revision, asked.lost


def step_input(plan: Plan, state: RunState, step: str, *, with_own: bool) -> StepInput:
    """What a step's input is merged from; a compensation also gets the step's own output."""
    sources = plan.ancestors(step)
    if with_own:
        sources = (*sources, step)
    outputs = tuple(
        (source, payload)
        for source in sources
        if (payload := state.steps[source].output) is not None
    )
    return StepInput(state.record.input, outputs)


def payload_room(settings: Settings, max_body: int) -> int:
    """Bytes that payloads may take in one message; beyond it they are kept elsewhere."""
    return min(settings.message_limit, max_body - _FRAME)


def size_in_message(name: str, payload: Payload) -> int:
    """Bytes that a payload under a name takes in a message, at most: a reference names both."""
    if isinstance(payload, Inline):
        return len(name) + len(memoryview(payload.data)) + _AROUND
    return len(name) + len(payload.key) + _AROUND + _REFERENCE


def _message(
    plan: Plan, state: RunState, wanted: Dispatch, merged: StepInput | Stored
) -> StepMessage:
    step = plan.steps[wanted.step]
    record = state.record
    timeout = plan.workflow.timeout
    compensating = wanted.kind is Kind.COMPENSATE
    at = state.steps[wanted.step]
    return StepMessage(
        run=record.run,
        workflow=record.workflow,
        version=record.version,
        step=wanted.step,
        uses=_handler(step, wanted.kind),
        kind=wanted.kind,
        turn=wanted.turn,
        attempt=wanted.attempt,
        input=merged,
        idempotency_key=idempotency_key(record.run, wanted.step, wanted.kind),
        queue=step.queue,
        priority=record.priority,
        revision=wanted.revision,
        lost=wanted.lost,
        timeout=_timeout(step, wanted.kind),
        deadline=0.0 if timeout is None or compensating else record.created_at + timeout,
        completed=at.completed if compensating else 0,
        output=at.output if compensating else None,
        trace=record.trace,
    )


def _handler(step: Step, kind: Kind) -> str:
    if kind is Kind.FALLBACK and step.fallback is not None:
        return step.fallback.uses
    if kind is Kind.COMPENSATE and step.saga is not None:
        return step.saga.uses
    return step.uses


def _timeout(step: Step, kind: Kind) -> float:
    if kind is Kind.COMPENSATE and step.saga is not None:
        return step.saga.timeout or 0.0
    return step.timeout or 0.0
