"""What has to be left once all runs are over, and what once their retention is."""

from __future__ import annotations

__all__ = ["left_over", "unrest"]

from typing import TYPE_CHECKING, Any

from flowworker.codec.index import entry_of
from flowworker.codec.keys import RETENTION, START, TIMEOUT, run_key
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR
from flowworker.core.status import TERMINAL
from simulation.expecting import Violation
from simulation.history import check_history
from simulation.power import is_of_fleet

if TYPE_CHECKING:
    from simulation.truth import Truth
    from simulation.watch import Watch


async def unrest(backend: Any, watch: Watch) -> list[str]:
    """Whatever is still going on though all runs are over, or not as it has to be."""
    found = []
    for truth in watch.runs.values():
        if truth.gone or truth.record.refused:
            continue
        found += await _unrest(backend, truth)
        if truth.forgotten_history:
            continue  # the rest of it goes later where the power may fail
        history = await backend.events.history(truth.run)
        broken = watch.promises.broken(truth.run, truth, history)
        found += [f"{truth.run}: lost from the history: {broken}"] if broken else []
        try:
            check_history(truth, history, watch.forged)
        except Violation as violation:
            found.append(str(violation))
    for name in watch.promises.beside(watch.runs):
        broken = watch.promises.broken(name, None, await backend.events.history(name))
        found += [f"{name}: lost from the history: {broken}"] if broken else []
    there = [one for one in watch.runs.values() if not (one.gone or one.record.refused)]
    listed = sorted(await backend.runs.keys("index.>"))
    right = sorted(entry_of(truth.record).key for truth in there)
    if listed != right:
        found.append(f"the index is {listed}, not {right}")
    return found


async def _unrest(backend: Any, truth: Truth) -> list[str]:
    run = truth.run
    pending = {
        "steps": backend.steps.pending(run),
        "events": backend.events.pending(run),
    }
    found = [f"{run}: {count} {what} pending" for what, count in pending.items() if count]
    if truth.record.status not in TERMINAL:
        found.append(f"{run} is {truth.record.status}")
    elif not backend.timers.pending(run, RETENTION):
        found.append(f"{run}: nobody will remove it")
    return found


def _has(key: str, parts: tuple[str, ...]) -> bool:
    return any(part in key for part in parts)


async def left_over(backend: Any, watch: Watch) -> list[str]:
    """Traces of runs whose retention is over."""
    # What others write of a run that is refused stays, as of one that nobody ever started.
    came = {run for run, truth in watch.runs.items() if not truth.record.refused}
    refused = {*watch.runs} - came
    keys = [key for key in await backend.runs.keys(">") if not is_of_fleet(key)]
    found: list[str] = [key for key in keys if not refused.intersection(key.split("."))]
    payloads = await backend.payloads.keys(">")
    # So does a record whose alarm is gone with the power, and an input that was kept late.
    lost = {one for one in refused if not backend.timers.pending(one, RETENTION)}
    lost = {one for one in lost if run_key(one) in keys}
    payloads = [key for key in payloads if key.split(".")[0] not in lost]
    # An upload of which no run came goes by itself, in a week. What a signal said stays with its
    # record: without that the next run of this id could not read what it takes.
    stay = (".upload.", f".{COORDINATOR}.signal.")
    found += [key for key in payloads if key.split(".")[0] in came or not _has(key, stay)]
    for run in came:
        # A command to a run that is gone is answered, and that is history, too.
        history = await backend.events.history(run)
        kept = [event for event in history if event.type != EventType.REJECTED]
        if kept:
            found.append(f"history of {run}")
        if backend.steps.pending(run) or backend.events.pending(run):
            found.append(f"messages of {run}")
        names = (RETENTION, TIMEOUT, START)
        waits = [step for each, step in backend.timers.of_steps() if each == run]
        if waits or any(backend.timers.pending(run, name) for name in names):
            found.append(f"timers of {run} {waits}")
    return sorted(found)
