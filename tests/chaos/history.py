"""A made-up history of one run that is as it must be, to be spoiled in one place."""

from __future__ import annotations

from typing import Any

from bench.chaos.checker import check
from bench.chaos.evidence import Evidence

RUN, PID = "r1", 7
STEPS: dict[str, dict[str, Any]] = {
    "one": {"id": "one", "uses": "do", "saga": {"uses": "undo"}},
    "two": {"id": "two", "uses": "do", "depends_on": ["one"], "saga": {"uses": "undo"}},
    "three": {"id": "three", "uses": "bad", "depends_on": ["two"], "retry": {"max_attempts": 2}},
}


class History:
    """Builds evidence event by event; sequences and times count up."""

    def __init__(self, steps: dict[str, dict[str, Any]] = STEPS) -> None:
        self.evidence = Evidence(
            definitions={"w": steps},
            starts=[{"run": RUN, "workflow": "w", "acked": True, "bad": False}],
        )
        self.events = self.evidence.events.setdefault(RUN, [])
        self.notes = self.evidence.notes
        self.revision = 100
        self.at = 1000.0

    def tell(self, event: str, detail: str = "", **data: Any) -> dict[str, Any]:
        """An event."""
        self.at += 1.0
        suffix = f"/{detail}" if detail else ""
        published = {
            "id": f"{RUN}/workflow.{event}{suffix}",
            "type": f"workflow.{event}",
            "data": {"id": RUN, "at": self.at, **data},
            "_seq": len(self.events) + 1,
        }
        self.events.append(published)
        return published

    def execute(
        self, step: str, uses: str, attempt: int = 1, how: str = "ok", iteration: int = 0
    ) -> int:
        """A handler runs, and is given its item if it has one; the nonce that it returns."""
        nonce = len(self.notes) + 1
        about = {"run": RUN, "step": step, "uses": uses, "turn": 1, "attempt": attempt}
        about |= {"iteration": iteration, "nonce": nonce}
        _, _, index = step.partition("/")
        given = {"n": int(index) + 1} if index else {}
        for what, more in (("begin", given), ("end", {"how": how})):
            self.at += 0.1
            self.notes.append({"what": what, "at": self.at, "pid": PID, **about, **more})
        return nonce

    def complete(self, step: str) -> None:
        """A step begins, runs and completes."""
        self.revision += 1
        attempt = {"step_id": step, "kind": "run", "turn": 1, "attempt": 1, "worker": "w1"}
        self.tell("step.started", f"{step}/1", **attempt)
        output = {"kind": "inline", "data": {"nonce": self.execute(step, "do")}}
        published = {**attempt, "revision": self.revision, "output": output}
        self.tell("step.completed", f"{step}/1", **published)
        self.evidence.steps.setdefault(RUN, {})[step] = {
            "kind": "run",
            "output": output,
            "_revision": self.revision,
        }

    def iterate(self, step: str, iteration: int, **output: Any) -> None:
        """An iteration of a step that is repeated begins, runs and ends."""
        self.revision += 1
        attempt = {"step_id": step, "kind": "run", "turn": 1, "attempt": 1, "worker": "w1"}
        attempt["iteration"] = iteration
        self.tell("step.started", f"{step}/1.{iteration}", **attempt)
        nonce = self.execute(step, "do", iteration=iteration)
        kept = {"kind": "inline", "data": {"nonce": nonce, **output}}
        published = {**attempt, "revision": self.revision, "output": kept}
        self.tell("step.iterated", f"{step}/run/1.{iteration}.1", **published)
        self.evidence.steps.setdefault(RUN, {})[step] = {"kind": "run", "output": kept}

    def was_last(self, step: str, event: str = "completed", **data: Any) -> None:
        """A coordinator ends a step that is repeated, with what its last iteration came to."""
        self.revision += 1
        published = {**self.find_last("step.iterated", step)["data"], **data}
        self.tell(f"step.{event}", f"{step}/1", **(published | {"revision": self.revision}))
        self.evidence.steps[RUN][step]["_revision"] = self.revision

    def settle(self, step: str, output: Any = None, **record: Any) -> None:
        """A coordinator begins and completes a step without a handler."""
        self.revision += 1
        attempt = {"step_id": step, "kind": "run", "turn": 1, "attempt": 1}
        self.tell("step.started", f"{step}/1", **attempt)
        kept = {"kind": "inline", "data": output}
        published = {**attempt, "revision": self.revision, "output": kept}
        self.tell("step.completed", f"{step}/1", **published)
        self.evidence.steps.setdefault(RUN, {})[step] = {
            "kind": "run",
            "output": kept,
            "started_at": self.at - 0.5,
            "finished_at": self.at,
            "_revision": self.revision,
            **record,
        }

    def skip(self, step: str, reason: str) -> None:
        """A step is not run."""
        self.tell("step.skipped", f"{step}/1", step_id=step, reason=reason)

    def fail(self, step: str) -> None:
        """A step begins, fails twice, and the run stops."""
        for attempt in (1, 2):
            published = {"step_id": step, "kind": "run", "turn": 1, "attempt": attempt}
            if attempt == 1:
                self.tell("step.started", f"{step}/1", worker="w1", **published)
            self.execute(step, "bad", attempt, how="failed")
            self.tell("step.attempt_failed", f"{step}/run/1.{attempt}", worker="w1", **published)
            if attempt == 1:
                self.tell("step.retrying", f"{step}/run/1.2", step_id=step, attempt=2)
        self.tell("step.failed", f"{step}/1", step_id=step)

    def undo(self, step: str) -> None:
        """A compensation."""
        self.execute(step, "undo")
        self.tell("step.compensated", step, step_id=step, worker="w1", kind="compensate")
        record = self.evidence.steps[RUN][step]
        record |= {"kind": "compensate", "completed": record["_revision"]}

    def end(self, status: str, stop: str = "") -> None:
        """The run is over."""
        self.revision += 1
        self.tell(status.lower(), revision=self.revision)
        self.evidence.runs[RUN] = {
            "workflow": "w",
            "status": status,
            "input": {"kind": "inline", "data": {"odd": True}},
            "_revision": self.revision,
            **({"stop": {"reason": stop}} if stop else {}),
        }
        self.evidence.ends[RUN] = [status]
        self.evidence.index.append((status, "w", RUN))

    def find_last(self, kind: str, step: str) -> dict[str, Any]:
        """The last such event."""
        own = [event for event in self.events if event["data"].get("step_id") == step]
        return [event for event in own if event["type"] == f"workflow.{kind}"][-1]

    def find(self, kind: str, step: str = "") -> dict[str, Any]:
        """The first such event."""
        return next(
            event
            for event in self.events
            if event["type"] == f"workflow.{kind}" and step in ("", event["data"].get("step_id"))
        )

    def remove(self, kind: str, step: str = "") -> None:
        """As if an event had been lost."""
        self.events.remove(self.find(kind, step))

    def move(self, kind: str, step: str, to: int) -> None:
        """As if an event had been stored at another place."""
        event = self.find(kind, step)
        self.events.remove(event)
        self.events.insert(to, event)
        for number, each in enumerate(self.events):
            each["_seq"] = number + 1


def failed() -> History:
    """Two steps complete, the third fails, both are compensated."""
    history = History()
    history.tell("started")
    history.complete("one")
    history.complete("two")
    history.fail("three")
    history.tell("compensating")
    history.undo("two")
    history.undo("one")
    history.end("FAILED", "failed")
    return history


def completed() -> History:
    """All three steps complete."""
    history = History()
    history.tell("started")
    for step in STEPS:
        history.complete(step)
    history.end("COMPLETED")
    return history


def kinds(history: History) -> set[str]:
    """Of the violations that the checker finds."""
    return {violation.kind for violation in check(history.evidence).violations}
