"""What had not ended when a fleet was looked at, and what each waits for.

It may be slow, or stuck. What is there does not say which; so nothing of this is lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.chaos.case import Case, Json
from bench.chaos.evidence import Evidence

COMMANDS = ("start", "control", "signal")


def waits(evidence: Evidence, cases: list[Case]) -> list[str]:
    """One line for each run that has not ended, and one for each command that nobody took."""
    found = [f"{case.run}: {_of_run(case, evidence)}" for case in cases if not case.is_over]
    queued = [subject for subject in evidence.queued if subject.split(".")[1] in COMMANDS]
    return [*found, *(f"not taken: {subject}" for subject in queued)]


def _of_run(case: Case, evidence: Evidence) -> str:
    things = [*_of_steps(case), *_queued(case, evidence)]
    if case.status == "WAITING_HUMAN":
        things.append("an answer")
    if case.record.get("begins_at"):
        things.append(f"its beginning at {case.record['begins_at']:.3f}")
    for_what = ", ".join(things) or "a coordinator; nothing of it is queued or claimed"
    return f"is {case.status}, waits for {for_what}"


def _of_steps(case: Case) -> Iterator[str]:
    for step, record in sorted(case.steps.items()):
        if record["outcome"] == "RUNNING":
            yield f"{step} ({_of_step(record)})"


def _of_step(record: Json) -> str:
    if record.get("child"):
        return f"the run {record['child']}"
    if record.get("worker"):
        held = f"lease until {record['lease_until']:.3f}" if record.get("lease_until") else "free"
        return f"attempt {record['attempt']} of {record['worker']}, {held}"
    return f"until {record['wakes_at']:.3f}" if record.get("wakes_at") else "of a coordinator"


def _queued(case: Case, evidence: Evidence) -> list[str]:
    subjects = [*evidence.queued, *evidence.timers]
    return [f"the message {subject}" for subject in subjects if case.run in subject.split(".")]
