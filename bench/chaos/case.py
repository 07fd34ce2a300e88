"""One run, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

Json = dict[str, Any]

TERMINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
ENDS = {f"workflow.{status.lower()}" for status in TERMINAL}


@dataclass(frozen=True)
class Violation:
    """Something that must not be.

    Attributes:
        kind: one of the checker's.
        run: which run, or empty.
        text: what was found.
    """

    kind: str
    run: str
    text: str


@dataclass(frozen=True)
class Case:
    """A run.

    Attributes:
        record: as it is stored.
        definition: its steps as the YAML has them.
        steps: records by step.
        events: all of them, as often as they are stored, in order.
        notes: what handlers wrote down about it, by time.
        signals: records of what was sent to it.
        ends: terminal states that a witness saw, in order.
    """

    run: str
    record: Json
    definition: dict[str, Json]
    steps: dict[str, Json]
    events: list[Json]
    notes: list[Json]
    ends: list[str]
    signals: list[Json]

    def defined(self, step: str) -> Json:
        """A step, or that of which it is an instance, as the YAML has it."""
        return self.definition.get(step.partition("/")[0], {})

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL

    @property
    def has_end(self) -> bool:
        """Whether it has ended, and an event says so: nothing of it changes any more."""
        return self.is_over and bool(self.distinct(*ENDS))

    @property
    def status(self) -> str:
        """Of the run's record."""
        return str(self.record["status"])

    @property
    def stop(self) -> str:
        """Why it stopped before its end, or empty."""
        return str((self.record.get("stop") or {}).get("reason", ""))

    @property
    def waits_for_limits(self) -> bool:
        """Whether limits have not let it in, or had not when it was stopped."""
        admission = self.record.get("admission")
        return admission is not None and not admission.get("admitted", False)

    @property
    def began_stopped(self) -> bool:
        """Whether it is a step of a run that had stopped when it began: nobody asked it to stop."""
        parent = (self.record.get("parent") or {}).get("run", "")
        message = (self.record.get("stop") or {}).get("message", "")
        return bool(parent) and message == f"run {parent} stopped before this run began"

    @cached_property
    def first_published(self) -> list[Json]:
        """Events without those published again: same id, same content."""
        seen: dict[str, Json] = {}
        found = []
        for event in self.events:
            before = seen.setdefault(event["id"], event)
            if before is event or _published(before) != _published(event):
                found.append(event)
        return found

    def distinct(self, *types: str) -> list[Json]:
        """Events of these types, each once."""
        return [event for event in self.first_published if event["type"] in types]

    def nonces(self, step: str) -> set[int]:
        """What handlers of a step returned."""
        return {n["nonce"] for n in self.notes if n["step"] == step and n.get("how") == "ok"}

    def position(self, event_type: str, step: str = "") -> int | None:
        """Sequence of the first such event."""
        for event in self.events:
            if event["type"] == event_type and step in ("", event["data"].get("step_id")):
                return int(event["_seq"])
        return None


VARYING = {
    "workflow.step.started": {"at", "revision", "worker"},
    "workflow.completed": {"at"},
    "workflow.failed": {"at"},
    "workflow.cancelled": {"at"},
}
"""What may differ when an event is published again: a step that is taken over starts elsewhere."""


def _published(event: Json) -> Json:
    """What an event says, whenever it was said: coordinators tell with their own clock."""
    data = event["data"] if isinstance(event["data"], dict) else {"data": event["data"]}
    usual = {"at"} if data.get("worker") else {"at", "revision"}
    varying = VARYING.get(event["type"], usual)
    return {name: value for name, value in data.items() if name not in varying}


def nonce_of(holder: Json) -> int | None:
    """What the handler returned, whose output an event or a record has; None for another one."""
    output = holder.get("output") or {}
    data = output.get("data") if output.get("kind") == "inline" else None
    return data.get("nonce") if isinstance(data, dict) else None
