"""What a client has stored before it sent the command that names it, or sealed within it.

A reference names keys of the payload store. It is followed only to an upload of the run that the
command is about, within the limit on payloads.
"""

from __future__ import annotations

__all__ = ["Gone", "check_upload", "load_upload", "open_sealed"]

import re
from typing import TYPE_CHECKING

from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.ids import UPLOAD
from flowworker.errors import CorruptRecord

if TYPE_CHECKING:
    from flowworker.core.payload import Inline, Stored
    from flowworker.stores.payloads import PayloadStore
    from flowworker.stores.stores import Stores

_REST = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})?")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_SEAL = 1024
"""Bytes, at most, by which a value is longer when it is sealed."""


class Gone(Rejected):
    """What is named is not there, or not what was stored, unless the answer is stale."""


def check_upload(run: str, stored: Stored) -> Stored:
    """The reference, if it may be followed; else Rejected."""
    prefix = f"{run}.{UPLOAD}."
    rest = stored.key.removeprefix(prefix)
    if not stored.key.startswith(prefix) or not _REST.fullmatch(rest):
        expected = f"expected {prefix}<token>, an upload of this very run"
        raise Rejected(f"payload {stored.key[:200]!r}: {expected}")
    if not _DIGEST.fullmatch(stored.digest):
        raise Rejected(f"payload {stored.key}: `digest` is no SHA-256 in hex")
    return stored


async def load_upload(stores: Stores, stored: Stored, run: str, place: str) -> bytes:
    """The bytes of a checked reference; raises Rejected, or Gone."""
    limit = stores.settings.payload_limit + (_SEAL if stored.sealed else 0)
    if not 0 <= stored.size <= limit:
        size = f"{stored.size:,} bytes exceed the limit of {limit:,} bytes"
        raise Rejected(f"payload {stored.key}: {size}")
    try:
        if not stored.sealed:  # it is sealed when it is kept
            return await stores.payloads.read(stored)
        return await stores.payloads.load(stored, run, place)
    except CorruptRecord as error:
        raise Gone(f"{error}; store it again, then send the command again") from error


async def open_sealed(payloads: PayloadStore, payload: Inline, run: str, place: str) -> bytes:
    """The bytes of a sealed payload within a command; raises Rejected."""
    try:
        return await payloads.load(payload, run, place)
    except CorruptRecord as error:
        raise Rejected(str(error)) from error
