"""What the contract suite waits with. Nothing here, and no test, expects anything to be quick.

A test that shows that something does *not* happen too early compares with a lower bound: lateness
cannot fail it. One that shows that something never happens publishes something else after it and
waits for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flowworker.core.event_types import EventType
from flowworker.core.ids import partition_of
from flowworker.core.status import Priority
from flowworker.ports import Consumer, Delivery, StepAddress
from tests.support.waiting import eventually

"""Seconds after which something that is to happen is taken not to."""

ACK_WAIT = 0.6
"""Seconds: the ack wait of all sources, for tests that wait for redelivery."""

LONG_ACK_WAIT = 60.0
"""The same for all others: nothing is to come again only because a machine is slow."""

SLACK = 0.05
"""Seconds that a lower bound forgives: times are rounded on the way to a server."""

KEEPERS = ("memory", "jetstream", "redis")
"""Adapters that keep records and leases; Redis has no other ports."""

RUN = "run-1"

COMPLETED = EventType.STEP_COMPLETED
"""A type that is delivered as a fact."""


@dataclass(frozen=True)
class Adapter:
    """What the suite has to know of an adapter under test.

    Attributes:
        shared: whether several backends, as of several processes, can be members of one fleet.
        idle: seconds of idleness after which its standing wishes were renewed at least once.
    """

    shared: bool
    idle: float


class Inbox:
    """Takes deliveries, remembers when, and lets a test wait for them."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.times: list[float] = []
        self.consumer: Consumer | None = None

    def __call__(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        self.times.append(time.monotonic())

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.data for delivery in self.got]

    @property
    def subjects(self) -> list[str]:
        return [delivery.subject for delivery in self.got]

    def grant(self, credit: int) -> None:
        assert self.consumer is not None
        self.consumer.grant(credit)

    async def stop(self) -> None:
        assert self.consumer is not None
        await self.consumer.stop()

    async def take(self, count: int) -> Sequence[Delivery]:
        """The deliveries so far, once there are that many."""
        await eventually(lambda: len(self.got) >= count, f"{count} deliveries")
        assert len(self.got) == count, f"expected {count}, got {self.bodies}"
        return self.got


class Worker(Inbox):
    """Acknowledges what it gets and grants one more each time."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledged = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def __call__(self, delivery: Delivery) -> None:
        super().__call__(delivery)
        task = asyncio.ensure_future(self._work(delivery))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _work(self, delivery: Delivery) -> None:
        await delivery.ack()
        self.acknowledged += 1
        self.grant(1)


def step(name: str = "charge", *, run: str = RUN, queue: str = "default", priority="normal"):
    return StepAddress(queue, Priority(priority), run, name)


async def open_lane(backend, credit=0, *, run=RUN, queue="default", priority="normal", inbox=None):
    """An inbox that consumes a lane, in the shard of a run."""
    inbox = inbox or Inbox()
    shard = partition_of(run, backend.events.partitions) % backend.shards
    inbox.consumer = await backend.steps.consume(queue, Priority(priority), inbox, shard=shard)
    inbox.grant(credit)
    return inbox


async def enqueue(backend, *names: str, run: str = RUN, **where: Any) -> None:
    """A step message for each name, which is also its body and tells its id from others."""
    for name in names:
        address = step(name, run=run, **where)
        message_id = f"{run}/{name}/{address.queue}/{address.priority}"
        await backend.steps.enqueue(address, name.encode(), message_id)


async def publish(backend, run, *bodies, event_type=COMPLETED):
    for body in bodies:
        await backend.events.publish(run, event_type, body.encode(), f"{run}/{event_type}/{body}")


async def follow(backend, run, credit, inbox=None):
    inbox = inbox or Inbox()
    partition = partition_of(run, backend.events.partitions)
    inbox.consumer = await backend.events.consume(partition, inbox)
    inbox.grant(credit)
    return inbox


def in_thread(work):
    """Run a coroutine function on an event loop of another thread."""
    return asyncio.to_thread(lambda: asyncio.run(work()))


class Steadily:
    """Repeats something, and knows when it did so last and whether it was held up: machines are."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self._action = action
        self._longest_pause = 0.0
        self.last = 0.0

    async def keep_on(self, seconds: float, every: float = 0.1) -> None:
        start = done = time.monotonic()
        while done - start < seconds:
            self.last = time.monotonic()
            await self._action()
            before, done = done, time.monotonic()
            self._longest_pause = max(self._longest_pause, done - before)
            await asyncio.sleep(every)

    def paused(self, seconds: float) -> bool:
        """Whether it paused for so long that what it kept up may have ended."""
        return self._longest_pause >= seconds - SLACK
