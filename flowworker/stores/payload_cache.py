"""Payloads that several steps read: loaded and decoded once for all of them.

Several steps of a run mostly read the same outputs. The latest used are kept, decoded, up to a
number of bytes. A payload that is being loaded is not loaded a second time, and only some are
loaded at a time, however many are asked for.
"""

from __future__ import annotations

__all__ = ["PayloadCache", "Place"]

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from flowworker.core.payload import Inline

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.core.payload import Payload
    from flowworker.stores.payloads import PayloadStore

Place = tuple[str, ...]
"""The run whose payload it is, and the places there in which it may stand; empty for bytes that are
read as they are stored. What was opened for one place is not found for another."""

_PARALLEL = 16
"""Payloads that are loaded at a time."""

_Key = tuple[str | bytes, Place]


class PayloadCache:
    """A cache in front of a payload store, on one event loop."""

    def __init__(self, payloads: PayloadStore, room: int) -> None:
        """Keep up to `room` bytes of what is loaded from `payloads`, as they are stored."""
        self._payloads = payloads
        self._room = room
        self._kept: OrderedDict[_Key, tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._loading: dict[_Key, asyncio.Task[Any]] = {}
        self._gate = asyncio.Semaphore(_PARALLEL)

    def peek(self, payload: Payload, place: Place = ()) -> tuple[Any] | None:
        """The value, if it is here."""
        key = _key(payload, place)
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return (kept[0],)

    async def get(
        self, payload: Payload, decode: Callable[[str, bytes], Any], place: Place = ()
    ) -> Any:
        """The value as `decode` makes it of key and bytes; shared, so it must not be changed.

        Raises:
            CorruptRecord: it cannot be read.
            Unavailable: the store cannot be reached.
        """
        if (kept := self.peek(payload, place)) is not None:
            return kept[0]
        at = _key(payload, place)
        task = self._loading.get(at)
        if task is None:
            task = self._loading[at] = asyncio.create_task(self._load(payload, decode, place))
            task.add_done_callback(lambda done: self._loaded(at, done))
        return await asyncio.shield(task)  # others may wait for it as well

    def keep(self, payload: Payload, value: Any, place: Place = ()) -> None:
        """Keep a value that was decoded elsewhere."""
        size = len(memoryview(payload.data)) if isinstance(payload, Inline) else payload.size
        self._kept[_key(payload, place)] = (value, size)
        self._size += size
        while self._size > self._room:
            _, (_, size) = self._kept.popitem(last=False)
            self._size -= size

    async def _load(
        self, payload: Payload, decode: Callable[[str, bytes], Any], place: Place
    ) -> Any:
        async with self._gate:
            if isinstance(payload, Inline):
                where, raw = place[-1], await self._payloads.load(payload, *place)
            elif place:
                where, raw = payload.key, await self._payloads.load(payload, *place)
            else:
                where, raw = payload.key, await self._payloads.read(payload)
            value = decode(where, raw)
        self.keep(payload, value, place)
        return value

    def _loaded(self, at: _Key, task: asyncio.Task[Any]) -> None:
        del self._loading[at]
        if not task.cancelled():
            task.exception()  # retrieved, because those who waited for it may have been cancelled


def _key(payload: Payload, place: Place) -> _Key:
    """What is equal here is the same value."""
    return (bytes(payload.data) if isinstance(payload, Inline) else payload.key, place)
