"""The rules of one run's history: what must be there, and before what.

An event that is reported again (a crash before an acknowledgement) counts where it stands first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.chaos.case import ENDS, TERMINAL, Case, Json

STEP = "workflow.step."
REQUESTS = {
    "workflow.cancel_requested",
    "workflow.human_decided",
    "workflow.timed_out",
    "workflow.rejected",
    "workflow.scheduled",
    "workflow.signalled",
}
"""They come from outside, or answer what does, and so at any time."""
RESOLVED = (f"{STEP}completed", f"{STEP}skipped", f"{STEP}kept")
BY_WORKERS = {f"{STEP}completed", f"{STEP}iterated", f"{STEP}attempt_failed"}
OVER = (*RESOLVED, f"{STEP}failed")


def problems(case: Case) -> Iterator[str]:
    """Whatever is missing, or stands before its cause."""
    for rule in (_edges, _dependencies, _attempts, _all_resolved, _reasons, _emitted):
        yield from rule(case)


def _edges(case: Case) -> Iterator[str]:
    """The start is first, the end is last."""
    own = [e for e in case.first_published if e["type"] not in REQUESTS]
    types = [event["type"] for event in own]
    early = case.waits_for_limits or case.position("workflow.scheduled") is not None
    never = early and types == ["workflow.cancelled"]
    if not never and types[:1] != ["workflow.started"]:
        yield f"begins with {types[:1]}"
    if case.status not in TERMINAL:
        return
    ends = [n for n, kind in enumerate(types) if kind in ENDS]
    if not ends:
        yield f"{case.status} and no event says so"
        return
    # A terminate does not wait for workers, which may have something to say yet.
    late = {f"{STEP}started", f"{STEP}cancelled"} if case.stop == "terminated" else set()
    if after := [k for k in types[ends[0] + 1 :] if k.startswith("workflow.") and k not in late]:
        yield f"{after} after the end"


def _dependencies(case: Case) -> Iterator[str]:
    """No step begins or ends before what it depends on is resolved, or is over if that will do."""
    for event in case.distinct(f"{STEP}started", f"{STEP}completed"):
        step = event["data"]["step_id"]
        defined = case.defined(step)
        for dependency in defined.get("depends_on", ()):
            kinds = OVER if _goes_on(case, defined, dependency) else RESOLVED
            resolved = [case.position(kind, dependency) for kind in kinds]
            if not any(at is not None and at < event["_seq"] for at in resolved):
                yield f"{event['type']} of {step} before {dependency} was resolved"
    ended: dict[str, float] = {}
    for note in case.notes:
        step = note["step"]
        if note.get("how") == "ok":
            ended.setdefault(step, note["at"])
        elif note["what"] == "begin" and step not in ended:
            defined = case.defined(step)
            for dependency in defined.get("depends_on", ()):
                needed = not _goes_on(case, defined, dependency)
                if needed and dependency not in ended and not _without_handler(case, dependency):
                    yield f"a handler of {step} ran before one of {dependency} returned"


def _goes_on(case: Case, defined: Json, dependency: str) -> bool:
    """Whether a step may run although its dependency failed."""
    passed_over = case.defined(dependency)
    rule = defined.get("trigger_rule", "all_success")
    return rule != "all_success" and bool({"continue_on_error", "finally"} & passed_over.keys())


def _without_handler(case: Case, step: str) -> bool:
    """Whether a human, a coordinator or an earlier run resolved the step."""
    resolved = case.distinct(*RESOLVED)
    return any(
        e["data"]["step_id"] == step and (not e["data"].get("worker") or e["type"].endswith("kept"))
        for e in resolved
    )


def _attempts(case: Case) -> Iterator[str]:
    """Each attempt has a cause: a start, a retry, an answer; and each decision an outcome."""
    seen: set[str] = set()
    for event in case.first_published:
        data = event["data"]
        if event["type"] in BY_WORKERS and data.get("worker"):
            for cause in _causes(data):
                if f"{case.run}/{cause}" not in seen:
                    yield f"{event['id']} without {cause}"
        elif event["type"] in FOLLOWS:
            cause = f"{case.run}/{FOLLOWS[event['type']](event)}"
            if not any(known.startswith(cause) for known in seen):
                yield f"{event['id']} without {cause}"
        seen.add(event["id"])


def _causes(data: Json) -> Iterator[str]:
    step, turn, attempt, kind = data["step_id"], data["turn"], data["attempt"], data["kind"]
    if data.get("iteration"):
        turn = f"{turn}.{data['iteration']}"
    if kind != "compensate":
        yield f"{STEP}started/{step}/{turn}"
    else:
        yield "workflow.compensating"
    if attempt > 1:
        yield f"{STEP}retrying/{step}/{kind}/{turn}.{attempt}"


def _failed(event: Json) -> str:
    """The failure that a decision follows from, as far as the event tells which."""
    return f"{STEP}attempt_failed/{event['data']['step_id']}/"


def _retried(event: Json) -> str:
    detail, _, attempt = event["id"].partition(f"{STEP}retrying/")[2].rpartition(".")
    return f"{STEP}attempt_failed/{detail}.{int(attempt) - 1}"


def _asks(event: Json) -> bool:
    """Whether the step was made to ask, and has not failed."""
    return not event["data"].get("error")


BEGUN = "workflow.started"
DECIDED = "workflow.human_decided"
FOLLOWS: dict[str, Callable[[Json], str]] = {
    f"{STEP}retrying": _retried,
    f"{STEP}fallback": _failed,
    f"{STEP}failed": _failed,
    "workflow.waiting_human": lambda event: BEGUN if _asks(event) else _failed(event),
    f"{STEP}skipped": lambda event: BEGUN if event["data"].get("reason") else DECIDED,
    f"{STEP}compensated": lambda _: "workflow.compensating",
    f"{STEP}compensation_failed": _failed,
}
"""What must have come before, by type of event: the beginning of an event's id."""


def _all_resolved(case: Case) -> Iterator[str]:
    if case.status != "COMPLETED" or case.stop == "ended":
        return
    for step, defined in case.definition.items():
        passes = bool({"continue_on_error", "finally"} & defined.keys())
        if all(case.position(kind, step) is None for kind in (OVER if passes else RESOLVED)):
            yield f"COMPLETED, and no event tells of {step}"


def _reasons(case: Case) -> Iterator[str]:
    """Why it ended so."""
    needed = {
        "failed": f"{STEP}failed",
        "ended": f"{STEP}completed",
        "timed_out": "workflow.timed_out",
        "cancelled": "workflow.cancel_requested",
        "terminated": "workflow.cancel_requested",
    }.get(case.stop)
    ended = case.stop == "failed" and any(
        "end" in defined and case.position(f"{STEP}completed", step) is not None
        for step, defined in case.definition.items()
    )
    if ended or case.began_stopped or case.status == "COMPLETED":
        return
    if case.status in TERMINAL and (needed is None or case.position(needed) is None):
        yield f"{case.status} ({case.stop or 'for no reason'}) without {needed}"


def _emitted(case: Case) -> Iterator[str]:
    """What a handler emits stands there once."""
    emitted = case.distinct("parcel.packed")
    if len(emitted) > 1:
        yield f"a handler's event stands there {len(emitted)} times"
    if not emitted and case.position(f"{STEP}completed", "big") is not None:
        yield "a handler's event is missing"
