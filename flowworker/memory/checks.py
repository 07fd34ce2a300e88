"""What a server would refuse is refused here too: what works in process works in a fleet."""

from __future__ import annotations

__all__ = ["MAX_MESSAGE", "check_dotted", "check_history", "check_size", "check_token"]

from typing import TYPE_CHECKING

from flowworker.core.ids import KEY, OF_SCHEDULE, TOKEN
from flowworker.errors import InvalidInput, PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_MESSAGE = 1024 * 1024
"""Bytes that one message may have, headers included: NATS' default."""

_HEADER = len(": \r\n")


def check_token(value: str, what: str) -> None:
    """Raise InvalidInput unless it is one token: a run id, a queue, a sender."""
    if TOKEN.fullmatch(value) is None:
        raise InvalidInput(
            f"{what} must be one token of letters, digits, '_' and '-', found {value[:150]!r}"
        )


def check_history(value: str) -> None:
    """Raise InvalidInput unless events may stand there: those of a run, or of a schedule."""
    check_token(value.removeprefix(OF_SCHEDULE), "a run id")


def check_dotted(value: str, what: str) -> None:
    """Raise InvalidInput unless it is tokens joined by dots."""
    if KEY.fullmatch(value) is None:
        raise InvalidInput(
            f"{what} must be tokens of letters, digits, '_' and '-', joined by dots, "
            f"found {value[:150]!r}"
        )


def check_size(subject: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Raise PayloadTooLarge unless it fits a message."""
    size = len(data)
    if headers:
        size += sum(len(name) + len(value) + _HEADER for name, value in headers.items())
    if size > MAX_MESSAGE:
        raise PayloadTooLarge(
            f"{subject}: a message of {size:,} bytes exceeds the limit of {MAX_MESSAGE:,} bytes"
        )
