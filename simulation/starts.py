"""What must hold for start messages: whom a run answers, and who may be refused."""

from __future__ import annotations

__all__ = ["Starts", "is_another", "stricter"]

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flowworker.codec.json import encode, encode_sorted
from flowworker.codec.messages import FLOW_DELAY
from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id, sequence_of
from flowworker.core.payload import Stored
from flowworker.core.status import RunStatus
from simulation.children import check_child, check_child_input, given_by_parent
from simulation.debounces import Debounces
from simulation.expecting import UNKNOWN, expect
from simulation.labels import check_labels
from simulation.run_limits import may_refuse
from simulation.settings import LONGEST
from simulation.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.codec.cloudevents import CloudEvent
    from flowworker.core.graph import Plan
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.ports import Delivery
    from simulation.quiet import Quiet

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"order": {}, "padding": {"maxLength": LONGEST}, "things": {}},
}


def stricter(workflow: Workflow) -> Workflow:
    """The same for fewer inputs."""
    known = workflow.input_schema or {}
    properties = {**known.get("properties", {}), **_SCHEMA["properties"]}
    return replace(workflow, input_schema={**known, **_SCHEMA, "properties": properties})


def is_another(truth: Truth, record: RunRecord) -> bool:
    """Whether a record is of another run of this id, or of a start that was refused before."""
    another = truth.created.origin != record.origin or bool(truth.record.refused)
    return truth.gone and another


class Starts:
    """Starts of one world.

    Attributes:
        strict: workflows whose stricter definition is registered.
        refused: ids of runs of which a start was refused that could be.
        answered: sequences of start messages that were acknowledged and not refused.
        uploaded: inputs by the references that stand for them in start messages.
        sent: inputs by the sequences of start messages.
        debounces: those that replace each other.
    """

    def __init__(self, workflows: Mapping[str, Workflow], quiet: Quiet) -> None:
        """Only these workflows exist; also stricter ones, whose defaults are the same."""
        self.debounces = Debounces(quiet)
        self.strict: set[str] = set()
        self.refused: set[str] = set()
        self.answered: set[int] = set()
        self.uploaded: dict[bytes, bytes] = {}
        self.sent: dict[str, bytes] = {}
        self._workflows = workflows
        self._rejected: set[str] = set()

    def begun(
        self, plan: Plan, record: RunRecord, revision: int, runs: Mapping[str, Truth]
    ) -> Truth:
        """A run was created."""
        later = record.begins_at or record.rerun_of or record.admission is not None
        first = RunStatus.PENDING if later else RunStatus.RUNNING
        expect(record.status is first, "a run begins otherwise", record.run)
        past, parent = runs.get(record.rerun_of), record.parent
        body = self.sent.get(record.origin.partition("@")[0])
        given = UNKNOWN if body is None else msgspec.json.decode(body)
        given = given if past is None else past.given
        given = _filled(plan.workflow, given) if isinstance(given, dict) else given
        truth = Truth(record.run, plan, record, record, revision, given=given, past=past)
        if parent is not None:
            above = runs[parent.run]
            check_child(truth, above)
            given = given_by_parent(truth, above)
            known = isinstance(given, dict)
            truth.given = _filled(plan.workflow, given) if known else given
            check_child_input(truth)
            above.children[record.run] = truth
        check_labels(truth)
        self.debounces.created(truth)
        truth.rejected = _rejection(record) in self._rejected
        former = runs.get(record.run)
        if former is not None and former.record.refused:  # what was asked of that is there still
            truth.replaces = True
            truth.published, truth.asked = former.published, former.asked
            truth.steering, truth.signals = former.steering, former.signals
        return truth

    def rejected(self, truth: Truth | None, event: CloudEvent) -> None:
        """It is published that a command was refused."""
        self._rejected.add(event.id)
        if truth is None or truth.gone or event.id != _rejection(truth.created):
            return
        admission, data = truth.record.admission, event.data
        refused = bool(truth.record.refused)
        expect(refused, "a run that has a record was refused", truth.run)
        said = admission and (admission.refused, admission.retry_at)
        same = said == (data.reason, data.retry_at)
        expect(same, "a start is refused otherwise than was decided", f"{truth.run} {said} {data}")

    def acked(
        self, truth: Truth | None, run: str, delivery: Delivery, *, refused: bool, waits: bool
    ) -> None:
        """A start message was acknowledged.

        A run that `waits` for a limit has begun by its record a moment before that is published,
        and before it is off the list: the one that lets it in goes on from there.
        """
        workflow = delivery.subject.partition(".")[2]
        data = self.uploaded.get(delivery.data, delivery.data)
        if refused:
            # Who took so long to take it in that it came again, and was answered, finds no upload
            right = delivery.sequence in self.answered or self._may_be_refused(workflow, data)
            right = right or self._says_when(workflow, delivery)
            if truth is not None:
                right = right or not self._is_asked_for(truth.created, workflow, data)
            expect(right, "a start was refused that may begin", run)
            self.refused.add(run)
            return
        expect(truth is not None, "a command was lost", delivery.subject)
        if truth is None:
            return
        started = event_id(run, EventType.STARTED) in truth.published
        later = truth.created.begins_at > 0.0
        later = later and (truth.over or event_id(run, EventType.SCHEDULED) in truth.published)
        asks = truth.record.is_asking or (truth.over and truth.created.admission is not None)
        # Who finds no place for it asks it to stop; another may find one at the same moment
        stops = event_id(run, EventType.CANCEL_REQUESTED, "limit") in truth.published
        asks = asks or waits or stops
        expect(started or later or asks, "a start is not published", run)
        same = self._is_asked_for(truth.created, workflow, data)
        expect(same, "a start was answered by another run", run)
        own = sequence_of(truth.created.origin) == delivery.sequence
        ours = not own or not self._says_when(workflow, delivery)
        expect(ours, "a start says when it begins, and waits for others", run)
        self.answered.add(delivery.sequence)
        self.debounces.acked(truth)

    def _may_be_refused(self, workflow: str, data: bytes) -> bool:
        if workflow not in self._workflows or may_refuse(self._workflows[workflow]):
            return True
        return workflow in self.strict and len(msgspec.json.decode(data)["padding"]) > LONGEST

    def _says_when(self, workflow: str, delivery: Delivery) -> bool:
        """Whether it says when it begins, though that follows from others that come."""
        known = self._workflows.get(workflow)
        return known is not None and known.debounce is not None and FLOW_DELAY in delivery.headers

    def _is_asked_for(self, record: RunRecord, workflow: str, data: bytes) -> bool:
        kept, known = record.input, self._workflows.get(workflow)
        if record.workflow != workflow or known is None:
            return False
        value = msgspec.json.decode(data)
        filled = _filled(known, value)
        if filled != value:
            data = encode_sorted(filled)
        if isinstance(kept, Stored):
            return kept.digest in {sha256(data).hexdigest(), sha256(encode(filled)).hexdigest()}
        return bool(msgspec.json.decode(kept.data) == filled)


def _rejection(record: RunRecord) -> str:
    """The event that says that the start of a run was rejected."""
    return event_id(record.run, EventType.REJECTED, record.origin.partition("@")[0])


def _filled(workflow: Workflow, given: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of its schema, which are at its first level."""
    properties = (workflow.input_schema or {}).get("properties", {})
    defaults = {name: one["default"] for name, one in properties.items() if "default" in one}
    return {**defaults, **given}
