"""An operator's answer to a step that waits for one."""

from __future__ import annotations

__all__ = ["decided", "follow"]

from typing import TYPE_CHECKING, assert_never

from msgspec.structs import replace

from flowworker.core.answer import Decision
from flowworker.core.effects import Answer, Emit
from flowworker.core.event_types import EventType
from flowworker.core.forward import resolve
from flowworker.core.payload import EMPTY
from flowworker.core.records import ErrorInfo
from flowworker.core.rules import Resolution
from flowworker.core.status import APPROVALS, HumanAction, RunStatus, StepStatus
from flowworker.core.stopping import fail_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.draft import Draft
    from flowworker.core.facts import HumanDecided


def decided(draft: Draft, fact: HumanDecided) -> None:
    """Record the answer and follow it; an answer that no step waits for changes nothing.

    That to an approval ends its attempt, so that it stands in the record of the step.
    """
    waiting = draft.state.waiting
    step = next(iter(waiting)) if not fact.step and len(waiting) == 1 else fact.step
    decisions = draft.state.record.decisions
    if step not in waiting or (fact.id and _is_known(fact.id, decisions)):
        return
    asked = step in draft.state.inflight
    if asked is not (fact.action in APPROVALS):
        return
    if asked:
        attempt, approved = draft.state.steps[step].attempt, fact.action is HumanAction.APPROVE
        draft.unask(step)
        answer = Answer(step, attempt, approved, fact.output, fact.reason, fact.actor)
        draft.rest.append(answer)
        return
    decision = Decision(draft.state.steps[step].attempt.turn, fact.action, fact.output, fact.id)
    draft.state = replace(
        draft.state.with_record(
            status=RunStatus.WAITING_HUMAN if len(waiting) > 1 else RunStatus.RUNNING,
            decisions={**decisions, step: (*decisions.get(step, ()), decision)},
        ),
        waiting=waiting - {step},
    )
    follow(draft, step, decision)


def _is_known(answer: str, decisions: Mapping[str, tuple[Decision, ...]]) -> bool:
    return any(decision.id == answer for past in decisions.values() for decision in past)


def follow(draft: Draft, step: str, decision: Decision) -> None:
    """Do what was decided for the step's present turn."""
    at = draft.state.steps[step]
    detail = f"{step}/{at.attempt.turn}"
    match decision.action:
        case HumanAction.RETRY:
            draft.begin(step, at.attempt.turn + 1)
        case HumanAction.SKIP:
            draft.settle(step, StepStatus.SKIPPED)
            draft.emits.append(Emit(EventType.STEP_SKIPPED, detail, step_id=step))
            resolve(draft, step, Resolution.SUCCESS)
        case HumanAction.COMPLETE:
            # The order of completion is that of its last attempt, which came after all that
            # the step depends on and before anything that depends on it.
            output = decision.output or EMPTY
            draft.settle(step, StepStatus.COMPLETED, output=output, completed=at.revision)
            draft.emits.append(Emit(EventType.STEP_COMPLETED, detail, step_id=step))
            resolve(draft, step, Resolution.SUCCESS)
        case HumanAction.CANCEL:
            fail_step(draft, step, ErrorInfo("Cancelled", "cancelled by operator", retryable=False))
        case HumanAction.APPROVE | HumanAction.REJECT:
            pass  # they end an attempt, and are no decisions
        case _:
            assert_never(decision.action)
