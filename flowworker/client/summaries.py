"""What a list shows of a run, and why one pauses."""

from __future__ import annotations

__all__ = ["PauseView", "RunSummary", "hold_of", "pause_of"]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.core.status import RunStatus  # noqa: TC001 - frameworks read the types of views

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.records import RunRecord


@dataclass(frozen=True, slots=True)
class PauseView:
    """Why a run pauses: since when (epoch seconds), what was said, and who said it."""

    since: float
    reason: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of a list. Times are seconds since the Unix epoch, 0 if unknown.

    Attributes:
        paused: whether nothing of it begins for now.
    """

    id: str
    workflow: str
    status: RunStatus
    created_at: float = 0.0
    finished_at: float = 0.0
    error: str = ""
    rerun_of: str = ""
    paused: bool = False
    labels: dict[str, str] = field(default_factory=dict)


def pause_of(record: RunRecord, hide: Callable[[str], str]) -> PauseView | None:
    """Why a run was paused by itself, with secrets hidden; None if it was not."""
    why = record.paused
    return None if why is None else PauseView(record.steered, hide(why.reason), hide(why.actor))


def hold_of(record: RunRecord, hide: Callable[[str], str]) -> PauseView | None:
    """The same of its whole workflow."""
    why = record.held
    return None if why is None else PauseView(record.held_at, hide(why.reason), hide(why.actor))
