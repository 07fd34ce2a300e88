"""Commands about named limits -> their records; who may go on by that is let in at once."""

from __future__ import annotations

__all__ = ["LimitCommands"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.codec.json import UNREADABLE
from flowworker.codec.limits import LimitAction, decode_limit_command
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.ids import origin_of, sequence_of
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, named_limit

if TYPE_CHECKING:
    from flowworker.coordinator.limits.slots import Slots
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores


class LimitCommands:
    """Takes `control.limit.<action>.<name>` in."""

    def __init__(self, stores: Stores, slots: Slots) -> None:
        """Write to the stores' records."""
        self._store = stores.limits
        self._slots = slots

    async def take(self, rest: str, delivery: Delivery) -> None:
        """One message; `rest` is its subject after `control.limit.`.

        Raises:
            Rejected: it cannot be followed.
            Conflict, Unavailable: it is to be tried again.
        """
        word, _, name = rest.partition(".")
        if word not in set(LimitAction) or not LIMIT_NAME.fullmatch(name):
            actions = ", ".join(LimitAction)
            raise Rejected(f"control.limit.{rest}: expected control.limit.<{actions}>.<name>")
        try:
            command = decode_limit_command(delivery.data or b"{}")
        except UNREADABLE as error:
            raise Rejected(f"control.limit.{word}: {error}") from error
        wanted = command.concurrency if word == LimitAction.SET else 0
        if word == LimitAction.SET and not wanted:
            expected = f"`concurrency`, a whole number from 1 to {MAX_CONCURRENCY:,}"
            raise Rejected(f"control.limit.set: expected {expected}")
        origin = origin_of(delivery.sequence, delivery.time)
        record, revision = await self._store.load(named_limit(name))
        if sequence_of(record.last) < delivery.sequence:  # else it was followed, or is out of date
            record = replace(record, concurrency=wanted, last=origin)
            await self._store.save(record, revision)
        await self._slots.look(record.id)
