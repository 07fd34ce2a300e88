"""Something that is opened when it is first needed, by however many need it at the same time."""

from __future__ import annotations

__all__ = ["Opening", "existing"]

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.ports import Backend


class Opening:
    """A backend that is not open yet, or is, or was and will be again."""

    def __init__(self, open_backend: Callable[[], Awaitable[Backend]]) -> None:
        """Open by calling that."""
        self._open = open_backend
        self._backend: Backend | None = None
        self._gate = asyncio.Lock()

    async def backend(self) -> Backend:
        """The backend, opened now unless it is."""
        if self._backend is None:
            async with self._gate:
                if self._backend is None:
                    self._backend = await self._open()
        return self._backend

    async def close(self) -> None:
        """Let go of it; it is opened anew when it is needed again."""
        async with self._gate:
            backend, self._backend = self._backend, None
            if backend is not None:
                await backend.close()


def existing(backend: Backend) -> Opening:
    """One that is open already, and that somebody else closes."""

    async def nothing() -> None:
        pass

    async def open_backend() -> Backend:
        return replace(backend, close=nothing)

    return Opening(open_backend)
