"""The rules of what is made while a run goes: instances of loops, and runs that are steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.chaos.case import TERMINAL, Case, Json

STEP = "workflow.step."


def loops(case: Case) -> Iterator[str]:
    """Each item has one instance, and the loop's output has what each came to, in order."""
    executed = {note["step"] for note in case.notes if note["what"] == "begin"}
    for event in case.distinct(f"{STEP}completed"):
        step = event["data"]["step_id"]
        each = case.defined(step).get("for_each")
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
    is_later = not case.is_over or case.record["finished_at"] > above["finished_at"]
    if is_later and above["status"] in TERMINAL and stopped != "terminated":
        yield f"is {case.status}, and ended after its parent {parent['run']}"
    record = steps.get(parent["run"], {}).get(parent["step"], {})
    if record.get("child") != case.run or record.get("kind") != "run":
        return  # of an attempt before
    if (record["outcome"] == "COMPLETED") != (case.status == "COMPLETED") and not stopped:
        yield f"is {case.status}, and its step is {record['outcome']}"
