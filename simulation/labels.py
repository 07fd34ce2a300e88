"""Labels: which definitions of a world give some, and which runs must have which."""

from __future__ import annotations

__all__ = ["OF_TIME", "check_labels", "check_scheduled", "with_labels"]

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from simulation.expecting import expect
from simulation.sayings import has_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from flowworker.core.model import Workflow
    from flowworker.core.records import RunRecord
    from flowworker.core.schedule import OfSchedule
    from simulation.truth import Truth

_LABELLED = 0.3
"""Share of workflows that give labels."""

_LABELS = {
    "kind": "labelled",
    "order": "${has(input.order) && type(input.order) == int ? 'n' + string(input.order) : ''}",
}

OF_TIME = {"of": "${schedule.id}", "at": "${schedule.time}"}
"""Labels of a schedule, in which the run of each time has what that comes to."""


def with_labels(workflows: Iterable[Workflow], random: Random) -> list[Workflow]:
    """The same, some of them with labels."""
    return [
        replace(one, labels=_LABELS) if random.random() < _LABELLED else one for one in workflows
    ]


def check_labels(truth: Truth) -> None:
    """A run that was started, as a child or by a message, has those of its definition."""
    given, record = truth.given, truth.created
    if has_unknown(given) or record.schedule is not None:
        return
    order, expected = given.get("order"), dict[str, str]()
    if truth.plan.workflow.labels is not None:
        known = isinstance(order, int) and not isinstance(order, bool)
        expected = {"kind": "labelled"} | ({"order": f"n{order}"} if known else {})
    found = {name: label for name, label in record.labels.items() if name in _LABELS}
    expect(found == expected, "a run has other labels than its definition gives", record.run)


def check_scheduled(record: RunRecord, of: OfSchedule) -> None:
    """A run that a schedule has begun has those of its time."""
    moment = datetime.fromtimestamp(of.time, UTC).isoformat().replace("+00:00", "Z")
    found = {name: record.labels.get(name) for name in OF_TIME}
    expect(found == {"of": of.id, "at": moment}, "a run has labels of another time", record.run)
