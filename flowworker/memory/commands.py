"""Commands in a queue per lane."""

from __future__ import annotations

__all__ = ["MemoryCommandQueue"]

from itertools import count
from typing import TYPE_CHECKING

from flowworker.codec.messages import MSG_ID
from flowworker.codec.subjects import COMMAND_KINDS, CommandKind, CommandLane
from flowworker.errors import InvalidInput
from flowworker.memory.checks import check_dotted, check_size
from flowworker.memory.dedupe import COMMANDS_WINDOW, Window
from flowworker.memory.queue import Message, Queue
from flowworker.ports import WaitingStart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.memory.home import Home
    from flowworker.ports import Consumer, OnDelivery


class MemoryCommandQueue:
    """The `CommandQueue` port. A message id is remembered as JetStream does it."""

    def __init__(self, home: Home, ack_wait: float) -> None:
        """Start empty."""
        self._window = Window(home.clock, COMMANDS_WINDOW)
        sequence = count(1)
        self._lanes = {lane: Queue(home, ack_wait, sequence) for lane in CommandLane}

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """The sequence under which it is stored, now or by the first one with its id."""
        check_dotted(subject, "a command's subject")
        kind, _, rest = subject.partition(".")
        if kind not in COMMAND_KINDS or not rest:
            raise InvalidInput(
                f"a command starts with one of {COMMAND_KINDS}, found {subject[:150]!r}"
            )
        check_size(subject, data, headers)
        message_id = headers.get(MSG_ID, "")
        if message_id and (stored := self._window.find(message_id)) is not None:
            return stored
        queue = next(self._lanes[lane] for lane in CommandLane if kind in lane.kinds)
        sequence = queue.add(Message(subject, subject, data, dict(headers)))
        if message_id:
            self._window.remember(message_id, sequence)
        return sequence

    async def consume(self, lane: CommandLane, on_delivery: OnDelivery) -> Consumer:
        """Share the commands of a lane with all other consumers."""
        return self._lanes[lane].consume(on_delivery)

    def pending(self, kind: str) -> list[Message]:
        """What is not acknowledged of the commands whose subjects begin with these tokens."""
        return [
            message
            for lane in self._lanes.values()
            for group in lane.groups()
            for message in lane.of(group)
            if message.subject.startswith(f"{kind}.")
        ]

    async def waiting(
        self, after: int = 0, kind: CommandKind = CommandKind.START
    ) -> WaitingStart | None:
        """The first start, or rerun, behind that sequence which is not acknowledged."""
        behind = (one for one in self.pending(kind) if one.sequence > after)
        first = min(behind, key=lambda message: message.sequence, default=None)
        if first is None:
            return None
        about = first.subject.removeprefix(f"{kind}.")
        return WaitingStart(first.sequence, about, first.headers.get(MSG_ID, ""))
