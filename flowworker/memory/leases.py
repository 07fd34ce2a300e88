"""Leases in a dict, each removed by an alarm when it ends.

Whether a lease holds is asked of the clock at each call: an alarm that rings late must not keep
one alive.
"""

from __future__ import annotations

__all__ = ["MemoryLeases"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput
from flowworker.memory.checks import check_dotted
from flowworker.memory.subjects import matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.memory.home import Alarm, Home


@dataclass(slots=True)
class _Lease:
    holder: str
    token: int
    end: float
    alarm: Alarm


class MemoryLeases:
    """The `Leases` port. Tokens are numbers of writes, so any change makes the next one greater."""

    def __init__(self, home: Home) -> None:
        """Start with all free."""
        self._home = home
        self._leases: dict[str, _Lease] = {}
        self._token = 0
        self._watchers: dict[str, dict[object, Callable[[], None]]] = {}

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        """The token, or None if another holder has it. A holder that has it renews it."""
        lease = self._holding(key)
        if lease is not None and lease.holder != holder:
            return None
        return self._grant(key, holder, ttl)

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """The next token, or None if the lease was lost."""
        lease = self._holding(key)
        if lease is None or (lease.holder, lease.token) != (holder, token):
            return None
        return self._grant(key, holder, ttl)

    async def release(self, key: str, holder: str, token: int) -> None:
        """Give it up; does nothing if it is not held under that token."""
        lease = self._holding(key)
        if lease is not None and (lease.holder, lease.token) == (holder, token):
            self._end(key)
            for on_free in self._watchers.get(key, {}).values():
                self._home.soon(on_free)

    async def holders(self, pattern: str) -> dict[str, str]:
        """Holder by key, of all leases that match and hold."""
        now = self._home.clock.monotonic()
        return {
            key: lease.holder
            for key, lease in self._leases.items()
            if lease.end > now and matches(pattern, key)
        }

    async def remaining(self, key: str) -> float | None:
        """Seconds until it ends; None if it is free."""
        lease = self._holding(key)
        return None if lease is None else lease.end - self._home.clock.monotonic()

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call soon after it was given up."""
        mark = object()
        self._watchers.setdefault(key, {})[mark] = on_free

        def end() -> None:
            watchers = self._watchers.get(key, {})
            watchers.pop(mark, None)
            if not watchers:
                self._watchers.pop(key, None)

        return end

    def _holding(self, key: str) -> _Lease | None:
        lease = self._leases.get(key)
        return lease if lease is not None and lease.end > self._home.clock.monotonic() else None

    def _grant(self, key: str, holder: str, ttl: int) -> int:
        check_dotted(key, "the key of a lease")
        if ttl < 1 or ttl != int(ttl):
            raise InvalidInput(f"a lease's ttl must be whole seconds, at least 1, found {ttl!r}")
        if key in self._leases:
            self._end(key)
        self._token += 1
        end = self._home.clock.monotonic() + ttl
        alarm = self._home.at(end, lambda: self._end(key))
        self._leases[key] = _Lease(holder, self._token, end, alarm)
        return self._token

    def _end(self, key: str) -> None:
        self._leases.pop(key).alarm.cancel()
