"""Announces leases that were released, so that waiters need not ask again and again."""

from __future__ import annotations

__all__ = ["Announcements"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.jetstream.names import Names
    from flowworker.jetstream.notifier import CoreNotifier


class Announcements:
    """Core messages on `<ns>.lease.free.<key>`, at most once."""

    def __init__(self, notifier: CoreNotifier, names: Names) -> None:
        """Publish by means of that."""
        self._notifier = notifier
        self._names = names

    async def announce(self, key: str) -> None:
        """The lease is free now."""
        await self._notifier.publish(self._names.lease_free(key), b"")

    async def listen(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call for each release of the key; the result ends it."""
        subject = self._names.lease_free(key)
        return await self._notifier.subscribe(subject, lambda _subject, _data: on_free())
