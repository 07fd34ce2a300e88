"""The desks of one process, by the limits that they are of: those used latest are remembered."""

from __future__ import annotations

__all__ = ["Desks"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from flowworker.coordinator.limits.desk import Desk
from flowworker.core.fairness import is_gate, queue_of_gate
from flowworker.errors import FlowworkerError
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from flowworker.clock import Clock
    from flowworker.codec.limits import Entry
    from flowworker.coordinator.limits.verdict import Standing
    from flowworker.stores.limits import LimitStore

_MOST = 10_000
"""Limits whose records are remembered."""


class Desks:
    """Those of attempts of steps, or of runs."""

    def __init__(
        self,
        store: LimitStore,
        standing: Standing,
        admit: Callable[[Entry], Awaitable[None]],
        clock: Clock,
        width: Callable[[str], Awaitable[int]] | None = None,
    ) -> None:
        """Call `admit` for those that have waited; `width` says how many get into a queue."""
        self._store = store
        self._standing = standing
        self._admit = admit
        self._clock = clock
        self._width = width
        self._desks: dict[str, Desk] = {}

    def of(self, limit: str) -> Desk:
        """The one of a limit."""
        desk = self._desks.get(limit)
        if desk is None:
            while len(self._desks) >= _MOST:
                eldest, oldest = next(iter(self._desks.items()))
                del self._desks[eldest]
                if oldest.is_busy:
                    self._desks[eldest] = oldest
                    break
            width = None
            if self._width is not None and is_gate(limit):
                width = partial(self._width, queue_of_gate(limit))
            desk = Desk(limit, self._store, self._standing, self._admit, self._clock, width)
            self._desks[limit] = desk
        return desk

    async def sweep(self, limits: Iterable[str]) -> None:
        """Look after these: who holds them, and who can be let in."""
        for limit in limits:
            try:
                await self.of(limit).look(verify=True)
            except FlowworkerError as error:
                get_logger().warning("limit: will try again", limit=limit, error=str(error))

    async def tidy(self) -> None:
        """Remove records that are of no use any more, some at a time: of keys that came once."""
        for limit, desk in [*self._desks.items()]:
            try:
                await desk.remove_spent()
            except FlowworkerError as error:
                get_logger().warning("limit: stays for now", limit=limit, error=str(error))
                return

    async def stop(self) -> None:
        """Decide no more."""
        await asyncio.gather(*(desk.stop() for desk in self._desks.values()))
