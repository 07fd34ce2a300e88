"""What a check of a fleet comes to."""

from __future__ import annotations

__all__ = ["Finding"]

from msgspec import Struct


class Finding(Struct, frozen=True):
    """One check: what was looked at, whether it is as it must be, and what to do if not."""

    check: str
    ok: bool
    found: str
    advice: str = ""
