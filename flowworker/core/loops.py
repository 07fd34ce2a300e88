"""Loops: which instances are dispatched, and when the loop is over.

An instance is a step that is made while its run goes. It is counted where another step would be
resolved, and frees a place for the next one. All that the loop itself knows are numbers, so that
what an instance costs does not depend on how many there are.

That too many have failed is written in the loop's record before any other instance is stopped. So
an instance that was stopped is explained by a record, as one is that its run has stopped.
"""

from __future__ import annotations

__all__ = ["adopt", "dropped", "expanded", "go_on", "over", "resume", "stop_instances"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.core.effects import Expand, Gather
from flowworker.core.ids import defined_id, index_of, instance_id
from flowworker.core.rules import Resolution
from flowworker.core.state import LoopState, StepState
from flowworker.core.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowworker.core.draft import Draft
    from flowworker.core.facts import Expanded
    from flowworker.core.payload import Payload
    from flowworker.core.records import ErrorInfo, StepRecord


def expanded(draft: Draft, fact: Expanded) -> None:
    """The loop has begun: its first instances are dispatched."""
    if fact.step not in draft.state.inflight or fact.step in draft.state.loops:
        return
    draft.state = draft.state.with_step(fact.step, revision=fact.revision)
    _open(draft, fact.step, fact.items, fact.count)
    go_on(draft, fact.step)
    _ask_if_over(draft, fact.step)


def _open(draft: Draft, step: str, items: Payload, count: int) -> None:
    tolerated = draft.plan.loop(step).tolerates(count)
    _note(draft, step, LoopState(count, items, tolerated))


def adopt(draft: Draft, known: Mapping[str, tuple[StepRecord, int]]) -> None:
    """Loops that have begun, and their instances that have records, before these are replayed."""
    begun: dict[str, list[str]] = {}
    for step, (record, _) in known.items():
        if record.items is not None and step in draft.plan.loops:
            begun[step] = []
            _open(draft, step, record.items, record.count)
    if not begun:
        return
    for step, (record, _) in known.items():
        index = index_of(step)
        of = begun.get(defined_id(step))
        if index is None or of is None or index >= known[defined_id(step)][0].count:
            continue
        if record.number or record.is_kept:  # else it is a checkpoint that somebody wrote
            of.append(step)
    for step, instances in begun.items():
        _note(draft, step, replace(draft.state.loops[step], begun=len(instances)))
        made = draft.state.steps.update(dict.fromkeys(instances, StepState()))
        draft.state = replace(draft.state, steps=made)


def go_on(draft: Draft, step: str) -> None:
    """Dispatch as many instances as have a place.

    If none may start any more, they are fenced: a coordinator that knows less may have enqueued
    them. What a stopped instance leaves is no place.
    """
    loop = draft.state.loops[step]
    if loop.is_lost and not loop.failing:
        return
    limit = draft.plan.loop(step).max_parallel
    most = loop.count if limit is None else limit
    free = most - (loop.begun - loop.done)
    found: list[str] = []
    at = loop.next
    while at < loop.count and len(found) < free:
        one = instance_id(step, at)
        if one not in draft.state.steps:
            found.append(one)
        at += 1
    if at == loop.next:
        return
    _note(draft, step, replace(loop, next=at, begun=loop.begun + len(found)))
    for one in found:
        draft.state = replace(draft.state, steps=draft.state.steps.set(one, StepState()))
        draft.dispatch(one, draft.first(one, 1))


def over(draft: Draft, step: str, resolution: Resolution) -> None:
    """An instance is over, for whatever reason: the next one has its place."""
    whole, failed = defined_id(step), resolution is Resolution.FAILED
    loop = draft.state.loops[whole]
    first = loop.first or (step if failed else "")
    counted = replace(loop, done=loop.done + 1, failed=loop.failed + failed, first=first)
    _note(draft, whole, counted)
    go_on(draft, whole)
    if counted.is_over or (failed and counted.failed == counted.tolerated + 1):
        _ask_if_over(draft, whole)
    _end_if_lost(draft, whole)


def dropped(draft: Draft, step: str) -> None:
    """An instance was stopped before it was over; nothing for any other step."""
    if index_of(step) is None:
        return
    whole = defined_id(step)
    loop = draft.state.loops[whole]
    _note(draft, whole, replace(loop, dropped=loop.dropped + 1))
    _end_if_lost(draft, whole)


def stop_instances(draft: Draft, step: str, error: ErrorInfo) -> bool:
    """Nothing is left to try for a step: whether that is a loop that waits for instances to stop.

    Once they have, its failure is followed (`Draft.lost`).
    """
    loop = draft.state.loops.get(step)
    if loop is None:
        return False
    if loop.failing is None:  # else it is heard of twice, or they have stopped
        _stop(draft, step, error)
    return draft.state.loops[step].at_work > 0


def _stop(draft: Draft, step: str, error: ErrorInfo) -> None:
    _note(draft, step, replace(draft.state.loops[step], failing=error))
    # Not so in a replay, where its record is all that is known of it by now.
    waits = draft.state.with_step(step, status=StepStatus.RUNNING)
    draft.state = replace(waits, inflight=waits.inflight.set(step, None))
    for one in _of(step, draft.state.waiting):
        if one not in draft.state.inflight:
            draft.unask(one)
            draft.settle(one, StepStatus.CANCELLED)
            dropped(draft, one)
    for one in _of(step, draft.state.inflight):
        draft.fence(one)
    go_on(draft, step)
    draft.lost.pop(step, None)


def _of(step: str, steps: Iterable[str]) -> list[str]:
    return sorted(one for one in steps if one != step and defined_id(one) == step)


def resume(draft: Draft, step: str) -> None:
    """A loop in flight, after a replay: ask again what may not have been answered."""
    at = draft.state.steps[step]
    if step not in draft.state.loops:
        draft.rest.append(Expand(step, at.attempt, at.revision))
    else:
        _ask_if_over(draft, step)


def _ask_if_over(draft: Draft, step: str) -> None:
    loop, at = draft.state.loops[step], draft.state.steps[step]
    if at.status is StepStatus.RUNNING and not loop.failing and (loop.is_over or loop.is_lost):
        draft.rest.append(Gather(step, at.attempt, at.revision))


def _end_if_lost(draft: Draft, step: str) -> None:
    loop, at = draft.state.loops[step], draft.state.steps[step]
    if loop.failing is not None and not loop.at_work and at.status is StepStatus.RUNNING:
        draft.lost[step] = loop.failing


def _note(draft: Draft, step: str, loop: LoopState) -> None:
    draft.state = replace(draft.state, loops=draft.state.loops.set(step, loop))
