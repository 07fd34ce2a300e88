"""How often a request without an answer is repeated, and how long that may take."""

from __future__ import annotations

__all__ = ["RetryBudget"]

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.client.requests import NoAnswer

BUDGET = 6
REFUSED_COST = 1
"""Nobody was there: known at once, so that it may be tried five more times, over 3 s."""
SILENT_COST = 3
"""An answer was waited for in vain, for 2 to 4 s: tried once more."""
FIRST_PAUSE = 0.1
RECONNECT = 5.0
"""Seconds to wait for a lost connection."""


class RetryBudget:
    """What is left of it for one request."""

    def __init__(self, connection: Connection) -> None:
        """All of it."""
        self._connection = connection
        self._left = BUDGET
        self._pause = FIRST_PAUSE

    async def allows(self, error: NoAnswer) -> bool:
        """Whether to try again; waits until that makes sense."""
        self._left -= REFUSED_COST if error.refused else SILENT_COST
        if self._left <= 0:
            return False
        if not self._connection.connected:
            return await self._connection.up(RECONNECT)
        await asyncio.sleep(self._pause)
        self._pause *= 2
        return True
