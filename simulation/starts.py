"""What must hold for start messages: whom a run answers, and who may be refused."""

from __future__ import annotations

__all__ = ["Starts", "stricter"]

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from flowworker.core.event_types import EventType
from flowworker.core.ids import event_id
from flowworker.core.payload import Stored
from simulation.rules import expect

if TYPE_CHECKING:
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.ports import Delivery
    from simulation.truth import Truth

_LONGEST = 100
"""Letters of padding that a stricter definition allows."""

_SCHEMA = {"type": "object", "properties": {"padding": {"maxLength": _LONGEST}}}


def stricter(workflow: Workflow) -> Workflow:
    """The same for fewer inputs."""
    return replace(workflow, input_schema=_SCHEMA)


class Starts:
    """Starts of one world.

    Attributes:
        strict: workflows whose stricter definition is registered.
        refused: ids of runs of which a start was refused that could be.
        uploaded: inputs by the references that stand for them in start messages.
    """

    def __init__(self, names: set[str]) -> None:
        """Only workflows of these names exist."""
        self.strict: set[str] = set()
        self.refused: set[str] = set()
        self.uploaded: dict[bytes, bytes] = {}
        self._names = names

    def rejected(self, truth: Truth | None, event: str) -> None:
        """It is published that a command was refused."""
        if truth is None or truth.gone:
            return
        sequence = truth.created.origin.partition("@")[0]
        own = event_id(truth.run, EventType.REJECTED, sequence)
        expect(event != own, "a run that has a record was refused", truth.run)

    def acked(self, truth: Truth | None, run: str, delivery: Delivery, *, refused: bool) -> None:
        """A start message was acknowledged."""
        workflow = delivery.subject.partition(".")[2]
        data = self.uploaded.get(delivery.data, delivery.data)
        if refused:
            right = self._may_be_refused(workflow, data)
            if truth is not None:
                right = right or not _is_asked_for(truth.created, workflow, data)
            expect(right, "a start was refused that may begin", run)
            self.refused.add(run)
            return
        expect(truth is not None, "a command was lost", delivery.subject)
        if truth is None:
            return
        expect(event_id(run, EventType.STARTED) in truth.published, "a start is not published", run)
        same = _is_asked_for(truth.created, workflow, data)
        expect(same, "a start was answered by another run", run)

    def _may_be_refused(self, workflow: str, data: bytes) -> bool:
        if workflow not in self._names:
            return True
        return workflow in self.strict and len(msgspec.json.decode(data)["padding"]) > _LONGEST


def _is_asked_for(record: RunRecord, workflow: str, data: bytes) -> bool:
    kept = record.input
    if isinstance(kept, Stored):
        same = kept.digest == sha256(data).hexdigest()
    else:
        same = bytes(kept.data) == data
    return same and record.workflow == workflow
