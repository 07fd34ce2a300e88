"""What a step's record and its events say about an exception: nothing that its run keeps secret."""

from __future__ import annotations

__all__ = ["error_info", "traceback_of"]

import traceback
from pathlib import Path

from flowworker.core.error_types import bases_of
from flowworker.core.records import MAX_TRACEBACK, ErrorInfo, shortened
from flowworker.errors import CorruptRecord, InvalidInput, NonRetryableError, RetryAfter
from flowworker.telemetry.context import hide

_NOT_RETRYABLE = (NonRetryableError, InvalidInput, CorruptRecord)
"""Errors that another attempt would meet again; ConversionError is an InvalidInput."""

_OURS = f"{Path(__file__).parents[1]}/"
_BEGINNING = MAX_TRACEBACK // 4
"""Characters of a long traceback's beginning that are kept; the rest is of its end, where the error
was raised."""


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


def traceback_of(error: BaseException) -> str:
    """Where an exception comes from, shortened; empty if no code but ours raised it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_OURS):
        frame = frame.tb_next
    if frame is None:
        return ""
    try:
        text = "".join(traceback.format_exception(type(error), error, frame))
    except Exception:  # noqa: BLE001  # one with attributes that cannot be read
        return ""
    text = hide(text)
    if len(text) > MAX_TRACEBACK:
        cut = "\n…\n"
        ending = MAX_TRACEBACK - _BEGINNING - len(cut)
        text = f"{text[:_BEGINNING]}{cut}{text[-ending:]}"
    return text.encode("utf-8", "replace").decode()


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  # an exception that cannot describe itself
        text = "its message cannot be read"
    return shortened(hide(" ".join(text.split()))).encode("utf-8", "replace").decode()
