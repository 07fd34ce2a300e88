"""A backend that is opened when it is first needed, by however many need it at the same time."""

from __future__ import annotations

__all__ = ["Opening", "existing"]

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowworker.ports import Backend
    from flowworker.stores.stores import Stores


class Opening:
    """The stores of a backend that is not open yet, or is, or was and will be again."""

    def __init__(self, open_stores: Callable[[], Awaitable[Stores]], *, owned: bool = True) -> None:
        """Open by calling that; what is not owned is not closed here."""
        self._open = open_stores
        self._owned = owned
        self._stores: Stores | None = None
        self._gate = asyncio.Lock()

    async def stores(self) -> Stores:
        """The stores, opened now unless they are."""
        if self._stores is None:
            async with self._gate:
                if self._stores is None:
                    self._stores = await self._open()
        return self._stores

    async def backend(self) -> Backend:
        """The backend behind them."""
        return (await self.stores()).backend

    async def close(self) -> None:
        """Let go of it; it is opened anew when it is needed again."""
        async with self._gate:
            stores, self._stores = self._stores, None
            if stores is not None and self._owned:
                await stores.backend.close()


def existing(stores: Stores) -> Opening:
    """Stores that are open already, and are not closed here."""

    async def given() -> Stores:
        return stores

    return Opening(given, owned=False)
