"""Many records, for people, in few requests."""

from __future__ import annotations

__all__ = ["read_together"]

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.ports import Records

_TOGETHER = 200
"""Records in one request."""


async def read_together(records: Records, keys: Sequence[str]) -> dict[str, tuple[bytes, int]]:
    """Value and revision by key, of those that are there, as any replica has them.

    See `Records.few`: what was written shortly before may be missing.
    """
    found: dict[str, tuple[bytes, int]] = {}
    for at in range(0, len(keys), _TOGETHER):
        some = keys[at : at + _TOGETHER]
        read = await records.few(some, len(some))
        if read is None:  # not in one answer
            each = await asyncio.gather(*map(records.read, some))
            read = {key: one for key, one in zip(some, each, strict=True) if one is not None}
        found |= read
    return found
