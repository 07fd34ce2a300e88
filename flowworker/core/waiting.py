"""Steps that wait for what comes from outside."""

from __future__ import annotations

__all__ = ["EARLY", "GUARD", "signalled"]

from typing import TYPE_CHECKING

from flowworker.core.effects import Dispatch

if TYPE_CHECKING:
    from flowworker.core.draft import Draft
    from flowworker.core.facts import Signalled

EARLY = 1.0
"""Seconds by which a timer may go off early: the rest is waited for in process."""

GUARD = 30 * 86_400.0
"""Seconds after which who waits for no moment is looked at; the timer shows that it waits."""


def signalled(draft: Draft, fact: Signalled) -> None:
    """Attempts in flight that wait for such a signal are begun again: they look at what is there.

    Which of them gets it is not decided here, but by who takes it first.
    """
    for step in sorted(draft.state.inflight):
        wait = draft.plan.step(step).wait_for
        if wait is not None and wait.signal == fact.name:
            at = draft.state.steps[step]
            begun = draft.paused  # what has not begun waits until the run goes on
            draft.rest.append(Dispatch(step, at.attempt, at.revision, begun=begun))
