"""Why a run stops before its steps are done (a part of `records`)."""

from __future__ import annotations

__all__ = ["Stop", "StopReason"]

from enum import StrEnum

from msgspec import Struct


class StopReason(StrEnum):
    """Why a run stops before its steps are done."""

    ENDED = "ended"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


class Stop(Struct, frozen=True, omit_defaults=True):
    """The decision that no new step starts. The first one stands, but for a terminate.

    Attributes:
        reason: what kind of end this leads to.
        message: one line for humans, the run's error.
        step: the step that failed or ended it, if one did.
    """

    reason: StopReason
    message: str = ""
    step: str = ""
