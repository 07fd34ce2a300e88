"""The Go package's `Locker`: locks by name, for any owner."""

from __future__ import annotations

__all__ = ["Locker"]

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from flowworker.clock import SystemClock
from flowworker.stores.locks import Lock, lock_key

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.compat.opening import Opening
    from flowworker.ports import Backend, Leases


class Locker:
    """Locks of a namespace, for any owner; opened by its first use.

    ```python
    token = await locker.acquire("card:4711", run_id, ttl=30, timeout=5)
    try:
        await charge(fencing_token=token)
    finally:
        await locker.release("card:4711", run_id)
    ```
    """

    def __init__(self, opening: Opening, clock: Clock | None = None) -> None:
        """Keep locks in the leases of a backend."""
        self._opening = opening
        self._clock = clock or SystemClock()
        self._held: dict[tuple[str, str], Lock] = {}

    async def leases(self) -> Leases:
        """The port behind it."""
        return (await self._backend()).leases

    async def acquire(self, key: str, owner: str, *, ttl: float, timeout: float = 0.0) -> int:
        """Wait until the owner has the lock; its fencing token. It is renewed until `release`.

        Args:
            key: any text.
            owner: usually a run's id. An owner that has the lock gets it again.
            ttl: seconds after which it is free if this process dies; whole ones, at least 1.
            timeout: seconds to wait for it.

        Raises:
            LockTimeoutError: it was not free within the timeout.
        """
        lock = await self._lock(key, owner, ttl, timeout)
        await lock.acquire()
        former = self._held.pop((key, owner), None)
        if former is not None:
            former.leave()
        self._held[key, owner] = lock
        return lock.token

    async def release(self, key: str, owner: str) -> None:
        """Release it, also if another process acquired it for that owner; else do nothing."""
        lock = self._held.pop((key, owner), None)
        if lock is not None and not lock.lost:
            await lock.release()
            return
        if lock is not None:
            lock.leave()  # else it would take the lock again for an owner that has given it up
        leases, name = await self.leases(), lock_key(key)
        if (await leases.holders(name)).get(name) != owner:
            return
        token = await leases.acquire(name, owner, 1)
        if token is not None:
            await leases.release(name, owner, token)

    def token(self, key: str, owner: str) -> int | None:
        """The present fencing token of a lock acquired here, or None if it was lost or released."""
        lock = self._held.get((key, owner))
        return None if lock is None or lock.lost else lock.token

    def leave(self, key: str, owner: str) -> None:
        """Stop renewing it: the step that acquired it has ended without a release."""
        lock = self._held.pop((key, owner), None)
        if lock is not None:
            lock.leave()

    async def close(self) -> None:
        """Release what is held here, and let go of what the locker opened."""
        held, self._held = self._held, {}
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._opening.close)
            for lock in held.values():
                stack.push_async_exit(lock)

    async def __aenter__(self) -> Self:
        """Open it now."""
        await self._backend()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    async def _lock(self, key: str, owner: str, ttl: float, timeout: float) -> Lock:
        return Lock(await self.leases(), self._clock, key, owner, ttl, timeout)

    async def _backend(self) -> Backend:
        return await self._opening.backend()
