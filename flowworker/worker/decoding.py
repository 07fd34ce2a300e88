"""The bytes of a step message -> the message, or why this worker cannot serve it."""

from __future__ import annotations

__all__ = ["MESSAGE_VERSION", "Malformed", "Newer", "decode"]

from msgspec import Struct

from flowworker.codec.json import UNREADABLE, version_of
from flowworker.codec.messages import StepMessage, decode_step_message
from flowworker.core.ids import RUN_ID, STEP_ID, TOKEN

MESSAGE_VERSION = 2
"""Step messages that this release understands."""


class Newer(Struct, frozen=True):
    """A message of a newer release: its workers can serve it."""

    version: int


class Malformed(Struct, frozen=True):
    """No release can serve it."""

    error: str


def decode(raw: bytes) -> StepMessage | Newer | Malformed:
    """What a delivery asks for."""
    try:
        message = decode_step_message(raw)
        error = _error(message)
    except UNREADABLE as unreadable:
        error = str(unreadable)
    else:
        if not error:
            return message
    version = version_of(raw)
    return Newer(version) if version > MESSAGE_VERSION else Malformed(error)


def _error(message: StepMessage) -> str:
    """What is wrong with a message that can be read, or nothing."""
    if message.v > MESSAGE_VERSION:
        return f"version {message.v}, this release reads {MESSAGE_VERSION}"
    if not RUN_ID.fullmatch(message.run):
        return f"bad run id {message.run!r}"
    if not STEP_ID.fullmatch(message.step):
        return f"bad step id {message.step!r}"
    return "" if TOKEN.fullmatch(message.queue) else f"bad queue {message.queue!r}"
