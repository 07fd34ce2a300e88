"""What a client pauses besides runs: queues. It waits until a coordinator has followed it."""

from __future__ import annotations

__all__ = ["Pausing"]

from typing import TYPE_CHECKING

from flowworker.client.following import followed
from flowworker.client.summaries import PauseView
from flowworker.codec.json import encode
from flowworker.codec.messages import FLOW_ACTOR
from flowworker.codec.pauses import Pausable, PauseAction, PauseCommand
from flowworker.core.ids import TOKEN, sequence_of
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.core.standing import PauseRecord
    from flowworker.stores.stores import Stores


class Pausing:
    """A part of `Client`."""

    _stores: Stores
    _clock: Clock

    async def pause_queue(self, queue: str, reason: str = "", *, actor: str = "") -> PauseView:
        """Have no worker get a step of a queue any more; what workers have ends.

        From the return on no attempt of that queue begins, but for what was handed out before.

        Args:
            queue: which one. Its workers may be of any release.
            reason: why, shown as long as it pauses.
            actor: who asks, shown as well.

        Returns:
            The pause as it stands: one that was asked for later than this counts instead.

        Raises:
            NotFound: no worker has served that queue yet, and no step was put into it.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        command = PauseCommand(reason=reason)
        record = await self._say(PauseAction.PAUSE, _checked(queue), command, actor)
        return pause_view(record) or PauseView(record.at)

    async def unpause_queue(self, queue: str, *, actor: str = "") -> None:
        """Have workers get its steps again, if it pauses. Raises as `pause_queue`."""
        await self._say(PauseAction.UNPAUSE, _checked(queue), PauseCommand(), actor)

    async def paused_queues(self) -> dict[str, PauseView]:
        """The queues that pause, by name: since when, why, and who has asked for it."""
        found = await self._stores.pauses.paused(Pausable.QUEUE)
        return {name: view for name, one in found.items() if (view := pause_view(one))}

    async def _say(
        self, action: PauseAction, name: str, command: PauseCommand, actor: str
    ) -> PauseRecord:
        headers = {FLOW_ACTOR: actor} if actor else {}
        subject, backend = f"control.queue.{action}.{name}", self._stores.backend
        sequence = await backend.commands.send(subject, encode(command), headers)

        async def look() -> PauseRecord | None:
            found = await self._stores.pauses.load(Pausable.QUEUE, name)
            if found is None or not found[0].followed or sequence_of(found[0].last) < sequence:
                return None
            return found[0]

        what = f"{action} of queue {name!r}"
        return await followed(backend, self._clock, sequence, what, look)


def pause_view(record: PauseRecord) -> PauseView | None:
    """A pause for people; None if it goes on."""
    why = record.paused
    return None if why is None else PauseView(record.at, why.reason, why.actor)


def _checked(queue: str) -> str:
    if not TOKEN.fullmatch(queue):
        raise InvalidInput(
            f"a queue must be one token of letters, digits, '_' and '-', found {queue[:150]!r}"
        )
    return queue
