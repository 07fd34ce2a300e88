"""What humans answer to steps that wait for them, judged before it is sent."""

from __future__ import annotations

__all__ = ["Answers"]

from typing import TYPE_CHECKING, Any

from flowworker.client.starting import one_of
from flowworker.codec.json import decode_value
from flowworker.codec.messages import ControlCommand
from flowworker.codec.values import encode_value
from flowworker.core.error_types import REJECTED
from flowworker.core.ids import shown_id, step_of
from flowworker.core.status import APPROVALS, HumanAction, StepStatus
from flowworker.definitions import InputValidator
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client.lookup import Lookup
    from flowworker.client.views import RunView, Views
    from flowworker.core.model import Approval


class Answers:
    """Reads what is asked. All raise RunNotFound, or InvalidInput for what cannot be answered."""

    def __init__(self, lookup: Lookup, views: Views) -> None:
        self._lookup = lookup
        self._views = views

    async def to_failed(
        self, run_id: str, action: HumanAction | str, step: str, output: Any
    ) -> ControlCommand:
        """That to a step which has failed."""
        answer = one_of(HumanAction, action, "an action")
        if answer in APPROVALS:
            raise InvalidInput(f"a step that asks is answered by {answer}, not by resume")
        if output is not None and answer is not HumanAction.COMPLETE:
            raise InvalidInput(f"an output goes with the action complete, not with {answer}")
        chosen, asked = await self._waits(run_id, step)
        if asked is not None:
            raise InvalidInput(
                f"step {shown_id(chosen)!r} of run {run_id} asks; answer it by approve or reject"
            )
        return ControlCommand(action=answer, step=step_of(step), output=output)

    async def approval(self, run_id: str, step: str, output: Any, reason: str) -> ControlCommand:
        """Yes to a step that asks, with an output that satisfies its schema."""
        chosen, asked = await self._asked(run_id, step)
        if asked.schema is not None:
            given = decode_value("output", encode_value({} if output is None else output))
            if problems := InputValidator(asked.schema).problems(given):
                listed = "; ".join(problems)
                raise InvalidInput(f"the output of step {shown_id(chosen)!r}: {listed}")
        return ControlCommand(step=chosen, output=output, reason=reason)

    async def rejection(self, run_id: str, step: str, reason: str) -> ControlCommand:
        """No to a step that asks."""
        chosen, _ = await self._asked(run_id, step)
        return ControlCommand(step=chosen, reason=reason)

    async def is_given(self, run_id: str, step: str, answer: HumanAction) -> bool:
        """Whether an approval has had that answer, and its step does not ask again."""
        await self._lookup.find(run_id)
        found = next(
            (one for one in (await self._views.run(run_id)).each() if one.id == step), None
        )
        if found is None or not found.finished_at:
            return False
        plan = await self._views.plan(run_id)
        if plan.step(step_of(step)).approval is None:
            return False
        if answer is HumanAction.APPROVE:
            return found.status is StepStatus.COMPLETED
        return found.error.startswith(f"{REJECTED}:")

    async def _asked(self, run_id: str, step: str) -> tuple[str, Approval]:
        chosen, asked = await self._waits(run_id, step)
        if asked is None:
            shown = shown_id(chosen)
            raise InvalidInput(f"step {shown!r} of run {run_id} has failed; answer it by resume")
        return chosen, asked

    async def _waits(self, run_id: str, step: str) -> tuple[str, Approval | None]:
        """The step that waits for a human, and what it asks: nothing if it has failed."""
        await self._lookup.find_active(run_id)
        run = await self._views.run(run_id)
        _check_waits(run, shown_id(step))
        plan = await self._views.plan(run_id)
        chosen = step_of(step or run.waiting[0])
        failed = any(one.id == shown_id(chosen) and one.finished_at for one in run.each())
        return chosen, None if failed else plan.step(chosen).approval


def _check_waits(run: RunView, step: str) -> None:
    waiting = run.waiting
    named = ", ".join(waiting)
    if not waiting:
        raise InvalidInput(
            f"no step of run {run.id} waits for a human: it is {run.status}; "
            "only a run that is WAITING_HUMAN can be resumed"
        )
    if step and step not in waiting:
        raise InvalidInput(f"step {step!r} of run {run.id} does not wait for a human; {named} does")
    if not step and len(waiting) > 1:
        raise InvalidInput(f"several steps of run {run.id} wait, say which one: {named}")
