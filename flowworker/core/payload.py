"""Inputs and outputs as they travel: inline when small, a reference when not.

The engine never parses a payload; it passes the JSON bytes on. Only a worker, a client or a
human looks inside.
"""

from __future__ import annotations

__all__ = ["EMPTY", "Inline", "Payload", "Stored", "inline"]

from msgspec import Raw, Struct


class Inline(Struct, frozen=True, tag_field="kind", tag="inline"):
    """The JSON value itself."""

    data: Raw


class Stored(Struct, frozen=True, tag_field="kind", tag="stored"):
    """A JSON value in the payload store.

    Attributes:
        key: under which the store keeps it; begins with the run's id.
        size: bytes in all.
        digest: SHA-256 of the bytes, hex.
    """

    key: str
    size: int
    digest: str


Payload = Inline | Stored


def inline(data: bytes) -> Inline:
    """JSON bytes as an inline payload."""
    return Inline(Raw(data))


EMPTY = inline(b"{}")
"""An empty JSON object."""
