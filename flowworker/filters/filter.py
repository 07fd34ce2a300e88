"""What is asked of a run. All conditions have to hold.

Some are what the index is asked by: states, the workflow, when runs were started. The others are
looked up in the records of the runs that the index leaves.
"""

from __future__ import annotations

__all__ = [
    "CHOICES",
    "COMPARISONS",
    "EVERYTHING",
    "LABEL",
    "ORDERED",
    "PAUSED",
    "TEXTS",
    "WAITING",
    "Condition",
    "Filter",
    "Operator",
]

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from flowworker.core.records import StopReason
from flowworker.core.status import TERMINAL, RunStatus
from flowworker.core.stopping import error_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.core.records import RunRecord

LABEL = "label."
"""What the name of a label's field begins with."""


class Operator(StrEnum):
    """How a field is compared."""

    IS = "="
    IS_NOT = "!="
    BEFORE = "<"
    UP_TO = "<="
    AFTER = ">"
    FROM = ">="


CHOICES: Final = (Operator.IS, Operator.IS_NOT)
"""For texts."""

COMPARISONS: Final = (Operator.BEFORE, Operator.UP_TO, Operator.AFTER, Operator.FROM)
"""For times."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of a filter's.

    Attributes:
        values: of which it is one, or none for `!=`; empty texts stand for what is not there.
        moment: what a time is compared with, epoch seconds.
    """

    field: str
    operator: Operator
    values: tuple[str, ...] = ()
    moment: float = 0.0

    def holds(self, record: RunRecord) -> bool:
        """Whether it does for that run."""
        ordered = ORDERED.get(self.field)
        if ordered is not None:
            return self._compares(ordered(record))
        return self._is_one(record) is (self.operator is Operator.IS)

    def wants(self, value: str) -> bool:
        """Whether a field that is one of two texts has to be this one."""
        others = set(self.values) - {value}
        one_of = self.operator is Operator.IS
        return not others if one_of else bool(others) and value not in self.values

    def _compares(self, at: float) -> bool:
        if not at:  # it has not happened
            return False
        match self.operator:
            case Operator.BEFORE:
                return at < self.moment
            case Operator.UP_TO:
                return at <= self.moment
            case Operator.AFTER:
                return at > self.moment
            case _:
                return at >= self.moment

    def _is_one(self, record: RunRecord) -> bool:
        if self.field.startswith(LABEL):
            return record.labels.get(self.field.removeprefix(LABEL), "") in self.values
        found = TEXTS[self.field](record)
        if self.field == "hash":
            return any(found.startswith(value) for value in self.values)
        return found in self.values


PAUSED: Final = ("yes", "no")

WAITING: Final = {
    "human": RunStatus.WAITING_HUMAN,
    "start": RunStatus.PENDING,
    "limit": RunStatus.PENDING,
}


def _waiting(record: RunRecord) -> str:
    """What a run as a whole waits for: a human, the time at which it is to begin, or limits."""
    if record.status is RunStatus.PENDING:
        return "start" if record.begins_at else "limit" if record.is_asking else ""
    return "human" if record.status is RunStatus.WAITING_HUMAN else ""


def _error(record: RunRecord) -> str:
    """Type of the error that a run failed of, or `timeout`."""
    stop = record.stop
    if stop is None:
        return ""
    return "timeout" if stop.reason is StopReason.TIMED_OUT else error_type_of(stop)


TEXTS: Final[Mapping[str, Callable[[RunRecord], str]]] = {
    "state": lambda record: record.status,
    "workflow": lambda record: record.workflow,
    "version": lambda record: record.version,
    "hash": lambda record: record.definition,
    "error": _error,
    "waiting": _waiting,
    "paused": lambda record: "yes" if record.is_paused else "no",
    "rerun_of": lambda record: record.rerun_of,
    "parent": lambda record: "" if record.parent is None else record.parent.run,
}
"""Fields that are one of several texts, beside the labels."""

ORDERED: Final[Mapping[str, Callable[[RunRecord], float]]] = {
    "started": lambda record: record.created_at,
    "ended": lambda record: record.finished_at,
}
"""Fields that are times."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions, all of which have to hold."""

    conditions: tuple[Condition, ...] = ()

    def matches(self, record: RunRecord) -> bool:
        """Whether that run is meant."""
        return all(condition.holds(record) for condition in self.conditions)

    def and_(self, field: str, *values: str) -> Filter:
        """The same, and that field is one of these."""
        return Filter((*self.conditions, Condition(field, Operator.IS, values)))

    @property
    def is_indexed(self) -> bool:
        """Whether the index answers it, so that no record is read in vain."""
        return all(
            condition.field in {"state", "started"} or condition == self._workflow
            for condition in self.conditions
        )

    @property
    def statuses(self) -> tuple[RunStatus, ...]:
        """Those of which one is asked for; empty for all."""
        wanted = set(RunStatus)
        for condition in self.conditions:
            if condition.field == "state":
                named = {status for status in RunStatus if status in condition.values}
                wanted &= named if condition.operator is Operator.IS else set(RunStatus) - named
            elif condition.field == "waiting" and condition.operator is Operator.IS:
                wanted &= {WAITING[value] for value in condition.values}
            elif condition.field == "paused" and condition.wants("yes"):
                wanted -= TERMINAL
        return () if len(wanted) == len(RunStatus) else tuple(sorted(wanted))

    @property
    def workflow(self) -> str:
        """The one that is asked for; empty if it may be several."""
        return "" if self._workflow is None else self._workflow.values[0]

    @property
    def _workflow(self) -> Condition | None:
        for condition in self.conditions:
            if condition.field == "workflow" and condition.operator is Operator.IS:
                return condition if len(condition.values) == 1 else None
        return None

    @property
    def since(self) -> float:
        """Not started before, epoch seconds."""
        return max(
            (each.moment for each in self._started(Operator.AFTER, Operator.FROM)), default=0
        )

    @property
    def until(self) -> float | None:
        """Not started after, epoch seconds; None for no end."""
        ends = [each.moment for each in self._started(Operator.BEFORE, Operator.UP_TO)]
        return min(ends, default=None)

    def _started(self, *operators: Operator) -> list[Condition]:
        return [
            condition
            for condition in self.conditions
            if condition.field == "started" and condition.operator in operators
        ]


EVERYTHING = Filter()
"""All runs."""
