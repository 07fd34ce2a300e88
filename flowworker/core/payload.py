"""Inputs and outputs as they travel: inline when small, a reference when not.

The engine never parses a payload; it passes the JSON bytes on. Only a worker, a client or a
human looks inside. Where the settings ask for that, payloads are sealed, and who reads the broker's
streams cannot look inside either (`stores.sealing`).
"""

from __future__ import annotations

__all__ = ["EMPTY", "Inline", "Payload", "Stored", "inline"]

from msgspec import Raw, Struct


class Inline(Struct, frozen=True, tag_field="kind", tag="inline", omit_defaults=True):
    """The JSON value itself.

    Attributes:
        data: the value; of a sealed one a string, the sealed bytes in base64.
        sealed: id of the key that it is sealed with, if it is.
    """

    data: Raw
    sealed: str = ""


class Stored(Struct, frozen=True, tag_field="kind", tag="stored", omit_defaults=True):
    """A JSON value in the payload store.

    Attributes:
        key: under which the store keeps it; begins with the run's id.
        size: bytes in all, as they are stored.
        digest: SHA-256 of the stored bytes, hex.
        sealed: id of the key that they are sealed with, if they are.
    """

    key: str
    size: int
    digest: str
    sealed: str = ""


Payload = Inline | Stored


def inline(data: bytes) -> Inline:
    """JSON bytes as an inline payload."""
    return Inline(Raw(data))


EMPTY = inline(b"{}")
"""An empty JSON object."""
