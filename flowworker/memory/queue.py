"""Messages that are delivered one at a time until they are acknowledged.

A message is in exactly one place: delayed (an alarm holds it), new, again (delivered before and
due once more) or in flight. What takes it from one puts it into the next, so it cannot get lost
or double; acknowledged or dropped it is `gone`, and in none.

It makes progress because everything that makes a message or a credit available schedules a pump,
and a pump goes on until it is out of one of them. Messages in flight stand in the order of their
deadlines, since they all wait equally long; one alarm for the first of them is enough.
"""

from __future__ import annotations

__all__ = ["Message", "MessageDelivery", "Queue", "QueueConsumer"]

import heapq
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowworker.memory.home import EARLY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from flowworker.memory.home import Alarm, Home
    from flowworker.ports import OnDelivery


@dataclass(slots=True, eq=False)
class Message:
    """What a queue holds.

    Attributes:
        group: what can be dropped together.
        sequence, time: given when it becomes new, not while it is delayed.
        order: of the latest delivery.
    """

    group: str
    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 0
    time: float = 0.0
    delivered: int = 0
    order: int = 0
    gone: bool = False
    alarm: Alarm | None = None

    @property
    def scheduled(self) -> bool:
        """Whether it waits for its time, and was never new."""
        return not self.sequence


@dataclass(slots=True, eq=False)
class MessageDelivery:
    """The `Delivery` port: a message as it was when it was delivered."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    sequence: int
    order: int
    delivered: int
    time: float
    behind: int
    _queue: Queue = field(repr=False)
    _message: Message = field(repr=False)

    async def ack(self) -> None:
        """Done, also when it was delivered to another consumer since: an ack is not a fence."""
        self._queue.remove(self._message)

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay`; nothing if it was delivered again since."""
        if self._message.order == self.order:
            self._queue.give_back(self._message, delay)

    async def in_progress(self) -> None:
        """Restart the ack wait; nothing if it was delivered again since."""
        if self._message.order == self.order:
            self._queue.extend(self._message)


class QueueConsumer:
    """The `Consumer` port."""

    def __init__(self, queue: Queue, on_delivery: OnDelivery) -> None:
        """Take nothing before credit is granted."""
        self.credit = 0
        self.on_delivery = on_delivery
        self._queue: Queue | None = queue

    def grant(self, credit: int) -> None:
        """Be ready for that many more; nothing after `stop`."""
        if self._queue is not None and credit > 0:
            waiting = self.credit > 0
            self.credit += credit
            if not waiting:
                self._queue.welcome(self)

    async def stop(self) -> None:
        """Take no more."""
        queue, self._queue = self._queue, None
        if queue is not None:
            self.credit = 0
            queue.dismiss(self)


