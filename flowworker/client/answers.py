"""What humans answer to steps that wait for them, judged before it is sent."""

from __future__ import annotations

__all__ = ["Answered", "Answers"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowworker.client.starting import one_of
from flowworker.codec.json import decode_value
from flowworker.codec.messages import ControlCommand
from flowworker.codec.values import encode_value
from flowworker.core.attempt import Attempt
from flowworker.core.error_types import REJECTED
from flowworker.core.ids import shown_id, step_of
from flowworker.core.status import APPROVALS, HumanAction, StepStatus
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.client.lookup import Lookup
    from flowworker.client.steps import StepView
    from flowworker.client.views import RunView, Views
    from flowworker.core.model import Approval


@dataclass(frozen=True, slots=True)
class Answered:
    """What is sent.

    Attributes:
        question: what it answers, and nothing else ever: the run, the step and its attempt.
    """

    command: ControlCommand
    question: str


class Answers:
    """Reads what is asked. All raise RunNotFound, or InvalidInput for what cannot be answered."""

    def __init__(self, lookup: Lookup, views: Views) -> None:
        self._lookup = lookup
        self._views = views

    async def to_failed(
        self, run_id: str, action: HumanAction | str, step: str, output: Any
    ) -> Answered:
        """That to a step which has failed."""
        answer = one_of(HumanAction, action, "an action")
        if answer in APPROVALS:
            raise InvalidInput(f"a step that asks is answered by {answer}, not by resume")
        if output is not None and answer is not HumanAction.COMPLETE:
            raise InvalidInput(f"an output goes with the action complete, not with {answer}")
        found, asked = await self._waits(run_id, step)
        if asked is not None:
            raise InvalidInput(
                f"step {found.id!r} of run {run_id} asks; answer it by approve or reject"
            )
        command = ControlCommand(action=answer, step=step_of(step), output=output)
        return Answered(command, _question(run_id, found))

    async def approval(self, run_id: str, step: str, output: Any, reason: str) -> Answered:
        """Yes to a step that asks, with an output that satisfies its schema."""
        found, asked = await self._asked(run_id, step)
        if asked.schema is not None:
            given = decode_value("output", encode_value({} if output is None else output))
            from flowworker.definitions.input import InputValidator  # noqa: PLC0415 - slow

            if problems := InputValidator(asked.schema).problems(given):
                listed = "; ".join(problems)
                raise InvalidInput(f"the output of step {found.id!r}: {listed}")
        command = ControlCommand(step=step_of(found.id), output=output, reason=reason)
        return Answered(command, _question(run_id, found))

    async def rejection(self, run_id: str, step: str, reason: str) -> Answered:
        """No to a step that asks."""
        found, _ = await self._asked(run_id, step)
        command = ControlCommand(step=step_of(found.id), reason=reason)
        return Answered(command, _question(run_id, found))

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

    async def is_decided(self, run_id: str, step: str, answer: HumanAction) -> bool:
        """Whether that was the last answer to a step that failed, and it does not wait again."""
        record = await self._lookup.find(run_id)
        decisions = record.decisions.get(step_of(step), ())
        if not decisions or decisions[-1].action is not answer:
            return False
        return shown_id(step) not in (await self._views.run(run_id)).waiting

    async def _asked(self, run_id: str, step: str) -> tuple[StepView, Approval]:
        found, asked = await self._waits(run_id, step)
        if asked is None:
            raise InvalidInput(f"step {found.id!r} of run {run_id} has failed; answer it by resume")
        return found, asked

    async def _waits(self, run_id: str, step: str) -> tuple[StepView, Approval | None]:
        """The step that waits for a human, and what it asks: nothing if it has failed."""
        await self._lookup.find_active(run_id)
        run = await self._views.run(run_id)
        _check_waits(run, shown_id(step))
        plan = await self._views.plan(run_id)
        chosen = shown_id(step or run.waiting[0])
        [found] = (one for one in run.each() if one.id == chosen)
        return found, None if found.finished_at else plan.step(step_of(chosen)).approval


def _question(run: str, asking: StepView) -> str:
    attempt = Attempt(asking.kind, asking.turn, asking.attempt, asking.iteration)
    return f"{run}/{step_of(asking.id)}/{attempt}"


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
