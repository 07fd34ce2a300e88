"""What must hold for steps that begin, are skipped, or are refused: what their definitions say."""

from __future__ import annotations

__all__ = ["check_condition", "check_refused", "check_skipped"]

from typing import TYPE_CHECKING, Any

from flowworker.core.status import Kind
from simulation.expecting import UNKNOWN, expect
from simulation.sayings import Senseless, has_unknown, holds, template

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.model import Retries, Step
    from flowworker.core.records import StepRecord
    from simulation.truth import Truth


def check_condition(truth: Truth, step: str, where: str) -> None:
    """A step begins: its own condition is true."""
    condition = truth.plan.step(step).when
    if condition is None:
        return
    try:
        right = holds(truth, condition) in {True, UNKNOWN}
    except Senseless:
        right = False
    expect(right, "a step begins though its condition does not hold", f"{where}: {condition}")


def check_skipped(truth: Truth, record: StepRecord, before: StepRecord | None, where: str) -> None:
    """A step is skipped by its condition, which is false, and nothing of it began in its turn."""
    condition = truth.plan.step(record.step).when
    expect(condition is not None, "skipped without a condition", where)
    again = before is not None and before.turn < record.turn
    expect(before is None or again, "a step was skipped that had begun", where)
    expect(truth.ready(record.step), "skipped before what it depends on", where)
    try:
        right = holds(truth, condition or "") in {False, UNKNOWN}
    except Senseless:
        right = False
    expect(right, "a step was skipped whose condition holds", f"{where}: {condition}")


def check_refused(truth: Truth, record: StepRecord, where: str) -> None:
    """An attempt failed since something that it is made of has no value."""
    step = truth.plan.step(record.step)
    right = _is_senseless(template, truth, _said_of(step, record.kind), record.step)
    if record.kind is Kind.RUN and step.when is not None:
        right = right or _is_senseless(holds, truth, step.when)
    expect(right, "an attempt was refused that can be made", f"{where}: {record.error}")


def _said_of(step: Step, kind: Kind) -> list[Any]:
    """What an attempt is made of, as its definition says it."""
    retry: Retries = step.retry
    said: list[Any] = []
    match kind:
        case Kind.RUN:
            waits = step.wait_for or step.approval
            said = [step.with_, step.timeout, step.sleep, waits and waits.timeout]
            said.append(step.end and step.end.output)
        case Kind.FALLBACK:
            said = [step.fallback and step.fallback.with_, step.timeout]
        case _:
            said = [step.saga and step.saga.with_, step.saga and step.saga.timeout]
            retry = step.saga.retry if step.saga is not None else ()
    rules = retry if isinstance(retry, tuple) else (retry,)
    return [*said, step.priority, *(rule.interval for rule in rules)]


def _is_senseless(evaluate: Callable[..., object], *given: object) -> bool:
    """Whether it has no value, as far as that can be known."""
    try:
        return has_unknown(evaluate(*given))
    except Senseless:
        return True
