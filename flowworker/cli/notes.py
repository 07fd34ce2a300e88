"""What is said of a step beside its state, and when things were."""

from __future__ import annotations

__all__ = ["lasted", "notes_on", "when"]

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flowworker.core.status import SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.client import StepView
    from flowworker.client.steps import InstancesView

_SKIPPED = {
    SkipReason.WHEN: "its condition is false",
    SkipReason.UPSTREAM: "its trigger rule is not met",
    SkipReason.UPSTREAM_FAILED: "its trigger rule is not met, since a step above failed",
}

_KNOWN = {
    *("approval", "human", "signal", "timer", "retry", "iteration", "child", "loop", "worker"),
    "start",
}
"""What a step may wait for that its state and its other notes say already."""


def when(seconds: float) -> str:
    """A time of epoch seconds as local time to the millisecond; empty for 0.

    Others may have written times that no calendar has: these are shown as they are.
    """
    if not seconds:
        return ""
    try:
        local = datetime.fromtimestamp(seconds, UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s"
    return local.isoformat(sep=" ", timespec="milliseconds")[:23]


def lasted(started: float, finished: float) -> str:
    """The time between two, if both are known."""
    return f"{max(finished - started, 0.0):.3f} s" if started and finished else ""


def notes_on(step: StepView) -> Iterator[str]:
    """What is unusual about a step."""
    yield from _counted(step.instances)
    yield from _which(step)
    if step.skipped:
        yield _SKIPPED[step.skipped]
    yield from _other_runs(step)
    if step.lost:
        yield f"taken over, {step.lost} lost"
    yield from _waits(step)
    if step.actor:
        yield f"answered by {step.actor}" + (step.reason and f": {step.reason}")
    elif step.reason and not (step.skipped or step.error):
        yield f"reason: {step.reason}"
    if step.undo_started_at:
        took = lasted(step.undo_started_at, step.undo_finished_at)
        at = when(step.undo_started_at)[11:]
        yield f"compensation began {at}" + (f", took {took}" if took else "")
    if step.error:
        yield _error(step)


def _other_runs(step: StepView) -> Iterator[str]:
    if step.kept_from:
        yield f"kept from run {step.kept_from}"
    if step.child:
        yield f"run {step.child}"


def _which(step: StepView) -> Iterator[str]:
    """Which attempt, if a step is not what it usually is; when the next iteration is due."""
    if step.kind == "fallback":
        yield "by its fallback"
    if step.iteration:
        over = " is over" if step.status == "REPEATING" else ""
        again = f", again at {when(step.due)}" if over and step.due else ""
        yield f"iteration {step.iteration}{over}{again}"


def _error(step: StepView) -> str:
    retries = step.due and step.status == "RETRYING"
    return f"{step.error} (again at {when(step.due)})" if retries else step.error


def _waits(step: StepView) -> Iterator[str]:
    """What it waits for."""
    if step.prompt:
        yield f"asks: {step.prompt}"
    if step.signal:
        yield f"waits for the signal {step.signal!r}"
    if step.waits_for:
        yield f"waits for a worker that has the handler {step.waits_for!r}"
    if step.until:
        yield f"until {when(step.until)}"
    if step.why and step.why[0].kind not in _KNOWN and not step.waits_for:
        yield step.why[0].text


def _counted(instances: InstancesView | None) -> Iterator[str]:
    """Of a loop, how many are in which state."""
    if instances is not None:
        states = ", ".join(f"{count:,} {state}" for state, count in instances.states.items())
        yield f"{instances.count:,} instances" + (f": {states}" if states else "")
