"""Commands about named limits -> their records; who may go on by that is let in at once."""

from __future__ import annotations

__all__ = ["LimitCommands"]

from typing import TYPE_CHECKING

from flowworker.codec.json import UNREADABLE
from flowworker.codec.limits import LimitAction, LimitCommand, decode_limit_command
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.core.ids import is_past, origin_of
from flowworker.core.limit import LIMIT_NAME, MAX_CONCURRENCY, named_limit
from flowworker.core.limiting import set_to
from flowworker.core.rate import problem_of

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.limits.slots import Slots
    from flowworker.ports import Delivery
    from flowworker.stores.stores import Stores


class LimitCommands:
    """Takes `control.limit.<action>.<name>` in."""

    def __init__(self, stores: Stores, slots: Slots, clock: Clock) -> None:
        """Write to the stores' records."""
        self._store = stores.limits
        self._slots = slots
        self._clock = clock

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
        if word == LimitAction.DELETE:
            command = LimitCommand()
        elif not command.concurrency and command.rate is None:
            expected = f"`concurrency`, a whole number from 1 to {MAX_CONCURRENCY:,}, or `rate`"
            raise Rejected(f"control.limit.set: expected {expected}")
        elif command.rate is not None and (problem := problem_of(command.rate)):
            raise Rejected(f"control.limit.set: `rate`: {problem}")
        origin = origin_of(delivery.sequence, delivery.time)
        record, revision = await self._store.load(named_limit(name))
        if not is_past(origin, record.last):
            now = self._clock.now()
            record = set_to(record, command.concurrency, command.rate, origin, now)
            await self._store.save(record, revision)
        await self._slots.look(record.id)
