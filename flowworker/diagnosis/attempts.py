"""Attempts that are made: by a worker, by a coordinator that waits for something, or as a run."""

from __future__ import annotations

__all__ = ["asked", "claimed", "loop"]

from typing import TYPE_CHECKING

from flowworker.core.ids import defined_id, index_of, shown_id
from flowworker.core.staleness import MAX_STALENESS
from flowworker.core.status import TERMINAL, Kind
from flowworker.diagnosis.evidence import is_over
from flowworker.diagnosis.others import coordinator
from flowworker.diagnosis.reasons import Reason, ReasonKind
from flowworker.diagnosis.sentences import few, lasted, spelled, within

if TYPE_CHECKING:
    from flowworker.core.records import StepRecord
    from flowworker.core.state import LoopState
    from flowworker.diagnosis.evidence import Evidence

NAMED = 20
"""Steps that a reason names."""


def claimed(seen: Evidence, step: str, claim: StepRecord) -> tuple[Reason, ...]:
    """What an attempt that has begun waits for."""
    stops = seen.forbids(step, claim.kind)
    if claim.worker:
        return _by_worker(seen, step, claim, stops=stops)
    if claim.child:
        return _as_run(seen, claim, stops=stops)
    if stops:
        what = coordinator(seen, "call off what it waits for", claim.started_at)
        return (Reason(ReasonKind.STOPPING, f"it stops: {what.text}", what.subjects),)
    if 0.0 < claim.wakes_at <= seen.now:
        return (coordinator(seen, "wake it, for which it is time", until=claim.wakes_at),)
    return (_waiting(seen, step, claim),)


def _waiting(seen: Evidence, step: str, claim: StepRecord) -> Reason:
    """A coordinator waits for it."""
    wait = seen.defined(step).wait_for
    since, until = claim.started_at, claim.wakes_at
    if wait is not None:
        limit = f", and gives up{within(until, seen.now)}" if until else ""
        text = f"waits for signal {wait.signal!r}{lasted(since, seen.now)}{limit}"
        remedy = f"flowworker signal {seen.record.run} {wait.signal}"
        return Reason(ReasonKind.SIGNAL, text, (wait.signal,), since, until, remedy)
    text = f"sleeps{lasted(since, seen.now)}, and wakes{within(until, seen.now)}"
    return Reason(ReasonKind.TIMER, text, since=since, until=until)


def _by_worker(seen: Evidence, step: str, claim: StepRecord, *, stops: bool) -> tuple[Reason, ...]:
    name, until = claim.worker, claim.lease_until
    what = {Kind.FALLBACK: "its fallback", Kind.COMPENSATE: "its compensation"}.get(
        claim.kind, f"attempt {claim.number}"
    )
    runs = f"worker {name} runs {what}{lasted(claim.started_at, seen.now)}"
    # Who died is shown for that long. So one that is not, and began later, is only not seen yet.
    there = None
    if seen.workers is not None:
        there = next((one for one in seen.workers if one.id == name), None)
        if there is None and seen.now - claim.started_at >= MAX_STALENESS:
            text = f"{runs}, but is not there any more; its lease ends{within(until, seen.now)}"
            return (Reason(ReasonKind.LOST_WORKER, text, (name,), claim.started_at, until),)
    heard = f"last heard of {spelled(there.age)} ago, " if there else ""
    lease = f"{heard}lease for {spelled(until - seen.now)} more"
    if stops:
        text = f"it stops, once {runs} no more ({lease})"
        return (Reason(ReasonKind.STOPPING, text, (name,), claim.started_at, until),)
    found = Reason(ReasonKind.WORKER, f"{runs} ({lease})", (name,), claim.started_at, until)
    return (found, *_timeout(seen, step, claim))


def _timeout(seen: Evidence, step: str, claim: StepRecord) -> tuple[Reason, ...]:
    limit = seen.plan.call(step, claim.kind).timeout
    if not limit or isinstance(limit, str):
        return ()
    until = claim.started_at + limit
    text = f"its timeout ends{within(until, seen.now)}"
    return (Reason(ReasonKind.TIMEOUT, text, since=claim.started_at, until=until),)


