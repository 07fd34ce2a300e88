"""What the instances of loops have: read once for all that are begun one after the other."""

from __future__ import annotations

__all__ = ["Items", "item_names"]

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from flowworker.codec.json import decode_value
from flowworker.core.ids import defined_id, index_of
from flowworker.core.payload import Inline
from flowworker.stores.sealing import items_place

if TYPE_CHECKING:
    from flowworker.core.graph import Plan
    from flowworker.core.payload import Payload
    from flowworker.core.state import RunState
    from flowworker.stores.payloads import PayloadStore

_Key = tuple[str, str, float]


class Items:
    """Finds the item of an instance; one for all runs of a coordinator."""

    def __init__(self, payloads: PayloadStore, room: int) -> None:
        """Load from `payloads`, and keep up to `room` bytes of what was loaded."""
        self._payloads = payloads
        self._room = room
        self._size = 0
        self._kept: OrderedDict[_Key, tuple[list[Any], int]] = OrderedDict()

    async def of(self, plan: Plan, state: RunState, step: str) -> dict[str, Any]:
        """What an instance may name of its loop, and of no other.

        Raises:
            CorruptRecord: the items cannot be read.
            Unavailable: the store cannot be reached.
        """
        whole, index = defined_id(step), index_of(step) or 0
        items = await self._items(state, whole)
        name, number = item_names(plan, step)
        return {name: items[index], number: index}

    def keep(self, state: RunState, step: str, items: list[Any], size: int) -> None:
        """Keep what a loop has; `size` is that of its payload."""
        self._kept[_key(state, step)] = (items, size)
        self._size += size
        while self._size > self._room:
            _, (_, size) = self._kept.popitem(last=False)
            self._size -= size

    async def _items(self, state: RunState, step: str) -> list[Any]:
        key = _key(state, step)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept[0]
        payload, place = state.loops[step].items, items_place(step)
        raw = await self._payloads.load(payload, state.record.run, place)
        items: list[Any] = decode_value(place, raw)
        if key not in self._kept:  # another instance may have loaded them meanwhile
            self.keep(state, step, items, _size(payload))
        return items


def item_names(plan: Plan, step: str) -> tuple[str, str]:
    """How an instance's item and its index are named."""
    return plan.loop(step).as_, "index"


def _key(state: RunState, step: str) -> _Key:
    return state.record.run, step, state.record.created_at  # an id may be used again


def _size(payload: Payload) -> int:
    return len(memoryview(payload.data)) if isinstance(payload, Inline) else payload.size
