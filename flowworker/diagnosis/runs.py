"""What a whole run waits for."""

from __future__ import annotations

__all__ = ["diagnose", "not_begun"]

from typing import TYPE_CHECKING

from flowworker.core.ids import index_of, shown_id
from flowworker.core.status import TERMINAL, Kind, RunStatus, StepStatus
from flowworker.diagnosis.limits import awaited
from flowworker.diagnosis.others import coordinator, pauses
from flowworker.diagnosis.reasons import Diagnosis, Reason, ReasonKind, StepDiagnosis
from flowworker.diagnosis.sentences import within
from flowworker.diagnosis.steps import of_recorded, of_step
from flowworker.diagnosis.unclaimed import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowworker.diagnosis.evidence import Coordinator, Evidence

INSTANCES = 100
"""Instances of loops that are shown."""


def diagnose(seen: Evidence, step: str = "") -> Diagnosis:
    """Why a run does not move, or one step of it; see `Evidence` for what that follows from.

    Each step that is not over has a reason, but for those that nothing is known of since the
    definition cannot be read.
    """
    record = seen.record
    steps = tuple(_steps(seen, step))
    loops = [one for one in steps if "[" in one.id]
    shown = steps if len(loops) <= INSTANCES else _without(steps, loops[INSTANCES:])
    return Diagnosis(
        record.run,
        record.workflow,
        record.status,
        seen.now,
        tuple(_of_run(seen)),
        shown,
        len(steps) - len(shown),
    )


def not_begun(
    run: str, workflow: str, now: float, coordinators: Sequence[Coordinator] | None
) -> Diagnosis:
    """Of a run whose start was accepted, and that has no record yet."""
    text, remedy = "its start waits for a coordinator that takes it in", ""
    if coordinators is not None and not coordinators:
        text, remedy = f"{text}, and none is there", "start a coordinator"
    elif coordinators:
        text += f"; {len(coordinators)} are there"
    kind = ReasonKind.NO_COORDINATOR if remedy else ReasonKind.START
    reason = Reason(kind, text, remedy=remedy)
    return Diagnosis(run, workflow, RunStatus.PENDING, now, (reason,))


def _without(
    steps: tuple[StepDiagnosis, ...], left_out: list[StepDiagnosis]
) -> tuple[StepDiagnosis, ...]:
    hidden = {one.id for one in left_out}
    return tuple(one for one in steps if one.id not in hidden)


def _steps(seen: Evidence, wanted: str) -> Iterator[StepDiagnosis]:
    if seen.known is None:
        for step, (record, _) in sorted(seen.steps.items()):
            reasons = of_recorded(seen, record)
            if reasons and wanted in {"", step}:
                yield StepDiagnosis(shown_id(step), StepStatus.RUNNING, reasons)
        return
    instances = [one for one in seen.state.steps if index_of(one) is not None]
    for step in [wanted] if wanted else [*seen.plan.order, *sorted(instances, key=_place)]:
        reasons = of_step(seen, step)
        if reasons:
            at = seen.state.steps.get(step)
            status = StepStatus.PENDING if at is None else at.status
            yield StepDiagnosis(shown_id(step), status, reasons)


def _place(instance: str) -> tuple[str, int]:
    loop, _, index = instance.partition("/")
    return loop, int(index)


def _of_run(seen: Evidence) -> Iterator[Reason]:
    record = seen.record
    if record.status in TERMINAL:
        return
    yield from pauses(seen)
    if record.is_early:
        yield _begin(seen) if record.begins_at else _enter(seen)
        return
    if seen.known is None:
        remedy = "see docs/how-to/runbooks.md on records that cannot be read"
        yield Reason(ReasonKind.BROKEN, seen.problem, (record.definition,), remedy=remedy)
        return
    if not record.is_prepared:
        yield coordinator(seen, f"copy what it keeps of run {record.rerun_of}", record.created_at)
        return
    if not (seen.state.inflight or seen.state.waiting or _has_ready(seen)):
        yield coordinator(seen, "decide how it goes on: all that was begun is over")
    yield from _timeout(seen)


def _has_ready(seen: Evidence) -> bool:
    """Whether a step is to be attempted by what is decided, which its own reasons are about."""
    if seen.state.saga:
        return True
    pending = (step for step, at in seen.state.steps.items() if at.status is StepStatus.PENDING)
    return any(is_ready(seen, step) and not seen.forbids(step, Kind.RUN) for step in pending)


_STOPPED = "end it: it was stopped before it began"


def _enter(seen: Evidence) -> Reason:
    if seen.record.stop is not None:
        return coordinator(seen, _STOPPED)
    slot = seen.slots.get("")
    return (
        coordinator(seen, "begin it: its limits let it in")
        if slot is None
        else awaited(slot, seen.now)
    )


def _begin(seen: Evidence) -> Reason:
    until = seen.record.begins_at
    if seen.record.stop is not None:
        return coordinator(seen, _STOPPED)
    if until <= seen.now:
        return coordinator(seen, "begin it, for which it is time", until=until)
    return Reason(ReasonKind.START, f"begins{within(until, seen.now)}", until=until)


def _timeout(seen: Evidence) -> Iterator[Reason]:
    """The time that the workflow may take; nothing while the run stops or ends."""
    limit, record = seen.plan.workflow.timeout, seen.record
    if limit is None or record.stop is not None or record.ending is not None:
        return
    until = record.created_at + limit
    if until <= seen.now:
        yield coordinator(seen, "end it, since its timeout is over", until=until)
    else:
        text = f"its timeout ends{within(until, seen.now)}"
        yield Reason(ReasonKind.TIMEOUT, text, since=record.created_at, until=until)
