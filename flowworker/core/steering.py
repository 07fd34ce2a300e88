"""Pause and unpause: which of them counts, and what is done when a run goes on.

A run pauses by itself, or since its whole workflow does, or for both reasons: each has its own
requests, and the run goes on when neither is left.

Safety: both stand in the run's record before anything follows from them, and the one that was asked
for last counts, in whatever order they are heard of, and however often. What was enqueued and not
claimed is withdrawn, so a pause also holds what waits in a queue; what a worker has in its hands is
an attempt in flight, and ends as any other.

Liveness: to go on is to repeat what is in flight, which is what a rebuild does, and idempotent. If
a coordinator dies in the midst of it the event comes again, and the run is rebuilt. An attempt that
is claimed may have lost its message to a withdrawal, so one of a run that was ever paused gets
another, for the end of its lease.
"""

from __future__ import annotations

__all__ = ["as_steered", "repeat", "steered", "withdraw"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.effects import Dispatch, Withdraw
from flowworker.core.facts import Steered
from flowworker.core.loops import resume
from flowworker.core.paused import Paused
from flowworker.core.status import Kind, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.core.draft import Draft
    from flowworker.core.facts import Fact
    from flowworker.core.records import RunRecord


def as_steered(record: RunRecord, requests: Iterable[Fact]) -> RunRecord:
    """A run's record once these are followed; itself if they are all known."""
    for one in requests:
        if not isinstance(one, Steered):
            continue
        paused = Paused(one.reason, one.actor) if one.pauses else None
        if one.of_workflow and one.at > record.held_at:
            record = replace(record, held=paused, held_at=one.at)
        elif not one.of_workflow and one.at > record.steered:
            record = replace(record, paused=paused, steered=one.at)
    return record


def steered(draft: Draft, fact: Steered) -> None:
    """Hold the run, or let it go on, unless a later request was followed."""
    before = draft.state.record
    record = as_steered(before, (fact,))
    if record is before:
        return
    draft.state = replace(draft.state, record=record)
    if record.is_paused:
        withdraw(draft)
    elif before.is_paused:
        repeat(draft, draft.state.inflight)


def withdraw(draft: Draft) -> None:
    """Take back what is enqueued and not claimed.

    What has a record may have a message for later, too: a retry, or one for the end of a lease.
    Steps of coordinators have begun once they were dispatched; their timers go on.
    """
    state = draft.state
    if not state.record.is_early:
        waits = (step for step in state.inflight if state.steps[step].revision)
        delayed = (step for step in waits if not _is_own(draft, step))
        draft.rest.append(Withdraw(tuple(sorted(delayed))))


def repeat(draft: Draft, inflight: Iterable[str], *, abandoned: bool = False) -> None:
    """Dispatch, ask or fence again what is in flight: all is idempotent.

    A claim whose lease ran out, or whose worker is known to be gone, is dispatched as a takeover
    (`abandoned`). One whose lease holds is left alone, or, if the run was ever paused, taken
    over when that ends.
    """
    for step in sorted(inflight):
        at = draft.state.steps[step]
        if draft.forbids(at.attempt.kind, step):
            draft.fence(step, force=abandoned)
        elif at.status is StepStatus.PENDING:
            draft.judge(step)
        elif draft.plan.step(step).for_each is not None:
            resume(draft, step)
        elif at.status is StepStatus.REPEATING:
            draft.repeat(step)
        else:
            _dispatch_again(draft, step, abandoned=abandoned)


def _dispatch_again(draft: Draft, step: str, *, abandoned: bool) -> None:
    at = draft.state.steps[step]
    again = bool(draft.state.record.steered or draft.state.record.held_at)
    if at.lease_until > draft.now and not abandoned:
        if again:  # any message of it will do: it is judged by what its record says then
            draft.rest.append(Dispatch(step, at.attempt, 0, due=at.lease_until, again=True))
        return
    # Without a lease it was never claimed, or its worker gave the claim back.
    lost = at.lost + (at.lease_until > 0.0)
    draft.rest.append(Dispatch(step, at.attempt, at.revision, lost, at.due, again=again))
    if step not in draft.state.waiting and not draft.paused:
        draft.ask(step, at.attempt)


def _is_own(draft: Draft, step: str) -> bool:
    """Whether coordinators make the attempt in flight themselves."""
    kind = draft.state.steps[step].attempt.kind
    return kind is Kind.RUN and not draft.plan.step(step).uses
