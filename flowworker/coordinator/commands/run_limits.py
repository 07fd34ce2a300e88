"""Limits that a run falls under, by its definition, its input and its labels."""

from __future__ import annotations

__all__ = ["RunLimits", "limited", "may_refuse"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.coordinator.commands.requests import read_object
from flowworker.core.admission import asking
from flowworker.core.ids import sequence_of
from flowworker.core.limit import Strategy
from flowworker.core.status import RunStatus
from flowworker.definitions.run_limits import stated
from flowworker.evaluation.admissions import Admissions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.core.admission import Admission
    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord


class RunLimits:
    """Of all runs that one coordinator makes; `keys` evaluates what is said of runs as a whole."""

    def __init__(self) -> None:
        self.keys = Admissions()

    def of(self, workflow: Workflow, data: bytes, labels: Mapping[str, str]) -> Admission | None:
        """Those of a run with that input, defaults filled in, and with all of these labels.

        Raises:
            InvalidInput: the key of one has no value, or none that is one.
        """
        if not any(stated(workflow)):
            return None
        return self.keys.of(workflow, read_object(data), labels)


def may_refuse(admission: Admission | None) -> bool:
    """Whether the start of a run with these limits may be rejected for want of a place."""
    uses = () if admission is None else admission.uses
    return any(use.strategy is Strategy.SKIP for use in uses)


def limited(record: RunRecord, admission: Admission | None) -> RunRecord:
    """A new run's record, with its limits; PENDING if it has to ask before it begins.

    It asks from now on, unless it is PENDING in any case: it begins later, or is being prepared.
    """
    if admission is None:
        return record
    if record.status is RunStatus.RUNNING:
        admission = asking(admission, record.created_at, sequence_of(record.origin))
    return replace(record, status=RunStatus.PENDING, admission=admission)
