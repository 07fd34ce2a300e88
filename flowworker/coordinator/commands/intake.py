"""Commands come in, beside all other coordinators: starts, controls and signals.

Each lane has a credit of its own, so that a flood of one kind holds up none of the other.

Whatever cannot be taken yields one `workflow.rejected` event with the reason, and is acknowledged.
"""

from __future__ import annotations

__all__ = ["Intake", "OtherCommands"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.limits import LIMIT_PREFIX
from flowworker.codec.pauses import PAUSES
from flowworker.codec.schedules import SCHEDULE_PREFIX
from flowworker.codec.subjects import CommandLane
from flowworker.coordinator.commands.inbox import Inbox
from flowworker.coordinator.commands.rejection import RERUN, Rejected

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.coordinator.commands.controls import Controls
    from flowworker.coordinator.commands.limits import LimitCommands
    from flowworker.coordinator.commands.pauses import PauseCommands
    from flowworker.coordinator.commands.rejection import Rejections
    from flowworker.coordinator.commands.reruns import Reruns
    from flowworker.coordinator.commands.schedules import ScheduleCommands
    from flowworker.coordinator.commands.signals import Signals
    from flowworker.coordinator.commands.starts import Starts
    from flowworker.ports import CommandQueue, Delivery

_CREDIT = {CommandLane.STARTS: 256, CommandLane.CONTROLS: 32}
"""Commands that are handled at a time; few controls, which are quick and seldom."""
_EACH = {CommandLane.STARTS: 0.0, CommandLane.CONTROLS: 0.01}
"""Seconds that a look at one takes where it is slow, for those that are too early. Starts are taken
at once, but for large ones, which wait for memory."""


class OtherCommands(NamedTuple):
    """Those that are about no run."""

    schedules: ScheduleCommands
    pauses: PauseCommands
    limits: LimitCommands


class Intake:
    """Consumes commands, and passes each on by its kind."""

    def __init__(
        self,
        commands: CommandQueue,
        starts: Starts,
        reruns: Reruns,
        controls: Controls,
        signals: Signals,
        others: OtherCommands,
        rejections: Rejections,
        clock: Clock,
    ) -> None:
        """Nothing is consumed before `start`."""
        self._commands = commands
        self._starts = starts
        self._reruns = reruns
        self._controls = controls
        self._signals = signals
        self._others = others
        self._rejections = rejections
        self._inboxes = {
            lane: Inbox(self._handle, _CREDIT[lane], clock, _EACH[lane]) for lane in CommandLane
        }

    async def start(self) -> None:
        """Begin to consume."""
        for lane, inbox in self._inboxes.items():
            await inbox.start(partial(self._commands.consume, lane))

    async def stop(self) -> None:
        """Consume no more, and finish what has begun."""
        await asyncio.gather(*(inbox.stop() for inbox in self._inboxes.values()))

    async def _handle(self, delivery: Delivery) -> None:
        kind, _, rest = delivery.subject.partition(".")
        try:
            match kind:
                case "start":
                    await self._starts.take(rest, delivery)
                case "control" if rest.startswith(RERUN):
                    await self._reruns.take(rest.removeprefix(RERUN), delivery)
                case "control" if rest.startswith(SCHEDULE_PREFIX):
                    await self._others.schedules.take(rest.removeprefix(SCHEDULE_PREFIX), delivery)
                case "control" if rest.startswith(PAUSES):
                    await self._others.pauses.take(rest, delivery)
                case "control" if rest.startswith(LIMIT_PREFIX):
                    await self._others.limits.take(rest.removeprefix(LIMIT_PREFIX), delivery)
                case "control":
                    await self._controls.take(rest, delivery)
                case "signal":
                    await self._signals.take(rest, delivery)
                case _:
                    unknown = Rejected(f"{delivery.subject}: no command of this kind is known")
                    await self._rejections.publish(unknown, delivery)
        except Rejected as rejected:
            await self._rejections.publish(rejected, delivery)
        if kind == "start":
            await self._starts.discard(delivery)
