"""The heartbeat link: there is no other way in, so calls are carried to the backend's loop.

A handler that blocks that loop blocks its own renewals as well; nothing can be lost by it, since
the workers that could take over its step run on the same loop.
"""

from __future__ import annotations

__all__ = ["MemoryHeartbeatLink"]

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from flowworker.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flowworker.memory.home import Home
    from flowworker.ports import Delivery, Records

T = TypeVar("T")


class MemoryHeartbeatLink:
    """The `HeartbeatLink` port."""

    def __init__(self, home: Home, runs: Records) -> None:
        """Write to `runs`, on its own loop."""
        self._home = home
        self._runs = runs

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """As `Records.write` of the runs."""
        return await self._carry(lambda: self._runs.write(key, value, revision))

    async def in_progress(self, delivery: Delivery) -> None:
        """As `Delivery.in_progress`."""
        await self._carry(delivery.in_progress)

    async def close(self) -> None:
        """There is nothing to close."""

    async def _carry(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        home = self._home.loop
        if home is asyncio.get_running_loop():
            return await call()
        coroutine = call()
        try:
            carried = asyncio.run_coroutine_threadsafe(coroutine, home)
        except RuntimeError as error:
            coroutine.close()
            raise Unavailable(f"the in-memory backend's event loop has ended: {error}") from error
        return await asyncio.wrap_future(carried)
