"""Stored payloads that steps of one worker share: loaded once for all of them.

Several steps of a run mostly read the same outputs. The latest used are kept, decoded, up to a
number of bytes. A payload that is being loaded is not loaded a second time, and only some are
loaded at a time, however many are asked for.
"""

from __future__ import annotations

__all__ = ["PayloadCache", "Place"]

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.payload import Stored
    from flowworker.stores.payloads import PayloadStore

Place = tuple[str, ...]
"""The run whose payload it is, and the places there in which it may stand; empty for bytes that are
read as they are stored. What was opened for one place is not found for another."""

_PARALLEL = 16
"""Payloads that a worker loads at a time."""


class PayloadCache:
    """A cache in front of a payload store, on one event loop."""

    def __init__(self, payloads: PayloadStore, room: int) -> None:
        """Keep up to `room` bytes of what is loaded from `payloads`, as they are stored."""
        self._payloads = payloads
        self._room = room
        self._kept: OrderedDict[tuple[str, Place], tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._loading: dict[tuple[str, Place], asyncio.Task[Any]] = {}
        self._gate = asyncio.Semaphore(_PARALLEL)

    def peek(self, payload: Stored, place: Place = ()) -> tuple[Any] | None:
        """The value, if it is here."""
        kept = self._kept.get((payload.key, place))
        if kept is None:
            return None
        self._kept.move_to_end((payload.key, place))
        return (kept[0],)

    async def get(
        self, payload: Stored, decode: Callable[[str, bytes], Any], place: Place = ()
    ) -> Any:
        """The value as `decode` makes it of key and bytes; shared, so it must not be changed.

        Raises:
            CorruptRecord: it cannot be read.
            Unavailable: the store cannot be reached.
        """
        if (kept := self.peek(payload, place)) is not None:
            return kept[0]
        at = payload.key, place
        task = self._loading.get(at)
        if task is None:
            task = self._loading[at] = asyncio.create_task(self._load(payload, decode, place))
            task.add_done_callback(lambda done: self._loaded(at, done))
        return await asyncio.shield(task)  # others may wait for it as well

    async def _load(
        self, payload: Stored, decode: Callable[[str, bytes], Any], place: Place
    ) -> Any:
        async with self._gate:
            if place:
                raw = await self._payloads.load(payload, *place)
            else:
                raw = await self._payloads.read(payload)
            value = decode(payload.key, raw)
        self._kept[payload.key, place] = (value, payload.size)
        self._size += payload.size
        while self._size > self._room:
            _, (_, size) = self._kept.popitem(last=False)
            self._size -= size
        return value

    def _loaded(self, at: tuple[str, Place], task: asyncio.Task[Any]) -> None:
        del self._loading[at]
        if not task.cancelled():
            task.exception()  # retrieved, because those who waited for it may have been cancelled
