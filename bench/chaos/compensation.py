"""The rules of a saga: what was completed is undone, once, in reverse order, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bench.chaos.case import Case, Json

STEP = "workflow.step."
UNDONE = (f"{STEP}compensated", f"{STEP}compensation_failed")


def problems(case: Case) -> Iterator[str]:
    """Compensations missed, too many, or in the wrong order."""
    due = _due(case)
    undone = [event["data"]["step_id"] for event in case.distinct(*UNDONE)]
    if case.status in {"FAILED", "CANCELLED"} and case.stop != "terminated":
        for step in due:
            if step not in undone:
                yield f"{step} was completed and not compensated"
    for step in dict.fromkeys(undone):
        if step not in due:
            yield f"{step} was compensated and had not been completed"
        if undone.count(step) > 1:
            yield f"{step} was compensated {undone.count(step)} times"
    if case.status == "COMPLETED" and undone:
        yield f"COMPLETED, and {undone} were compensated"
    yield from _order(case, due, undone)
    yield from _one_by_one(case, undone)


def _due(case: Case) -> dict[str, Json]:
    """Events of the completions that have a compensation, by step; a rerun keeps some."""
    completed = case.distinct(f"{STEP}completed", f"{STEP}kept")
    found = {event["data"]["step_id"]: event for event in completed}
    return {step: event for step, event in found.items() if _is_undone(case, step)}


def _is_undone(case: Case, step: str) -> bool:
    """Whether it has a compensation: of a loop its instances have."""
    defined = case.defined(step)
    return bool(defined.get("saga")) and ("for_each" not in defined or "/" in step)


def _order(case: Case, due: dict[str, Json], undone: list[str]) -> Iterator[str]:
    """Later completions first. What a human completed has no place but by its dependencies."""
    for later, step in enumerate(undone):
        for earlier in undone[:later]:
            if earlier in _ancestors(case, step):
                yield f"{earlier} was undone before {step}, which depends on it"
    by_worker = [step for step in undone if due.get(step, {}).get("data", {}).get("worker")]
    for first, second in pairwise(by_worker):
        if due[first]["data"]["revision"] < due[second]["data"]["revision"]:
            yield f"{first} was undone before {second}, which was completed later"


def _ancestors(case: Case, step: str) -> set[str]:
    found: set[str] = set()
    wanted = [step]
    while wanted:
        for dependency in case.defined(wanted.pop()).get("depends_on", ()):
            if dependency not in found:
                found.add(dependency)
                wanted.append(dependency)
    return found


def _one_by_one(case: Case, undone: list[str]) -> Iterator[str]:
    """By the handlers' own notes: one compensation has ended before the next one begins."""
    begun: dict[str, float] = {}
    ended: dict[str, float] = {}
    for note in case.notes:
        saga = case.defined(note["step"]).get("saga") or {}
        if note["uses"] == saga.get("uses"):
            (begun if note["what"] == "begin" else ended).setdefault(note["step"], note["at"])
    for first, second in pairwise(undone):
        if second in begun and first in ended and begun[second] < ended[first]:
            yield f"undoing {second} began before undoing {first} had ended"
    reported = {event["data"]["step_id"] for event in case.distinct(f"{STEP}compensated")}
    for step in reported - ended.keys():
        yield f"{step} counts as compensated, and no handler did it"
    for step in begun.keys() - set(undone):
        if case.stop != "terminated" and case.status in {"FAILED", "CANCELLED"}:
            yield f"a handler undid {step}, and no event tells of it"
