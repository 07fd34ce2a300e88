"""Steps that are repeated: an iteration succeeded, and `until` says whether it was the last one.

Until that is known the step is in flight. So it is neither completed nor undone, and what may not
start any more is fenced in the next iteration's place, as a retry is.
"""

from __future__ import annotations

__all__ = ["iterated", "repeated"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.forward import OPEN
from flowworker.core.status import StepStatus

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import Iterated, Repeated


def iterated(draft: Draft, fact: Iterated) -> None:
    """Ask whether the step runs again."""
    at = draft.state.steps.get(fact.step)
    if at is None or at.status not in OPEN or at.attempt > fact.attempt:
        return
    draft.settle(
        fact.step,
        StepStatus.REPEATING,
        attempt=fact.attempt,
        output=fact.output,
        revision=fact.revision,
        error=None,
    )
    inflight = draft.state.inflight.set(fact.step, None)
    draft.state = replace(draft.state.with_step(fact.step, due=fact.at), inflight=inflight)
    draft.repeat(fact.step)


def repeated(draft: Draft, fact: Repeated) -> None:
    """The next iteration is due then. What the one before came to is of no use any more."""
    at = draft.state.steps.get(fact.step)
    if at is None or at.status is not StepStatus.REPEATING or at.attempt != fact.attempt:
        return
    draft.state = draft.state.with_step(fact.step, output=None)
    draft.dispatch(fact.step, fact.attempt.repeated, fact.due)
