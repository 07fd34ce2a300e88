"""Locks for handlers, over leases.

Safety: of all runs at most one has a lock, as long as its lease is renewed in time; `token` grows
with every change of holder, so that whatever is protected can refuse a holder that was too slow.
The owner is the run: steps of one run that run in parallel share its locks. Liveness: a lock whose
holder died is free when its time to live is over.
"""

from __future__ import annotations

__all__ = ["StepLock", "lock_key"]

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, Self

from flowworker.core.ids import DOTTED_NAME
from flowworker.errors import LockTimeoutError, Unavailable

if TYPE_CHECKING:
    from types import TracebackType

    from flowworker.clock import Clock
    from flowworker.ports import Leases

_SHORTEST_POLL = 0.05
_LONGEST_POLL = 0.5
_LONGEST_NAME = 128


class StepLock:
    """`async with ctx.lock(...)`; in a plain function `ctx.run(lock.acquire())`, then `release`.

    Attributes:
        token: the fencing token while it is held; 0 before.
        lost: its lease could not be renewed in time, so another run may hold it.
    """

    def __init__(
        self, leases: Leases, clock: Clock, key: str, holder: str, ttl: float, timeout: float
    ) -> None:
        """Describe the lock; `acquire` takes it."""
        self.token = 0
        self.lost = False
        self._leases = leases
        self._clock = clock
        self._name = key
        self._key = lock_key(key)
        self._holder = holder
        self._ttl = max(1, math.ceil(ttl))
        self._timeout = timeout
        self._renewal: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()

    async def acquire(self) -> Self:
        """Wait until it is ours.

        Raises:
            LockTimeoutError: it was not free within the timeout.
        """
        until = self._clock.monotonic() + self._timeout
        pause = _SHORTEST_POLL
        while (token := await self._leases.acquire(self._key, self._holder, self._ttl)) is None:
            left = until - self._clock.monotonic()
            if left <= 0:
                raise LockTimeoutError(
                    f"lock {self._name!r}: not free within {self._timeout:g} s; "
                    "wait longer, or look for a holder that does not finish"
                )
            await self._clock.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_POLL)
        self.token = token
        self._renewal = asyncio.create_task(self._renew(), name=f"lock {self._name}")
        return self

    async def release(self) -> None:
        """Give it up; harmless if it is not held."""
        renewal, self._renewal = self._renewal, None
        if renewal is None:
            return
        async with self._renewing:
            renewal.cancel()
            if not self.lost:
                await self._leases.release(self._key, self._holder, self.token)

    async def __aenter__(self) -> Self:
        return await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.release()

    async def _renew(self) -> None:
        while not self.lost:
            await self._clock.sleep(self._ttl / 2)
            async with self._renewing:
                try:
                    token = await self._leases.renew(self._key, self._holder, self._ttl, self.token)
                except Unavailable:
                    continue  # the next answer tells
                self.lost = token is None
                self.token = token or self.token


def lock_key(name: str) -> str:
    """The lease's key for a lock's name, which may be any text."""
    plain = len(name) <= _LONGEST_NAME and DOTTED_NAME.fullmatch(name)
    return f"lock.{name if plain else hashlib.sha256(name.encode()).hexdigest()}"