def _as_run(seen: Evidence, claim: StepRecord, *, stops: bool) -> tuple[Reason, ...]:
    child, since, until = claim.child, claim.started_at, claim.wakes_at
    status = seen.children.get(child)
    if since > seen.now:
        text = f"attempt {claim.number}, run {child}, begins{within(since, seen.now)}"
        return (Reason(ReasonKind.RETRY, text, (child,), until=since),)
    if status in TERMINAL:
        return (coordinator(seen, f"take over that run {child} is {status}", since),)
    if status is None and child in seen.children:
        return (coordinator(seen, f"begin run {child}", since),)
    remedy = ""
    stands = f" ({status})" if status else ""
    text = f"is run {child}{stands}{lasted(since, seen.now)}; see `flowworker why {child}`"
    if stops:
        return (Reason(ReasonKind.STOPPING, f"it stops, once over: it {text}", (child,), since),)
    if until:
        text = f"{text}; its timeout ends{within(until, seen.now)}"
    return (Reason(ReasonKind.CHILD, text, (child,), since, until, remedy),)


def _index(instance: str) -> int:
    return index_of(instance) or 0


def asked(seen: Evidence, step: str) -> tuple[Reason, ...]:
    """A human is awaited: by a step that asks, or by one that has failed."""
    run, shown, state = seen.record.run, shown_id(step), seen.state
    if step not in state.inflight:
        found = seen.steps.get(step)
        since = 0.0 if found is None else found[0].finished_at
        error = state.steps[step].error
        text = f"has failed, and waits for a human{lasted(since, seen.now)}: {error}"
        remedy = f"flowworker resume {run} --step {shown} --action retry|cancel|skip|complete"
        return (Reason(ReasonKind.HUMAN, text, (shown,), since, remedy=remedy),)
    claim = seen.claim(step)
    if claim is None:
        return (coordinator(seen, "ask what it is to ask"),)
    since, until = claim.started_at, claim.wakes_at
    if 0.0 < until <= seen.now:
        return (coordinator(seen, "give up waiting for an answer", until=until),)
    limit = f", and gives up{within(until, seen.now)}" if until else ""
    question = f": {claim.prompt}" if claim.prompt else ""
    text = f"waits for an answer{lasted(since, seen.now)}{limit}{question}"
    remedy = f"flowworker approve {run} --step {shown}, or reject"
    return (Reason(ReasonKind.APPROVAL, text, (shown,), since, until, remedy),)


def loop(seen: Evidence, step: str, found: LoopState) -> tuple[Reason, ...]:
    """A loop that has begun waits for its instances."""
    every = (one for one in seen.state.steps if one != step and defined_id(one) == step)
    at_work = sorted((one for one in every if not is_over(seen.at(one).status)), key=_index)
    names = tuple(shown_id(one) for one in at_work[:NAMED])
    if found.failing is not None or seen.forbids(step, Kind.RUN):
        if not at_work:
            return (coordinator(seen, "end the loop, which stops"),)
        text = f"it stops, once {len(at_work):,} instances are over: {few(names)}"
        return (Reason(ReasonKind.STOPPING, text, names),)
    if found.is_over or found.is_lost:
        return (coordinator(seen, "gather what its instances came to"),)
    done = f"{found.done:,} of {found.count:,} instances are over"
    if not at_work:
        return (coordinator(seen, f"begin instances; {done}"),)
    text = f"{done}, {len(at_work):,} are going on: {few(names)}"
    reasons = [Reason(ReasonKind.LOOP, text, names)]
    limit = seen.plan.loop(step).max_parallel
    left = found.count - found.begun
    if left > 0 and limit is not None and len(at_work) >= limit:
        text = f"{left:,} more wait, since {limit:,} may be going on at a time (max_parallel)"
        reasons.append(Reason(ReasonKind.LIMIT, text, names))
    return tuple(reasons)
