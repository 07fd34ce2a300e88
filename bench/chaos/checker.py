"""What must hold of a campaign, judged from the evidence alone.

Independent of the engine: streams, buckets and YAML as plain JSON, and the handlers' own notes as a
second witness. Every rule is a function that yields violations, each of one kind below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.chaos import (
    below,
    causality,
    compensation,
    language,
    limits,
    repeats,
    repetition,
    unsettled,
)
from bench.chaos.case import ENDS, TERMINAL, Case, Json, Violation, nonce_of
from bench.chaos.disturbed import Disturbed
from bench.chaos.evidence import Evidence
from bench.chaos.past import Asked, Past
from bench.chaos.reasons import judge

UNSETTLED = "not at rest"
LOST = "runs lost"
TWO_RESULTS = "steps with two results"
CHANGED = "terminal states changed"
EVENTS = "events missing or out of causal order"
COMPENSATIONS = "compensations missed or in the wrong order"
CONCURRENT = "executed at the same time without a fault"
UNEXPLAINED = "executed twice without a fault"
CHOICES = "steps that ran and should not, or the other way round"
BELOW = "instances and children that are not what their step says"
REPEATED = "iterations out of order, beyond the last, or not counted"
WAITS = "steps that waited for too short, or took what is not theirs"
LIMITS = "more at a time than a limit allows"
UNTRUE = "reasons that were not true, or missing"
INDEX = "index entries that are wrong"
QUEUED = "messages left in work queues"
STRANGE = "runs nobody started"

KINDS = (
    *(UNSETTLED, LOST, TWO_RESULTS, CHANGED, EVENTS, COMPENSATIONS, CONCURRENT, UNEXPLAINED),
    *(CHOICES, BELOW, REPEATED, WAITS, LIMITS, UNTRUE, INDEX, QUEUED, STRANGE),
)
"""All kinds of violations; each must be found zero times."""


@dataclass
class Verdict:
    """What the checker found.

    Attributes:
        counts: how many runs, steps and so on; for information.
        repeats: executions beyond the first of an attempt, by cause.
        violations: everything that must not be.
        finished_again: executions after the outcome of their attempt, which a worker can begin
            that hung between its claim and its handler.
        reasons: reasons that `why` gave and that were judged, by kind.
        waits: if the fleet was not at rest, what had not ended, and on what it waited.
    """

    counts: dict[str, int] = field(default_factory=dict)
    repeats: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    finished_again: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    waits: list[str] = field(default_factory=list)

    def of(self, kind: str) -> int:
        """How many violations of a kind."""
        return sum(violation.kind == kind for violation in self.violations)


def check(evidence: Evidence) -> Verdict:
    """Judge all of it; of a fleet that was not at rest, only what cannot change any more."""
    cases = _cases(evidence)
    verdict = Verdict(counts=_counts(evidence, cases))
    if evidence.unsettled:
        verdict.waits = unsettled.waits(evidence, cases)
        text = f"not at rest after {evidence.unsettled:.0f} s: {len(verdict.waits)} wait"
        verdict.violations.append(Violation(UNSETTLED, "", text))
    for case in cases:
        if evidence.unsettled and not case.has_end:
            continue
        for rule in (_unfinished, _changed, _results):
            verdict.violations += rule(case)
        texts = (
            (EVENTS, causality.problems),
            (COMPENSATIONS, compensation.problems),
            (CHOICES, language.problems),
            (WAITS, language.waiting),
            (BELOW, below.loops),
            (REPEATED, repetition.problems),
        )
        for kind, problems in texts:
            verdict.violations += [Violation(kind, case.run, text) for text in problems(case)]
    verdict.violations += [Violation(LIMITS, "", text) for text in limits.problems(evidence)]
    verdict.violations += _untrue(evidence, cases, verdict.reasons)
    verdict.violations += _missing(evidence)
    verdict.violations += _rejections(evidence)
    if not evidence.unsettled:
        verdict.violations += _children(evidence, cases)
        verdict.violations += _index(evidence)
        verdict.violations += [Violation(QUEUED, "", subject) for subject in evidence.queued]
    faults = repeats.Faults(evidence.faults, evidence.slow)
    for case in cases:
        verdict.finished_again += [f"{case.run}: {text}" for text in repeats.finished(case)]
        for again in repeats.found(case):
            cause = faults.cause(again)
            verdict.repeats[cause or "unexplained"] += 1
            if cause is None:
                kind = CONCURRENT if again.overlapped else UNEXPLAINED
                verdict.violations.append(Violation(kind, case.run, str(again)))
    return verdict


def _cases(evidence: Evidence) -> list[Case]:
    notes: dict[str, list] = {}
    for note in evidence.notes:
        notes.setdefault(note["run"], []).append(note)
    return [
        Case(
            run,
            record,
            evidence.definitions.get(record["workflow"], {}),
            evidence.steps.get(run, {}),
            [_of_instance(event) for event in evidence.events.get(run, [])],
            notes.get(run, []),
            evidence.ends.get(run, []),
            evidence.signals.get(run, []),
        )
        for run, record in sorted(evidence.runs.items())
    ]


def _of_instance(event: Json) -> Json:
    """With the id that an instance has everywhere else."""
    data = event["data"]
    if not isinstance(data, dict) or data.get("index") is None:
        return event
    return {**event, "data": {**data, "step_id": f"{data['step_id']}/{data['index']}"}}


def _unfinished(case: Case) -> Iterator[Violation]:
    if case.status not in TERMINAL:
        yield Violation(LOST, case.run, f"is still {case.status}")


def _missing(evidence: Evidence) -> Iterator[Violation]:
    """An acknowledged start is a run, or is still to be taken; and nothing else is a run."""
    asked = {start["run"] for start in evidence.starts}
    queued = {subject.partition(".")[2] for subject in evidence.queued}
    for start in evidence.starts:
        is_lost = start["acked"] and not start["bad"] and start["run"] not in evidence.runs
        if is_lost and f"start.{start['workflow']}" not in queued:
            yield Violation(LOST, start["run"], "was acknowledged, and no record exists")
    for run, record in evidence.runs.items():
        if run not in asked and not record.get("parent"):
            yield Violation(STRANGE, run, "has a record")


def _children(evidence: Evidence, cases: list[Case]) -> Iterator[Violation]:
    for case in cases:
        for text in below.children(case, evidence.runs, evidence.steps):
            yield Violation(BELOW, case.run, text)


def _untrue(evidence: Evidence, cases: list[Case], judged: Counter[str]) -> Iterator[Violation]:
    began = min((start.get("at", 0.0) for start in evidence.starts), default=0.0)
    disturbed = Disturbed(evidence.faults, evidence.slow, evidence.fleet, began)
    samples: dict[str, list[Json]] = {}
    for sample in evidence.reasons:
        samples.setdefault(sample["run"], []).append(sample)
    for case in cases:
        if case.run not in samples:
            continue
        past = Past(evidence.writes.get(case.run, []), evidence.missed, case.record, case.steps)
        limit = evidence.timeouts.get(case.record["workflow"], 0.0)
        for sample in samples[case.run]:
            asked = Asked(case, past, sample, disturbed, limit)
            for text in judge(asked, judged):
                yield Violation(UNTRUE, case.run, text)


def _rejections(evidence: Evidence) -> Iterator[Violation]:
    for start in evidence.starts:
        types = [event["type"] for event in evidence.events.get(start["run"], [])]
        published = types.count("workflow.rejected")
        wrong = published > 1 or (published == 0 and not evidence.unsettled)
        if start["bad"] and start["acked"] and (wrong or start["run"] in evidence.runs):
            yield Violation(EVENTS, start["run"], f"a bad start was rejected {published} times")


def _changed(case: Case) -> Iterator[Violation]:
    """One terminal event, which tells of the record as it is; nobody wrote the record again."""
    seen = list(dict.fromkeys(case.ends))
    if len(seen) > 1:
        yield Violation(CHANGED, case.run, f"the record was {' then '.join(seen)}")
    ends = case.distinct(*ENDS)
    if len(ends) > 1:
        yield Violation(CHANGED, case.run, f"ended {len(ends)} times: {[e['type'] for e in ends]}")
    for end in ends:
        if end["type"] != f"workflow.{case.status.lower()}":
            yield Violation(CHANGED, case.run, f"{end['type']}, and the record is {case.status}")
        elif end["data"]["revision"] != case.record["_revision"]:
            text = (
                f"ended at {end['data']['revision']}, written again at {case.record['_revision']}"
            )
            yield Violation(CHANGED, case.run, text)


def _results(case: Case) -> Iterator[Violation]:
    """One result per step, the one that stands in its record, made by a handler that returned."""
    results: dict[str, list[Json]] = {}
    for event in case.distinct("workflow.step.completed"):
        results.setdefault(event["data"]["step_id"], []).append(event["data"])
    for step, found in results.items():
        if len(found) > 1:
            yield Violation(TWO_RESULTS, case.run, f"{step} completed {len(found)} times")
        if found[0].get("worker"):  # a human's answer has no record of its own
            for text in _differences(case, step, found[0]):
                yield Violation(TWO_RESULTS, case.run, f"{step} {text}")


def _differences(case: Case, step: str, published: Json) -> Iterator[str]:
    """Between what was published of a result, its record, and the handlers' notes."""
    record = case.steps.get(step)
    if record is None:
        yield "completed, and has no record"
        return
    if record["kind"] == "compensate":
        if record.get("completed") != published["revision"]:
            yield "was compensated for another result"
    elif record["_revision"] != published["revision"]:
        yield "was written again after its result"
    nonce = nonce_of(published)
    if nonce is not None and nonce not in case.nonces(step):
        yield "completed, and no handler returned its result"
    if nonce_of(record) != nonce:
        yield "has one result in its event and another in its record"


