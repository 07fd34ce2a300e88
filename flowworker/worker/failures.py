"""What a step's record and its events say about an exception."""

from __future__ import annotations

__all__ = ["error_info"]

from flowworker.core.error_types import bases_of
from flowworker.core.records import ErrorInfo, shortened
from flowworker.errors import CorruptRecord, InvalidInput, NonRetryableError, RetryAfter

_NOT_RETRYABLE = (NonRetryableError, InvalidInput, CorruptRecord)
"""Errors that another attempt would meet again; ConversionError is an InvalidInput."""


def error_info(error: BaseException) -> ErrorInfo:
    """Its type, its message in one line, and whether another attempt makes sense."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        error = error.__cause__  # which no coroutine can raise under its own name
    retryable = not isinstance(error, _NOT_RETRYABLE)
    after = error.seconds if isinstance(error, RetryAfter) else None
    kind = type(error)
    bases = bases_of(kind) if retryable else ()  # else no rule is asked
    return ErrorInfo(shortened(kind.__name__), _one_line(error), retryable, after, bases)


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  # an exception that cannot describe itself
        text = "its message cannot be read"
    return shortened(" ".join(text.split())).encode("utf-8", "replace").decode()
