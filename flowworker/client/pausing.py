"""What a client pauses besides runs: queues and workflows. It waits until that is followed."""

from __future__ import annotations

__all__ = ["Pausing"]

from typing import TYPE_CHECKING

from flowworker.client.commands import body_of
from flowworker.client.following import followed
from flowworker.client.summaries import PauseView
from flowworker.codec.messages import FLOW_ACTOR
from flowworker.codec.pauses import NAMES, Pausable, PauseAction, PauseCommand
from flowworker.core.ids import MAX_NAME, sequence_of
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
        record = await self._say(Pausable.QUEUE, PauseAction.PAUSE, queue, command, actor)
        return pause_view(record) or PauseView(record.at)

    async def unpause_queue(self, queue: str, *, actor: str = "") -> None:
        """Have workers get its steps again, if it pauses. Raises as `pause_queue`."""
        await self._say(Pausable.QUEUE, PauseAction.UNPAUSE, queue, PauseCommand(), actor)

    async def paused_queues(self) -> dict[str, PauseView]:
        """The queues that pause, by name: since when, why, and who has asked for it."""
        return await self._paused(Pausable.QUEUE)

    async def pause_workflow(
        self, workflow: str, reason: str = "", *, actor: str = ""
    ) -> PauseView:
        """Have nothing of a workflow's runs begin any more; what runs ends, and timers go on.

        That is of all its runs, of whatever version, also of those that begin meanwhile. A few
        seconds may pass until all coordinators know of it. Runs that were paused by themselves stay
        so when it goes on.

        Args:
            workflow: which one.
            reason: why, shown as long as it pauses.
            actor: who asks, shown as well.

        Returns:
            The pause as it stands: one that was asked for later than this counts instead.

        Raises:
            NotFound: no workflow of that name is registered.
            ResultTimeout: no coordinator was there to follow it; it is kept, and will be.
        """
        command = PauseCommand(reason=reason)
        record = await self._say(Pausable.WORKFLOW, PauseAction.PAUSE, workflow, command, actor)
        return pause_view(record) or PauseView(record.at)

    async def unpause_workflow(self, workflow: str, *, actor: str = "") -> None:
        """Let its runs go on, if it pauses. Raises as `pause_workflow`."""
        command = PauseCommand()
        await self._say(Pausable.WORKFLOW, PauseAction.UNPAUSE, workflow, command, actor)

    async def paused_workflows(self) -> dict[str, PauseView]:
        """The workflows that pause, by name: since when, why, and who has asked for it."""
        return await self._paused(Pausable.WORKFLOW)

    async def _paused(self, of: Pausable) -> dict[str, PauseView]:
        found = await self._stores.pauses.paused(of)
        return {name: view for name, one in found.items() if (view := pause_view(one))}

    async def _say(
        self, of: Pausable, action: PauseAction, name: str, command: PauseCommand, actor: str
    ) -> PauseRecord:
        _check(of, name)
        headers = {FLOW_ACTOR: actor} if actor else {}
        subject, backend = f"control.{of}.{action}.{name}", self._stores.backend
        sequence = await backend.commands.send(subject, body_of(command), headers)

        async def look() -> PauseRecord | None:
            found = await self._stores.pauses.load(of, name)
            if found is None or not found[0].followed or sequence_of(found[0].last) < sequence:
                return None
            return found[0]

        what = f"{action} of {of} {name!r}"
        return await followed(backend, self._clock, sequence, what, look)


def pause_view(record: PauseRecord) -> PauseView | None:
    """A pause for people; None if it goes on."""
    why = record.paused
    return None if why is None else PauseView(record.at, why.reason, why.actor)


def _check(of: Pausable, name: str) -> None:
    if not NAMES[of].fullmatch(name) or len(name) > MAX_NAME:
        what = "one token" if of is Pausable.QUEUE else "tokens, joined by dots,"
        raise InvalidInput(
            f"a {of} must be {what} of letters, digits, '_' and '-', found {name[:150]!r}"
        )
