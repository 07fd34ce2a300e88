"""Leases as one process sees them."""

from __future__ import annotations

__all__ = ["SimLeases"]

from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from flowworker.ports import Backend
    from simulation.gate import Gate

T = TypeVar("T")

_Later: TypeAlias = "Coroutine[Any, Any, T]"


class SimLeases:
    """The `Leases` port, each call through the gate of its process."""

    def __init__(self, gate: Gate, backend: Backend) -> None:
        self._gate = gate
        self._leases = backend.leases

    def acquire(self, key: str, holder: str, ttl: int) -> _Later[int | None]:
        """Take it, if nobody has it."""
        return self._gate.call("lease.acquire", key, self._leases.acquire, key, holder, ttl)

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """Hold on to it; one who is deluded believes that it does."""
        process, faults = self._gate.process, self._gate.faults
        if process.deluded_until > process.clock.monotonic():
            return token
        if faults.chance("deluded owner", faults.rates.deluded):
            process.deluded_until = process.clock.monotonic() + ttl * (1 + faults.random.random())
            return token
        return await self._gate.call(
            "lease.renew", key, self._leases.renew, key, holder, ttl, token
        )

    def release(self, key: str, holder: str, token: int) -> _Later[None]:
        """Give it back."""
        return self._gate.call("lease.release", key, self._leases.release, key, holder, token)

    def holders(self, pattern: str) -> _Later[dict[str, str]]:
        """Who has which."""
        return self._gate.call("lease.holders", pattern, self._leases.holders, pattern)

    def remaining(self, key: str) -> _Later[float | None]:
        """Seconds that it lasts."""
        return self._gate.call("lease.remaining", key, self._leases.remaining, key)

    def watch(self, key: str, on_free: Callable[[], None]) -> _Later[Callable[[], object]]:
        """Call when it may be free."""
        return self._gate.call(
            "lease.watch", key, self._leases.watch, key, lambda: self._gate.process.call(on_free)
        )
