"""What a test sees of a run: its steps as they were, and what its handlers emitted."""

from __future__ import annotations

__all__ = ["Emitted", "StepOfRun", "emitted_in"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from flowworker.core.status import Kind, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.testing.app import Call


class Emitted(NamedTuple):
    """An event that a handler emitted; equal to a tuple of both.

    Attributes:
        payload: without the run's id, which maps get on their way.
    """

    type: str
    payload: Any


@dataclass(frozen=True, slots=True)
class StepOfRun:
    """One step, as it was when it was asked for.

    Attributes:
        output: as a JSON value; None if there is none.
        error: of the latest attempt, one line; empty if the step is well.
        calls: of its handler, its fallback and its compensation, in their order.
        iterations: how many have begun.
    """

    id: str
    status: StepStatus
    output: Any
    error: str
    calls: tuple[Call, ...]
    iterations: int

    @property
    def attempts(self) -> int:
        """How often its handler was called, in all turns."""
        return sum(call.kind is Kind.RUN for call in self.calls)


def emitted_in(history: Iterable[dict[str, Any]]) -> list[Emitted]:
    """What handlers emitted, of all events of a run."""
    return [
        Emitted(event["type"], _own(event.get("data")))
        for event in history
        if not event["type"].startswith("workflow.")
    ]


def _own(data: Any) -> Any:
    if isinstance(data, dict) and "_workflow_id" in data:
        data = {name: value for name, value in data.items() if name != "_workflow_id"}
        return data or None
    return data
