"""Everything that a campaign left behind, as plain data: nothing here knows the engine."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.chaos.raw import Raw, Stored

Json = dict[str, Any]

WORKFLOWS = Path(__file__).parent / "workflows.yaml"


@dataclass
class Evidence:
    """What the checker judges. Times are epoch seconds.

    Attributes:
        definitions: step id -> step as it stands in the YAML, by workflow; one of `finally` has
            that as a key.
        unsettled: seconds for which it was waited in vain that all is over; 0 if it was. A run that
            goes on may look like anything.
        starts: the ledger of those who started runs.
        runs: run id -> its record; `_revision` is the sequence under which it is stored.
        steps: run id -> step id -> its record, likewise.
        index: (status, workflow, run) of every entry.
        events: run id -> its CloudEvents in the order of the stream; `_seq` is the sequence.
        notes: what the handlers wrote down, by time.
        faults: what was done to the fleet.
        slow: when the server took long to answer, whatever the reason.
        ends: run id -> the terminal states that a witness saw in its record, in order.
        queued: subjects of what is left in work queues, but for timers of runs.
        timers: subjects of timeouts that are left: they find nothing to do when they fire.
        signals: run id -> the records of those that were sent to it.
        fleet: names of the processes.
        timeouts: seconds that runs may take, by workflow.
        limits: of how many runs may be at work, as the YAML has them, by workflow.
        writes: run id -> what a witness saw written of it and of its steps, in order: `step`, or
            none for the run itself, and `_revision`.
        missed: from which revision to which the witness saw nothing of what was written.
        reasons: what `why` said of runs while they went on, and between which revisions.
    """

    definitions: dict[str, dict[str, Json]] = field(default_factory=dict)
    unsettled: float = 0.0
    starts: list[Json] = field(default_factory=list)
    runs: dict[str, Json] = field(default_factory=dict)
    steps: dict[str, dict[str, Json]] = field(default_factory=dict)
    index: list[tuple[str, str, str]] = field(default_factory=list)
    events: dict[str, list[Json]] = field(default_factory=dict)
    notes: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)
    slow: list[Json] = field(default_factory=list)
    ends: dict[str, list[str]] = field(default_factory=dict)
    queued: list[str] = field(default_factory=list)
    timers: list[str] = field(default_factory=list)
    signals: dict[str, list[Json]] = field(default_factory=dict)
    fleet: list[str] = field(default_factory=list)
    timeouts: dict[str, float] = field(default_factory=dict)
    limits: dict[str, list[Json]] = field(default_factory=dict)
    writes: dict[str, list[Json]] = field(default_factory=dict)
    missed: list[list[int]] = field(default_factory=list)
    reasons: list[Json] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As JSON, to look into."""
        path.write_text(json.dumps(self.__dict__, indent=1), encoding="utf-8")


def definitions(path: Path = WORKFLOWS) -> dict[str, dict[str, Json]]:
    """Steps by id, by workflow; one of `finally` has that key."""
    found: dict[str, dict[str, Json]] = {}
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        found |= _defined(document["name"], document)
    return found


def timeouts(path: Path = WORKFLOWS) -> dict[str, float]:
    """Seconds that runs may take, by workflow; those without a limit are missing."""
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return {
        document["name"]: float(document["timeout"].removesuffix("s"))
        for document in documents
        if "timeout" in document
    }


def limits(path: Path = WORKFLOWS) -> dict[str, list[Json]]:
    """How many runs may be at work, by workflow; those without a limit are missing."""
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return {each["name"]: each["concurrency"] for each in documents if "concurrency" in each}


def _defined(name: str, workflow: Json) -> dict[str, dict[str, Json]]:
    """It, and its groups, which are called by their workflow and their step."""
    found = {name: {step["id"]: step for step in _steps(workflow)}}
    for step in workflow["steps"]:
        if "steps" in step:
            found |= _defined(f"{name}.{step['id']}", step)
    return found


def _steps(workflow: Json) -> list[Json]:
    last = [{**step, "finally": True} for step in workflow.get("finally", ())]
    return [*workflow["steps"], *last]


def read_notes(folder: Path) -> list[Json]:
    """All notes of all processes; a line that was cut short is no note."""
    notes = []
    for path in folder.glob("*.jsonl"):
        lines = path.read_text(encoding="utf-8").splitlines()
        notes += [json.loads(line) for line in lines if line.endswith("}")]
    return sorted(notes, key=lambda note: note["at"])


async def collect(raw: Raw, namespace: str, evidence: Evidence) -> None:
    """Read queues, records, index and events as they are.

    In this order: a start leaves its queue when its run has a record.
    """
    bucket, upper = f"{namespace}_runs", namespace.upper()
    queued = [
        subject
        for stream in ("COMMANDS", "STEPS")
        for subject in await raw.patiently(partial(raw.subjects, f"{upper}_{stream}"))
    ]
    for message in await raw.patiently(partial(raw.messages, f"KV_{bucket}", f"$KV.{bucket}.>")):
        _enter(evidence, message.subject.removeprefix(f"$KV.{bucket}."), message)
    events = partial(raw.messages, f"{upper}_EVENTS", f"{namespace}.event.>")
    for message in await raw.patiently(events):
        run = message.subject.split(".")[3]
        event = {**json.loads(message.data), "_seq": message.seq}
        evidence.events.setdefault(run, []).append(event)
    removals = re.compile(rf"{namespace}\.timer\.at\.run\.[^.]+\.retention")
    evidence.timers = [subject for subject in queued if _is_timeout(subject, evidence)]
    evidence.queued = [
        subject
        for subject in queued
        if subject not in evidence.timers and not removals.fullmatch(subject)
    ]


def _is_timeout(subject: str, evidence: Evidence) -> bool:
    """Of a run, or of a step that waits: one with a handler has its next attempt there."""
    _, _, _, kind, run, name = (*subject.split(".", 5), "", "", "", "", "")[:6]
    if kind != "step":
        return (kind, name) == ("run", "timeout")
    workflow = evidence.runs.get(run, {}).get("workflow", "")
    return "uses" not in evidence.definitions.get(workflow, {}).get(
        name.partition("/")[0], {"uses": ""}
    )


def _enter(evidence: Evidence, key: str, message: Stored) -> None:
    kind, _, rest = key.partition(".")
    match kind:
        case "run":
            evidence.runs[rest] = {**json.loads(message.data), "_revision": message.seq}
        case "step":
            _, run, step = rest.split(".", 2)
            record = {**json.loads(message.data), "_revision": message.seq}
            evidence.steps.setdefault(run, {})[step] = record
        case "signal":
            run = rest.partition(".")[0]
            evidence.signals.setdefault(run, []).append(json.loads(message.data))
        case "index":
            status, workflow, *_, run = rest.split(".")
            evidence.index.append((status, workflow.replace("/", "."), run))
