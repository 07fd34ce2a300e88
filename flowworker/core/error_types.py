"""Types of errors by name, as retry policies know them: of exceptions, and the engine's own."""

from __future__ import annotations

__all__ = [
    "CHILD_CANCELLED",
    "CHILD_FAILED",
    "HEARTBEAT_TIMEOUT",
    "LOOP_LIMIT",
    "MAX_BASES",
    "NEVER_RETRIED",
    "OF_HEARTBEAT_TIMEOUT",
    "OF_TIMEOUT",
    "REJECTED",
    "REPEAT_LIMIT",
    "TIMEOUT",
    "TOO_MANY_FAILURES",
    "bases_of",
]

from itertools import islice

from flowworker.core.ids import DOTTED_NAME, MAX_NAME

MAX_BASES = 16
"""As many bases of an exception as its record names, the nearest ones."""

LOOP_LIMIT = "LoopLimit"
"""A loop has more items than it may."""

TOO_MANY_FAILURES = "TooManyFailures"
"""More instances of a loop have failed than may."""

REJECTED = "Rejected"
"""A human said no to what a step asks."""

TIMEOUT = "Timeout"
"""The handler took longer than its step's `timeout`."""

HEARTBEAT_TIMEOUT = "HeartbeatTimeout"
"""The handler gave no heartbeat in time."""

CHILD_FAILED = "ChildFailed"
"""The run that an attempt is failed, and no step of it did; a base of what its step failed with."""

CHILD_CANCELLED = "ChildCancelled"
"""Somebody cancelled the run that an attempt is."""
REPEAT_LIMIT = "RepeatLimit"
"""The `until` of a step that is repeated held after none of its iterations."""

OF_TIMEOUT = ("Exception",)
OF_HEARTBEAT_TIMEOUT = (TIMEOUT, *OF_TIMEOUT)
"""What they count as, although nothing raised them."""

NEVER_RETRIED = frozenset(
    {
        CHILD_CANCELLED,
        "ChildLimit",
        "ConversionError",
        "CorruptRecord",
        "ExpressionError",
        "HandlerNotFound",
        "InvalidInput",
        LOOP_LIMIT,
        "NonRetryableError",
        "PayloadTooLarge",
        TOO_MANY_FAILURES,
        "RepeatLimit",
        "WorkerLost",
    }
)
"""What the engine fails attempts with that another attempt would meet again."""


def bases_of(kind: type[BaseException]) -> tuple[str, ...]:
    """Names of its bases, the nearest first, as far as a definition can name them."""
    names = dict.fromkeys(base.__name__ for base in kind.__mro__[1:-1])
    return tuple(islice(filter(_is_nameable, names), MAX_BASES))


def _is_nameable(name: str) -> bool:
    fits = len(name) <= MAX_NAME and DOTTED_NAME.fullmatch(name) is not None
    return fits and not name.startswith("_")
