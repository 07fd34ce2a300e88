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

_REQUESTS = 4
"""At a time: while one answer is read the server makes the next."""


async def read_together(records: Records, keys: Sequence[str]) -> dict[str, tuple[bytes, int]]:
    """Value and revision by key, of those that are there, as any replica has them.

    See `Records.few`: what was written shortly before may be missing.
    """
    gate = asyncio.Semaphore(_REQUESTS)

    async def read(some: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        async with gate:
            found = await records.few(some, len(some))
            if found is not None:
                return found
            each = await asyncio.gather(*map(records.read, some))  # not in one answer
            return {key: one for key, one in zip(some, each, strict=True) if one is not None}

    parts = [keys[at : at + _TOGETHER] for at in range(0, len(keys), _TOGETHER)]
    return {
        key: one for part in await asyncio.gather(*map(read, parts)) for key, one in part.items()
    }
