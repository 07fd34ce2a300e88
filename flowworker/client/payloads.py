"""Inputs and outputs of a run and its steps, for people to look at, who see no secrets unasked.

What a step is given is not recorded by itself: it follows from what is, and is made again here by
the rules by which coordinators and workers made it.
"""

from __future__ import annotations

__all__ = ["PayloadView", "Payloads"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowworker.client.hiding import Hiding
from flowworker.codec.inputs import merged
from flowworker.codec.json import decode_value, encode
from flowworker.core.graph import positions
from flowworker.core.ids import shown_id
from flowworker.core.payload import Inline
from flowworker.core.status import Kind
from flowworker.errors import CorruptRecord, ExpressionError, InvalidInput, PayloadKeyMissing
from flowworker.evaluation.evaluation import Evaluation
from flowworker.evaluation.values import Values
from flowworker.stores.sealing import INPUT, RESULT, items_place, output_places

if TYPE_CHECKING:
    from flowworker.client.looking import Look
    from flowworker.client.step_history import StepHistory
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.state import RunState
    from flowworker.stores.stores import Stores


@dataclass(frozen=True, slots=True)
class PayloadView:
    """An input or an output.

    Attributes:
        size: bytes of its JSON, more if they are sealed.
        value: the value; None also for one that is not shown.
        shown: whether the value is here: larger ones are not, nor those of which a `problem` says
            why they cannot be read.
    """

    size: int
    value: Any = None
    shown: bool = False
    problem: str = ""


class Payloads:
    """Reads the payloads of what a look at a run has found."""

    def __init__(self, stores: Stores) -> None:
        self._runs = stores.runs
        self._payloads = stores.payloads
        self._limit = stores.settings.inline_limit
        room = stores.settings.payload_limit
        self._evaluation = Evaluation(Values(stores.payloads, room))
        self._hiding = Hiding(stores)

    async def input_of_run(self, look: Look) -> bytes:
        """What the run was started with, as JSON."""
        data = await self._payloads.load(look.record.input, look.record.run, INPUT)
        return look.hider.json(data, is_input=True)

    async def input_of(self, look: Look, step: str) -> bytes:
        """What the latest attempt of a step is given, or was, as JSON; of a loop its items.

        Raises:
            InvalidInput: there is no such step, it has not begun, or is given nothing.
            ExpressionError: what it is given cannot be evaluated, so that its attempt failed.
            CorruptRecord, PayloadKeyMissing: something cannot be read.
        """
        return look.hider.json(await self._input_of(look, step))

    async def _input_of(self, look: Look, step: str) -> bytes:
        plan, state = look.of_step(step)
        run, at = look.record.run, state.steps[step]
        if step in state.loops:
            return await self._payloads.load(state.loops[step].items, run, items_place(step))
        if at.attempt.number == 0:
            raise InvalidInput(f"step {shown_id(step)!r} of run {run} has not begun")
        kind = at.attempt.kind
        if kind is Kind.RUN and (child := await self._input_of_child(look, step)) is not None:
            return child
        value = await self._evaluation.given(plan, state, step, kind)
        if value is None:
            if kind is Kind.RUN and not plan.step(step).uses:
                raise InvalidInput(f"step {shown_id(step)!r} is given nothing: it has no handler")
            value = await self._merged(plan, state, step, kind)
        return encode(value)

    async def _input_of_child(self, look: Look, step: str) -> bytes | None:
        """What the run that a step is was started with, defaults included."""
        record = look.steps[step][0] if step in look.steps else None
        if record is None or not record.child:
            return None
        found = await self._runs.load(record.child)
        if found is None:
            return None
        data = await self._payloads.load(found[0].input, record.child, INPUT)
        if look.reveals:
            return data
        return (await self._hiding.of(found[0])).json(data, is_input=True)

    async def _merged(self, plan: Plan, state: RunState, step: str, kind: Kind) -> Any:
        steps = plan.before(step)
        if kind is Kind.COMPENSATE:
            steps |= 1 << plan.position(step)
        run = state.record.run
        base = decode_value(INPUT, await self._payloads.load(state.record.input, run, INPUT))
        outputs = []
        for name in (plan.order[position] for position in positions(steps)):
            if (payload := state.steps[name].output) is not None:
                raw = await self._payloads.load(payload, run, *output_places(name))
                outputs.append((name, decode_value(name, raw)))
        return merged(run, base, outputs)

    async def output_of(
        self, look: Look, step: str, history: StepHistory, iteration: int = 0
    ) -> bytes:
        """What a step has put out, as JSON; or what its iteration of that number has.

        Raises:
            InvalidInput: there is no such step, or it has put out nothing.
            CorruptRecord, PayloadKeyMissing: it cannot be read.
        """
        _, state = look.of_step(step)
        payload = state.steps[step].output
        what = f"step {shown_id(step)!r} of run {look.record.run}"
        if iteration:
            payload = history.outputs.get((step, iteration))
            what = f"iteration {iteration} of {what}"
        if payload is None:
            raise InvalidInput(f"{what} has put out nothing: it is {state.steps[step].status}")
        data = await self._payloads.load(payload, look.record.run, *output_places(step))
        return look.hider.json(data)

    # For views

    async def view_of_input(self, look: Look) -> PayloadView:
        """The run's input."""
        return await self._view(look, look.record.input, INPUT)

    async def view_of_output(self, look: Look) -> PayloadView | None:
        """What the run results in, if its definition says what that is."""
        output = look.record.output
        return None if output is None else await self._view(look, output, RESULT)

    async def view_of_step_output(self, look: Look, step: str) -> PayloadView | None:
        """What a step has put out, if anything."""
        state = None if look.known is None else look.known[1].steps.get(step)
        if state is None or state.output is None:
            return None
        return await self._view(look, state.output, *output_places(step))

    async def view_of_step_input(
        self, look: Look, step: str, *, merged: bool = True
    ) -> PayloadView | None:
        """What a step is given, if anything; what is `merged`, as that is, only if asked for."""
        if look.known is None:
            return None
        plan, state = look.known
        try:
            if not merged and self._is_merged(plan, state, step):
                return None
            return self._shown(await self.input_of(look, step))
        except InvalidInput:
            return None
        except (CorruptRecord, ExpressionError, PayloadKeyMissing) as error:
            return PayloadView(0, problem=look.hider.text(str(error)))

    def _is_merged(self, plan: Plan, state: RunState, step: str) -> bool:
        is_own = step in state.loops or plan.step(step).has_child
        return not is_own and plan.call(step, state.steps[step].attempt.kind).with_ is None

    async def _view(self, look: Look, payload: Payload, *places: str) -> PayloadView:
        size = len(memoryview(payload.data)) if isinstance(payload, Inline) else payload.size
        if size > self._limit and not isinstance(payload, Inline):
            return PayloadView(size)
        try:
            data = await self._payloads.load(payload, look.record.run, *places)
        except (CorruptRecord, PayloadKeyMissing) as error:
            return PayloadView(size, problem=look.hider.text(str(error)))
        return self._shown(look.hider.json(data, is_input=places == (INPUT,)))

    def _shown(self, data: bytes) -> PayloadView:
        if len(data) > self._limit:
            return PayloadView(len(data))
        return PayloadView(len(data), decode_value("payload", data), shown=True)
