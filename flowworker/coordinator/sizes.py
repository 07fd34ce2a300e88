"""How much room payloads take in messages."""

from __future__ import annotations

__all__ = ["AROUND", "size_in_message"]

from typing import TYPE_CHECKING

from flowworker.core.payload import Inline

if TYPE_CHECKING:
    from flowworker.core.payload import Payload

AROUND = 64
"""Bytes of JSON around a payload."""

_REFERENCE = 128
"""Bytes of a reference to a payload, but for its key."""


def size_in_message(name: str, payload: Payload) -> int:
    """Bytes that a payload under a name takes in a message, at most: a reference names both."""
    if isinstance(payload, Inline):
        return len(name) + len(payload.data) + AROUND
    return len(name) + len(payload.key) + AROUND + _REFERENCE