def _index(evidence: Evidence) -> Iterator[Violation]:
    listed = Counter(run for _, _, run in evidence.index)
    for status, workflow, run in evidence.index:
        record = evidence.runs.get(run)
        if record is None or (record["status"], record["workflow"]) != (status, workflow):
            found = "no record" if record is None else f"{record['status']} {record['workflow']}"
            yield Violation(INDEX, run, f"listed as {status} {workflow}, found {found}")
    for run in evidence.runs:
        if listed[run] != 1:
            yield Violation(INDEX, run, f"listed {listed[run]} times")


def _counts(evidence: Evidence, cases: list[Case]) -> dict[str, int]:
    statuses = Counter(case.status for case in cases)
    steps = sum(len(case.steps) for case in cases)
    published = [event for case in cases for event in case.events]
    return {
        "runs started": sum(s["acked"] and not s["bad"] for s in evidence.starts),
        "runs finished": sum(statuses[status] for status in TERMINAL),
        **{f"... {status.lower()}": statuses[status] for status in sorted(TERMINAL)},
        "runs that were ended early": sum(case.stop == "ended" for case in cases),
        "runs that are steps": sum(bool(case.record.get("parent")) for case in cases),
        "iterations": sum(len(case.distinct("workflow.step.iterated")) for case in cases),
        "instances of loops": sum("/" in step for case in cases for step in case.steps),
        "reruns": sum(bool(case.record.get("rerun_of")) for case in cases),
        "steps skipped": sum(len(case.distinct("workflow.step.skipped")) for case in cases),
        "signals taken": sum(bool(s.get("taken_by")) for c in cases for s in c.signals),
        "bad starts rejected": sum(s["acked"] and s["bad"] for s in evidence.starts),
        "times that it was asked why": len(evidence.reasons),
        "... of runs that had not ended": sum(
            s["status"] not in TERMINAL for s in evidence.reasons
        ),
        "steps": steps,
        "handler executions": sum(note["what"] == "begin" for note in evidence.notes),
        "events": len(published),
        "events published twice": len(published)
        - sum(len({e["id"] for e in c.events}) for c in cases),
        "timeouts yet to fire in vain": len(evidence.timers),
        "answers that took a second or longer": len(evidence.slow),
        "faults": len(evidence.faults),
    }
