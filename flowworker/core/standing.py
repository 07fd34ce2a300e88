"""Pauses that stand beside the runs: of a queue, or of a workflow.

What was sent last counts, in whatever order it is heard of. That something goes on is kept as well,
so that a pause that was sent before it and comes late is known to be out of date.
"""

from __future__ import annotations

__all__ = ["PauseRecord", "is_owed", "said"]

from msgspec import Struct

from flowworker.core.ids import sequence_of, time_of
from flowworker.core.paused import Paused
from flowworker.core.records import RECORD_VERSION, RunRecord
from flowworker.core.status import TERMINAL

_APART = 1e-6
"""Seconds between what was sent in the same microsecond."""


class PauseRecord(Struct, frozen=True, omit_defaults=True):
    """What was said last of a queue or of a workflow: that it pauses, or that it goes on.

    Attributes:
        at: when that was sent, epoch seconds; always later than what was said before, since runs
            know by it what they have heard.
        last: identity of the command.
        paused: why it pauses; None if it goes on.
        followed: all that pauses or goes on with it does so.
    """

    at: float
    last: str
    v: int = RECORD_VERSION
    paused: Paused | None = None
    followed: bool = False


def said(record: PauseRecord | None, last: str, paused: Paused | None) -> PauseRecord:
    """The record once a command counts; itself if that or a later one is known."""
    if record is not None and _order(last) <= _order(record.last):
        return record
    at = time_of(last) if record is None else max(time_of(last), record.at + _APART)
    return PauseRecord(at=at, last=last, paused=paused)


def is_owed(pause: PauseRecord, run: RunRecord) -> bool:
    """Whether a run is to hear what was said last of its workflow.

    Not one that has not begun: it hears that when it does.
    """
    if run.status in TERMINAL or not run.has_begun or run.held_at >= pause.at:
        return False
    return pause.paused is not None or run.held is not None


def _order(command: str) -> tuple[float, int]:
    """Of one that was sent later it is greater."""
    return time_of(command), sequence_of(command)