class Queue:
    """One source of deliveries, shared by all its consumers in turn."""

    def __init__(self, home: Home, ack_wait: float, sequence: Iterator[int]) -> None:
        """Number messages by `sequence`, which several queues may share."""
        self._home = home
        self._ack_wait = ack_wait
        self._sequence = sequence
        self._order = 0
        self._groups: dict[str, dict[Message, None]] = {}
        self._new: OrderedDict[Message, None] = OrderedDict()
        self._again: list[tuple[int, Message]] = []
        self._inflight: OrderedDict[Message, float] = OrderedDict()
        self._takers: deque[QueueConsumer] = deque()
        self._overdue: Alarm | None = None
        self._pumping = False
        self._held = False

    def add(self, message: Message, due: float = 0.0) -> int:
        """Accept a message, to be delivered from `due` (epoch seconds); its sequence, or 0."""
        self._groups.setdefault(message.group, {})[message] = None
        if due > self._home.clock.now():
            message.alarm = self._home.at_wall(due, lambda: self._store(message))
            return 0
        self._store(message)
        return message.sequence

    def consume(self, on_delivery: OnDelivery) -> QueueConsumer:
        """Share the queue with all its consumers."""
        self._home.enter()
        return QueueConsumer(self, on_delivery)

    @property
    def held(self) -> bool:
        """Whether nothing is handed out for now."""
        return self._held

    def hold(self) -> None:
        """Hand nothing out any more."""
        self._held = True

    def release(self) -> None:
        """Hand out again."""
        self._held = False
        self._pump_soon()

    def count(self, group: str) -> int:
        """How many messages of a group there are, wherever they are."""
        return len(self.of(group))

    def waiting(self) -> int:
        """How many messages a consumer with credit would get at once."""
        return len(self._new) + sum(not message.gone for _, message in self._again)

    def ahead(self, message: Message) -> int | None:
        """How many are delivered before one that was not; None if it was."""
        if message not in self._new:
            return None
        return self.waiting() - len(self._new) + list(self._new).index(message)

    def groups(self) -> Collection[str]:
        """All groups that have messages."""
        return self._groups.keys()

    def of(self, group: str) -> Collection[Message]:
        """A group's messages, wherever they are."""
        return self._groups.get(group, {}).keys()

    def drop(self, group: str) -> None:
        """Remove a group's messages, wherever they are."""
        for message in tuple(self.of(group)):
            self.remove(message)

    def remove(self, message: Message) -> None:
        """Be done with a message; it may be gone."""
        if message.gone:
            return
        message.gone = True
        if message.alarm is not None:
            message.alarm.cancel()
        self._new.pop(message, None)
        self._inflight.pop(message, None)
        group = self._groups[message.group]
        del group[message]
        if not group:
            del self._groups[message.group]

    def give_back(self, message: Message, delay: float) -> None:
        """Put a message in flight back, for any consumer, after `delay`."""
        if self._inflight.pop(message, None) is None:
            return
        if delay > 0:
            message.alarm = self._home.after(delay, lambda: self._return(message))
        else:
            self._return(message)

    def extend(self, message: Message) -> None:
        """Restart the ack wait of a message in flight."""
        if self._inflight.pop(message, None) is not None:
            self._take(message)

    def welcome(self, consumer: QueueConsumer) -> None:
        """Count on a consumer that has credit again."""
        self._takers.append(consumer)
        self._pump_soon()

    def dismiss(self, consumer: QueueConsumer) -> None:
        """Do not count on a consumer any more."""
        if consumer in self._takers:
            self._takers.remove(consumer)

    def _store(self, message: Message) -> None:
        message.alarm = None
        message.sequence = next(self._sequence)
        message.time = self._home.clock.now()
        self._new[message] = None
        self._pump_soon()

    def _return(self, message: Message) -> None:
        message.alarm = None
        heapq.heappush(self._again, (message.sequence, message))
        self._pump_soon()

    def _take(self, message: Message) -> None:
        deadline = self._home.clock.monotonic() + self._ack_wait
        self._inflight[message] = deadline
        if self._overdue is None:
            self._overdue = self._home.at(deadline, self._expire)

    def _expire(self) -> None:
        self._overdue = None
        now = self._home.clock.monotonic() + EARLY
        while self._inflight:
            message, deadline = next(iter(self._inflight.items()))
            if deadline > now:
                self._overdue = self._home.at(deadline, self._expire)
                return
            del self._inflight[message]
            self._return(message)

    def _pump_soon(self) -> None:
        if self._takers and not self._pumping:
            self._pumping = True
            self._home.soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        while self._takers and not self._held and (message := self._next()) is not None:
            taker = self._takers.popleft()
            taker.credit -= 1
            if taker.credit:
                self._takers.append(taker)
            self._hand_out(message, taker.on_delivery)

    def _next(self) -> Message | None:
        while self._again:
            _, message = heapq.heappop(self._again)
            if not message.gone:
                return message
        return self._new.popitem(last=False)[0] if self._new else None

    def _hand_out(self, message: Message, on_delivery: OnDelivery) -> None:
        self._order += 1
        message.order = self._order
        message.delivered += 1
        self._take(message)
        delivery = MessageDelivery(
            message.subject,
            message.data,
            message.headers,
            message.sequence,
            message.order,
            message.delivered,
            message.time,
            len(self._new),
            self,
            message,
        )
        self._call(on_delivery, delivery)

    def _call(self, on_delivery: Callable[[MessageDelivery], None], got: MessageDelivery) -> None:
        try:
            on_delivery(got)
        except Exception as error:  # noqa: BLE001  # the others are not to wait for this one
            message = f"{got.subject}: the consumer's callback failed; it will come again"
            self._home.loop.call_exception_handler({"message": message, "exception": error})
