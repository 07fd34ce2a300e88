"""The rules of steps that are repeated: iterations in their order, and none beyond the last one.

Whether `until` holds is judged here anew, from what the handlers returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.chaos.case import Case, Json, nonce_of

STEP = "workflow.step."
UNTIL: dict[str, Callable[[Json], bool]] = {"output.left <= 0": lambda output: output["left"] <= 0}
"""Those that the workflows use, of an iteration's output."""
LIMIT = "RepeatLimit"


def problems(case: Case) -> Iterator[str]:
    """Iterations that are missing, too many, or not where they belong."""
    for step, turn in _turns(case):
        ended = _iterated(case, step, turn)
        numbers = [event["data"]["iteration"] for event in ended]
        if numbers != list(range(1, len(ended) + 1)):
            yield f"{step} has the iterations {numbers} in turn {turn}"
            continue
        yield from _results(case, step, ended)
        yield from _executions(case, step, turn, ended)
        yield from _last(case, step, turn, ended)
    yield from _counted(case)


def _turns(case: Case) -> list[tuple[str, int]]:
    """Steps that are repeated, with each turn in which a handler was called."""
    found = {
        (note["step"], note["turn"])
        for note in case.notes
        if note["iteration"] and note["uses"] == case.defined(note["step"]).get("uses")
    }
    return sorted(found)


def _iterated(case: Case, step: str, turn: int) -> list[Json]:
    """Ends of iterations in the order in which they were written."""
    events = case.distinct(f"{STEP}iterated")
    own = [e for e in events if (e["data"]["step_id"], e["data"]["turn"]) == (step, turn)]
    return sorted(own, key=lambda event: event["data"]["revision"])


def _results(case: Case, step: str, ended: list[Json]) -> Iterator[str]:
    """Each iteration came to what one of its own handlers returned."""
    returned = {
        (note["iteration"], note["nonce"])
        for note in case.notes
        if note["step"] == step and note.get("how") == "ok"
    }
    for event in ended:
        number = event["data"]["iteration"]
        if (number, nonce_of(event["data"])) not in returned:
            yield f"iteration {number} of {step} came to what no handler of it returned"


def _executions(case: Case, step: str, turn: int, ended: list[Json]) -> Iterator[str]:
    """None begins before the one before it has ended, nor behind the last one."""
    limit, holds = _repeat(case, step)
    ends = {event["data"]["iteration"]: event["data"] for event in ended}
    for note in case.notes:
        if (note["what"], note["step"], note["turn"]) != ("begin", step, turn):
            continue
        number = note["iteration"]
        if note["uses"] != case.defined(step).get("uses") or number == 1:
            continue
        if number > limit:
            yield f"iteration {number} of {step} ran, and it has {limit} at most"
        before = ends.get(number - 1)
        if before is None or before["at"] > note["at"]:
            yield f"iteration {number} of {step} ran before the end of the one before"
        elif holds(before["output"]["data"]):
            yield f"iteration {number} of {step} ran, and the one before was the last"


def _last(case: Case, step: str, turn: int, ended: list[Json]) -> Iterator[str]:
    """A step completes with its last iteration, and fails only when there is none."""
    limit, holds = _repeat(case, step)
    held = [event for event in ended if holds(event["data"]["output"]["data"])]
    for event in case.distinct(f"{STEP}completed", f"{STEP}attempt_failed"):
        data = event["data"]
        if (data["step_id"], data.get("turn"), data.get("kind")) != (step, turn, "run"):
            continue
        if event["type"] == f"{STEP}completed":
            if not held or nonce_of(data) != nonce_of(held[-1]["data"]):
                yield f"{step} completed with something else than its last iteration"
        elif data.get("error_type") == LIMIT and (held or len(ended) != limit):
            yield f"{step} failed with {LIMIT} after {len(ended)} of {limit} iterations"


def _repeat(case: Case, step: str) -> tuple[int, Callable[[Json], bool]]:
    """At most how many, and whether one was the last."""
    repeat = case.defined(step)["repeat"]
    return repeat["max"], UNTIL[repeat["until"]]


def _counted(case: Case) -> Iterator[str]:
    """What an expression was given as the count of a step is how often it was."""
    said = ((case.record.get("output") or {}).get("data") or {}).get("iterations") or {}
    for event in case.distinct(f"{STEP}completed"):
        step, data = event["data"]["step_id"], event["data"]
        if step in said and data.get("worker"):
            ran = len(_iterated(case, step, data["turn"]))
            if said[step] != ran:
                yield f"{step} had {ran} iterations, and the run's output says {said[step]}"
