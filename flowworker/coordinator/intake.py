"""Commands come in, beside all other coordinators: start messages and control messages.

Whatever cannot be taken yields one `workflow.rejected` event with the reason, and is acknowledged.
"""

from __future__ import annotations

__all__ = ["Intake"]

from typing import TYPE_CHECKING

from flowworker.coordinator.inbox import Inbox
from flowworker.coordinator.rejection import Rejected

if TYPE_CHECKING:
    from flowworker.coordinator.controls import Controls
    from flowworker.coordinator.rejection import Rejections
    from flowworker.coordinator.starts import Starts
    from flowworker.ports import CommandQueue, Delivery

_CREDIT = 256
"""Commands in hand at a time."""


class Intake:
    """The door: each command to who takes it."""

    def __init__(
        self, commands: CommandQueue, starts: Starts, controls: Controls, rejections: Rejections
    ) -> None:
        """Nothing is consumed before `start`."""
        self._commands = commands
        self._starts = starts
        self._controls = controls
        self._rejections = rejections
        self._inbox = Inbox(self._handle, _CREDIT)

    async def start(self) -> None:
        """Begin to consume."""
        await self._inbox.start(self._commands.consume)

    async def stop(self) -> None:
        """Consume no more, and finish what is in hand."""
        await self._inbox.stop()

    async def _handle(self, delivery: Delivery) -> None:
        kind, _, rest = delivery.subject.partition(".")
        try:
            match kind:
                case "start":
                    await self._starts.take(rest, delivery)
                case "control":
                    await self._controls.take(rest, delivery)
                case _:
                    unknown = Rejected(f"{delivery.subject}: no command of this kind is known")
                    await self._rejections.tell(unknown, delivery)
        except Rejected as rejected:
            await self._rejections.tell(rejected, delivery)
