"""What `why` may say of a run, each kind of reason with records of which it is true."""

from __future__ import annotations

from typing import Any

from bench.chaos import checker
from bench.chaos.evidence import Evidence
from tests.chaos.history import PID, RUN

Json = dict[str, Any]

AT = 100
"""The revision at which it was asked."""
NOW = 2000.0
"""When that was, long after the beginning."""
STEPS: dict[str, Json] = {
    "one": {"uses": "do", "saga": {"uses": "undo"}},
    "two": {"uses": "do", "depends_on": ["one"], "saga": {"uses": "undo"}},
    "nap": {"sleep": "5s"},
    "wait": {"wait_for": {"signal": "go"}},
    "ask": {"approval": {}},
    "call": {"workflow": "other"},
    "risky": {"uses": "do", "escalation": {"strategy": "wait_human"}, "retry": {"interval": "9s"}},
    "poll": {"uses": "do", "repeat": {"interval": "3s"}},
    "each": {"uses": "do", "for_each": {"max_parallel": 2}},
    "limited": {"uses": "do", "limits": ["chaos-few"], "concurrency": [{"limit": 1}]},
    "shared": {"uses": "do", "fairness": {"key": "input.n"}},
    "tidy": {"uses": "do", "finally": True},
}


def record(step: str, outcome: str = "RUNNING", revision: int = 50, **more: Any) -> Json:
    """As the witness saw it."""
    usual = {"kind": "run", "turn": 1, "attempt": 1}
    return {"step": step, "_revision": revision, "outcome": outcome, **usual, **more}


def of_run(**more: Any) -> Json:
    usual = {"workflow": "w", "status": "RUNNING", "created_at": 1000.0}
    return {"step": "", "_revision": 1, **usual, **more}


def reason(kind: str, *subjects: str, since: float = 0.0, until: float = 0.0) -> Json:
    return {"kind": kind, "text": "", "subjects": list(subjects), "since": since, "until": until}


def judged(
    said: dict[str, Json],
    *records: Json,
    run: Json | None = None,
    status: str = "RUNNING",
    at: int = AT,
    faults: tuple[Json, ...] = (),
    missed: tuple[list[int], ...] = (),
) -> tuple[list[str], Json]:
    """What the checker finds wrong with what was said, and how many reasons of which kinds."""
    run = run or of_run()
    reasons = [said[""]] if "" in said else []
    steps = {step: {"status": status, "reasons": [one]} for step, one in said.items() if step}
    sample: Json = {"run": RUN, "status": run["status"], "before": at, "after": at, "more": 0}
    evidence = Evidence(
        definitions={"w": STEPS},
        timeouts={"w": 90.0},
        starts=[{"run": RUN, "workflow": "w", "acked": True, "bad": False, "at": 1000.0}],
        runs={RUN: {key: value for key, value in run.items() if key != "step"}},
        writes={RUN: [run, *records]},
        missed=list(missed),
        fleet=["worker-0", "coordinator-0"],
        faults=list(faults),
        reasons=[{**sample, "asked": NOW, "answered": NOW, "reasons": reasons, "steps": steps}],
    )
    verdict = checker.check(evidence)
    found = [one.text for one in verdict.violations if one.kind == checker.UNTRUE]
    return found, dict(verdict.reasons)


HELD: Json = {"worker": f"host-{PID}-a", "started_at": 1990.0, "lease_until": 2003.0}
WAITS: Json = {"started_at": 1990.0, "wakes_at": 2010.0}
BY_WORKER = reason("worker", f"host-{PID}-a", since=1990.0, until=2003.0)
LOST = reason("lost_worker", f"host-{PID}-a", since=1990.0, until=2003.0)
KILLED = ({"kind": "kill worker", "from": 1985.0, "pid": PID, "name": "worker-0"},)
KILLED_OTHER = ({"kind": "kill coordinator", "from": 1985.0, "name": "coordinator-0"},)
STOPPED = of_run(stop={"reason": "failed"}, status="COMPENSATING")
LOOP = (
    record("each", started_at=1990.0, count=3),
    record("each/0", **HELD),
    record("each/1", **HELD),
)
OF_LOOP = {"each[0]": BY_WORKER, "each[1]": BY_WORKER}

TRUE: dict[str, tuple[dict[str, Json], tuple[Json, ...], Json]] = {
    "worker": ({"one": BY_WORKER}, (record("one", **HELD),), {}),
    "lost_worker": ({"one": LOST}, (record("one", **HELD),), {"faults": KILLED}),
    "timer": (
        {"nap": reason("timer", since=1990.0, until=2010.0)},
        (record("nap", **WAITS),),
        {},
    ),
    "signal": (
        {"wait": reason("signal", "go", since=1990.0, until=2010.0)},
        (record("wait", **WAITS),),
        {},
    ),
    "approval": (
        {"ask": reason("approval", "ask", since=1990.0, until=2010.0)},
        (record("ask", **WAITS),),
        {},
    ),
    "human": (
        {"risky": reason("human", "risky", since=1999.0)},
        (record("risky", "FAILED", finished_at=1999.0),),
        {},
    ),
    "child": (
        {"call": reason("child", "below", since=1990.0)},
        (record("call", started_at=1990.0, child="below"),),
        {},
    ),
    "dependency": (
        {"one": BY_WORKER, "two": reason("dependency", "one")},
        (record("one", **HELD),),
        {},
    ),
    "finally": ({"tidy": reason("finally", "one", "two")}, (), {}),
    "loop": ({"each": reason("loop", "each[0]", "each[1]"), **OF_LOOP}, LOOP, {}),
    "limit": ({"each": reason("limit", "each[0]", "each[1]"), **OF_LOOP}, LOOP, {}),
    "iteration": (
        {"poll": reason("iteration", until=2002.0)},
        (record("poll", "ITERATED", finished_at=1999.0),),
        {},
    ),
    "retry": (
        {"call": reason("retry", "below", until=2005.0)},
        (record("call", started_at=2005.0, child="below"),),
        {},
    ),
    "queue": ({"two": reason("queue", "default", since=1999.0)}, (), {"status": "PENDING"}),
    "handed_out": ({"two": reason("handed_out", "default")}, (), {"status": "PENDING"}),
    "no_worker": ({"two": reason("no_worker", "default")}, (), {"faults": KILLED}),
    "coordinator": ({"two": reason("coordinator", "c-1")}, (), {}),
    "no_coordinator": (
        {"two": reason("no_coordinator", "partition 3")},
        (),
        {"faults": KILLED_OTHER},
    ),
    "stopping": ({"two": reason("stopping")}, (), {"run": STOPPED}),
    "compensation": (
        {"one": reason("compensation", "two")},
        (record("one", "COMPLETED"), record("two", "COMPLETED")),
        {"run": STOPPED, "status": "COMPLETED"},
    ),
    "start": (
        {"": reason("start", until=2001.0)},
        (),
        {"run": of_run(status="PENDING", begins_at=2001.0)},
    ),
    "timeout": ({"": reason("timeout", since=1000.0, until=1090.0)}, (), {}),
}
"""For each kind what is said, the records of which that is true, and what else is."""
