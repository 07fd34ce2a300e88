"""Step messages in queues: a lane per queue and priority."""

from __future__ import annotations

__all__ = ["MemoryStepQueue"]

from itertools import count
from typing import TYPE_CHECKING

from flowworker.core.status import Priority
from flowworker.memory.checks import check_dotted, check_size, check_token
from flowworker.memory.dedupe import Window
from flowworker.memory.queue import Message, Queue
from flowworker.ports import StepPlace

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.memory.home import Home
    from flowworker.memory.timers import MemoryTimers
    from flowworker.ports import Consumer, OnDelivery, StepAddress


class MemoryStepQueue:
    """The `StepQueue` port, and `Lanes`."""

    def __init__(self, home: Home, ack_wait: float, timers: MemoryTimers) -> None:
        """Make lanes as they are asked for; those of steps among `timers` count as messages."""
        self._timers = timers
        self._home = home
        self._ack_wait = ack_wait
        self._window = Window(home.clock)
        self._sequence = count(1)
        self._lanes: dict[tuple[str, Priority], Queue] = {}

    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        """Store it, unless its id is known."""
        check_token(address.queue, "a queue")
        check_token(address.run, "a run id")
        check_dotted(address.step, "a step id")
        subject = _subject(address)
        check_size(subject, data)
        if self._window.find(message_id) is not None:
            return
        message = Message(address.run, subject, data)
        self._window.remember(message_id, 0)
        self._lane(address.queue, address.priority).add(message, due)

    async def consume(
        self, queue: str, priority: Priority, on_delivery: OnDelivery, *, shard: int = 0
    ) -> Consumer:
        """Share a lane of a queue with all other consumers."""
        del shard  # there is one
        return self._lane(queue, priority).consume(on_delivery)

    async def queued(self, address: StepAddress) -> list[bytes]:
        """Messages of a step, queued, scheduled or in flight."""
        subject = _subject(address)
        lane = self._lane(address.queue, address.priority)
        return [message.data for message in lane.of(address.run) if message.subject == subject]

    async def places(self, address: StepAddress) -> list[StepPlace]:
        """Where the messages of a step are."""
        subject = _subject(address)
        lane = self._lane(address.queue, address.priority)
        return [_place(lane, one) for one in lane.of(address.run) if one.subject == subject]

    async def hold(self, queue: str) -> bool:
        """Hand nothing out of a queue any more."""
        lanes = self._lanes_of(queue)
        for lane in lanes:
            lane.hold()
        return bool(lanes)

    async def release(self, queue: str) -> bool:
        """Hand out again."""
        lanes = self._lanes_of(queue)
        for lane in lanes:
            lane.release()
        return bool(lanes)

    def waiting(self) -> int:
        """How many messages were not delivered yet, or were put back."""
        return sum(lane.waiting() for lane in self._lanes.values())

    async def backlog(self) -> dict[str, list[str]]:
        """Steps that have messages, by run."""
        found: dict[str, list[str]] = {}
        for lane in self._lanes.values():
            for run in lane.groups():
                found.setdefault(run, []).extend(map(_step, lane.of(run)))
        for run, step in self._timers.of_steps():
            found.setdefault(run, []).append(step)
        return found

    def pending(self, run: str) -> int:
        """How many messages of a run are queued, scheduled or in flight."""
        return sum(lane.count(run) for lane in self._lanes.values())

    def bodies(self, run: str) -> list[bytes]:
        """What they say."""
        return [message.data for lane in self._lanes.values() for message in lane.of(run)]

    async def withdraw(self, run: str, delayed: Collection[str]) -> None:
        """Remove what is queued or in flight for a run, and what is scheduled for these steps."""
        for lane in self._lanes.values():
            for message in tuple(lane.of(run)):
                if not message.scheduled or _step(message) in delayed:
                    lane.remove(message)

    async def drop(self, run: str) -> None:
        """Remove what is queued, scheduled or in flight for a run."""
        for lane in self._lanes.values():
            lane.drop(run)
        self._timers.drop_of_steps(run)

    def _lanes_of(self, queue: str) -> list[Queue]:
        """All lanes of a queue, once somebody has used one of them."""
        if not any(name == queue for name, _ in self._lanes):
            return []
        return [self._lane(queue, priority) for priority in Priority]

    def _lane(self, queue: str, priority: Priority) -> Queue:
        lane = self._lanes.get((queue, priority))
        if lane is None:
            lane = Queue(self._home, self._ack_wait, self._sequence)
            self._lanes[queue, priority] = lane
        return lane


def _subject(address: StepAddress) -> str:
    return f"step.{address.queue}.{address.priority}.{address.run}.{address.step}"


def _place(lane: Queue, message: Message) -> StepPlace:
    if message.scheduled:
        return StepPlace(message.data, scheduled=True)
    ahead = lane.ahead(message)
    return StepPlace(
        message.data, message.time, handed_out=ahead is None, ahead=ahead, held=lane.held
    )


def _step(message: Message) -> str:
    return message.subject.split(".", 4)[4]
