"""Locks by name, over leases.

Safety: at most one owner has a lock, as long as its lease is renewed in time. `token` grows with
every change of owner, so that the protected resource can refuse an owner that was too slow. The
owner is a run: steps of one run that run in parallel share its locks.

Liveness: a release wakes those who wait. That notification may be lost, and the end of a lease
sends none, so they also look when the lease should have ended. A lock whose owner died is free
when its lease ends.
"""

from __future__ import annotations

__all__ = ["Lock", "lock_key"]

import asyncio
import hashlib
import math
from typing import TYPE_CHECKING, Self

from flowworker.core.ids import DOTTED_NAME
from flowworker.errors import InvalidInput, LockTimeoutError, Unavailable
from flowworker.tasks import wait_for
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from types import TracebackType

    from flowworker.clock import Clock
    from flowworker.ports import Leases


_SHORTEST_WAIT = 0.05
"""Seconds between two looks at a lease that should be over and is not."""
_LONGEST_NAME = 128


class Lock:
    """One hold of a lock: `async with`, or `acquire` and `release`. Renewed while it is held.

    Attributes:
        token: the fencing token while it is held; 0 before.
    """

    def __init__(
        self, leases: Leases, clock: Clock, key: str, holder: str, ttl: float, timeout: float
    ) -> None:
        """Describe the lock; `acquire` takes it.

        Raises:
            InvalidInput: a time to live that is none.
        """
        if not 0 < ttl < math.inf:
            raise InvalidInput(f"lock {key!r}: expected a ttl above 0 seconds, found {ttl!r}")
        self.token = 0
        self._gone = False
        self._until = 0.0
        self._leases = leases
        self._clock = clock
        self._name = key
        self._key = lock_key(key)
        self._holder = holder
        self._ttl = max(1, math.ceil(ttl))
        self._timeout = timeout
        self._renewal: asyncio.Task[None] | None = None
        self._renewing = asyncio.Lock()

    @property
    def lost(self) -> bool:
        """Whether its lease could not be renewed in time, so that another owner may hold it."""
        held = self._renewal is not None
        return self._gone or (held and self._clock.monotonic() >= self._until)

    async def acquire(self) -> Self:
        """Wait until it is ours.

        Raises:
            LockTimeoutError: it was not free within the timeout.
        """
        until = self._clock.monotonic() + self._timeout
        token = await self._ask()
        self.token = await self._wait(until) if token is None else token
        self._gone = False
        self._renewal = asyncio.create_task(self._renew(), name=f"lock {self._name}")
        return self

    async def release(self) -> None:
        """Give it up; harmless if it is not held."""
        renewal, self._renewal = self._renewal, None
        if renewal is None:
            return
        try:
            async with self._renewing:
                renewal.cancel()
                if not self._gone:
                    await self._leases.release(self._key, self._holder, self.token)
        finally:
            renewal.cancel()  # also if this was cancelled while it waited for an answer

    def leave(self) -> None:
        """Stop renewing it, so that it is free when its lease ends."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.cancel()

    async def __aenter__(self) -> Self:
        return await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except Unavailable as failure:
            # What was done under the lock is done; the lease runs out by itself
            get_logger().warning("a lock was not given back", lock=self._name, error=str(failure))

    async def _ask(self) -> int | None:
        """Acquire it; None if another owner has it."""
        asked = self._clock.monotonic()
        token = await self._leases.acquire(self._key, self._holder, self._ttl)
        if token is not None:
            self._until = asked + self._ttl
        return token

    async def _wait(self, until: float) -> int:
        changed = asyncio.Event()
        end = await self._leases.watch(self._key, changed.set)
        try:
            while True:
                changed.clear()
                token = await self._ask()
                if token is not None:
                    return token
                left = until - self._clock.monotonic()
                if left <= 0:
                    raise LockTimeoutError(
                        f"lock {self._name!r}: not free within {self._timeout:g} s; "
                        "wait longer, or find the run that holds it"
                    )
                lease = await self._leases.remaining(self._key) or 0.0
                await wait_for(changed, min(max(lease, _SHORTEST_WAIT), left), self._clock)
        finally:
            end()

    async def _renew(self) -> None:
        pause = self._ttl / 2
        while not self._gone:
            await self._clock.sleep(pause)
            pause = self._ttl / 10
            async with self._renewing:
                asked = self._clock.monotonic()
                try:
                    token = await self._leases.renew(self._key, self._holder, self._ttl, self.token)
                    if token is None:
                        token = await self._shared()
                except Unavailable:
                    continue  # the next answer will show whether it is lost
                self._gone = token is None
                self.token, self._until = token or self.token, asked + self._ttl
                pause = self._ttl / 2

    async def _shared(self) -> int | None:
        """The token, if another step of the same run has acquired the lock meanwhile."""
        holders = await self._leases.holders(self._key)
        if holders.get(self._key) != self._holder:
            return None
        return await self._ask()


def lock_key(name: str) -> str:
    """The lease's key for a lock's name, which may be any text."""
    plain = len(name) <= _LONGEST_NAME and DOTTED_NAME.fullmatch(name)
    return f"lock.{name if plain else hashlib.sha256(name.encode()).hexdigest()}"
