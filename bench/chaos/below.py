"""The rules of what is made while a run goes: instances of loops, and runs that are steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from bench.chaos.case import TERMINAL, Case, Json

STEP = "workflow.step."
ENDED = tuple(f"{STEP}{how}" for how in ("completed", "attempt_failed", "cancelled"))


def loops(case: Case) -> Iterator[str]:
    """Each item has one instance, and the loop's output has what each came to, in order."""
    executed = {note["step"] for note in case.notes if note["what"] == "begin"}
    for event in case.distinct(f"{STEP}completed"):
        step = event["data"]["step_id"]
        each = _loop_of(case, step)
        if each is None or "/" in step:
            continue
        count = case.steps[step].get("count", 0)
        if count != len(each["items"]):
            yield f"{step} has {count} instances for {len(each['items'])} items"
        made = {name for name in case.steps if name.startswith(f"{step}/")}
        if made != {f"{step}/{index}" for index in range(count)}:
            yield f"{step} has instances {sorted(made)} of {count}"
        if case.defined(step).get("uses") and not made <= executed:
            yield f"no handler was called for {sorted(made - executed)}"
        outcomes = [case.steps[name]["outcome"] for name in made]
        if (failed := outcomes.count("FAILED")) > each.get("tolerated_failures", 0):
            yield f"{step} completed with {failed} failures"
        yield from _gathered(case, step, event["data"])
    yield from _items(case)
    yield from _parallel(case)


def _loop_of(case: Case, step: str) -> Json | None:
    found: Json | None = case.defined(step).get("for_each")
    return found


def _items(case: Case) -> Iterator[str]:
    """Each instance is given its own item, at each attempt."""
    for note in case.notes:
        each, (_, _, index) = _loop_of(case, note["step"]), note["step"].partition("/")
        own = note["what"] == "begin" and note["uses"] == case.defined(note["step"]).get("uses")
        if each is not None and index and own and note["n"] != each["items"][int(index)]:
            yield f"{note['step']} was given {note['n']} of {each['items']}"


def _parallel(case: Case) -> Iterator[str]:
    """Not more instances at a time than may be.

    An instance is in flight from its first handler's beginning to the end that stands in its
    record, and not to the end of its last handler: one that has lost its lease may go on.
    """
    for step, defined in case.definition.items():
        limit = (defined.get("for_each") or {}).get("max_parallel")
        if limit is None:
            continue
        changes = sorted(_changes(case, step))
        most = max(accumulate(change for _, change in changes), default=0)
        if most > limit:
            yield f"{most} instances of {step} ran at the same time, and {limit} may"


def _changes(case: Case, step: str) -> Iterator[tuple[float, int]]:
    """When an instance began, and when it ended; ends come first."""
    begun: dict[str, float] = {}
    for note in case.notes:
        if note["what"] == "begin" and note["step"].startswith(f"{step}/"):
            begun.setdefault(note["step"], note["at"])
    ended: dict[str, float] = {}
    for event in case.distinct(*ENDED):
        data = event["data"]
        if data.get("kind") == "run":
            ended[data["step_id"]] = max(data["at"], ended.get(data["step_id"], 0.0))
    for instance, at in begun.items():
        yield at, 1
        if instance in ended:
            yield ended[instance], -1


def _gathered(case: Case, step: str, data: Json) -> Iterator[str]:
    output = data.get("output") or {}
    if output.get("kind") != "inline":
        return
    for index, value in enumerate(output["data"]):
        record = case.steps.get(f"{step}/{index}", {})
        own = (record.get("output") or {}).get("data")
        expected = None if record.get("outcome") == "FAILED" else own
        if record.get("kind") == "run" and value != expected:
            yield f"{step} has {value} of its instance {index}, which came to {expected}"


def children(case: Case, runs: Mapping[str, Json], steps: Mapping[str, Any]) -> Iterator[str]:
    """A run that is a step ends before its parent, and its step ends as it does."""
    parent = case.record.get("parent")
    if not parent:
        return
    above = runs.get(parent["run"])
    if above is None:
        yield f"has the parent {parent['run']}, which is not there"
        return
    stopped = (above.get("stop") or {}).get("reason", "")
    if case.began_stopped and not stopped:
        yield f"was stopped before it began, and its parent {parent['run']} was not"
    is_later = not case.is_over or case.record["finished_at"] > above["finished_at"]
    if is_later and above["status"] in TERMINAL and stopped != "terminated":
        yield f"is {case.status}, and ended after its parent {parent['run']}"
    record = steps.get(parent["run"], {}).get(parent["step"], {})
    if record.get("child") != case.run or record.get("kind") != "run":
        return  # of an attempt before
    if (record["outcome"] == "COMPLETED") != (case.status == "COMPLETED") and not stopped:
        yield f"is {case.status}, and its step is {record['outcome']}"
