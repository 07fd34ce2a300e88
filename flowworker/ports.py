"""What the engine asks of the world: small protocols, their contracts as bullets.

Adapters (`memory`, `jetstream`, `redis`) implement them and pass one contract suite. All of them
move bytes; what the bytes mean is the business of `codec`. Unless a method says otherwise it
raises `Unavailable` when the outside cannot be reached in time; the effect may or may not have
happened then, and the caller repeats it: every effect is idempotent or compare-and-set.
"""

from __future__ import annotations

__all__ = [
    "Backend",
    "CommandQueue",
    "Consumer",
    "Delivery",
    "EventLog",
    "HeartbeatLink",
    "Leases",
    "Notifier",
    "OnDelivery",
    "Records",
    "StepAddress",
    "StepQueue",
    "Timers",
]

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from flowworker.core.status import Priority


class Delivery(Protocol):
    """One message, handed out once at a time.

    * It comes again (`delivered` > 1) unless it is acknowledged; not before `nak`'s delay is over,
      or the source's ack wait since the delivery or the last `in_progress`.
    * Acknowledging twice, or after it was handed to somebody else, does no harm to state: whoever
      needs a fence uses a record's revision.
    """

    @property
    def subject(self) -> str:
        """What the message is about, without the namespace: `start.order.fulfil`."""
        ...

    @property
    def data(self) -> bytes:
        """The body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, possibly none."""
        ...

    @property
    def sequence(self) -> int:
        """Position in the source; grows in the order of publication."""
        ...

    @property
    def order(self) -> int:
        """Counts all deliveries of this source to anybody: a gap means that others got some."""
        ...

    @property
    def delivered(self) -> int:
        """How often it was handed out, this time included."""
        ...

    @property
    def time(self) -> float:
        """When the source stored it, epoch seconds."""
        ...

    async def ack(self) -> None:
        """Done: never deliver it again. Best effort; a lost one leads to a redelivery."""
        ...

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay` seconds, to anybody."""
        ...

    async def in_progress(self) -> None:
        """Restart the ack wait."""
        ...


OnDelivery = Callable[[Delivery], None]
"""Takes a delivery at once and does its work in a task of its own."""


class Consumer(Protocol):
    """A standing wish for messages.

    * Delivers no more messages than were granted in all; whoever takes one grants one when ready.
    * Survives a lost connection: what was granted and not delivered is asked for again.
    """

    def grant(self, credit: int) -> None:
        """Be ready for that many more."""
        ...

    async def stop(self) -> None:
        """Ask for no more. Undelivered credit is void; deliveries in hand stay valid."""
        ...


class Records(Protocol):
    """A durable map from keys to bytes with revisions, one key at a time.

    * Every successful write gives the key a revision greater than any that this map gave before.
    * Reads ask the leader: they see every write that was acknowledged before they began, unless it
      was deposed and does not know it yet. What was decided upon an old answer fails when written.
    * Keys are tokens of `[A-Za-z0-9_-]` joined by dots; patterns use `*` and a final `>`.
    """

    async def read(self, key: str) -> tuple[bytes, int] | None:
        """Value and revision, or None."""
        ...

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set: the new revision.

        Succeeds only if the key is at `revision` (0: does not exist), else raises Conflict. A
        repeated write of the same value over the same revision may raise Conflict too.
        """
        ...

    async def put(self, key: str, value: bytes) -> int:
        """Write whatever is there: the new revision."""
        ...

    async def keys(self, pattern: str) -> list[str]:
        """Existing keys that match, in no order."""
        ...

    async def purge(self, pattern: str) -> None:
        """Remove all matching keys and every trace of them; none is fine."""
        ...


class Leases(Protocol):
    """Exclusive holds that end by themselves. Time to live in whole seconds, at least 1.

    * Of all holders at most one has a key at a time, as long as their clocks run equally fast.
    * The token grows with every change of holder: a fencing token.
    """

    async def acquire(self, key: str, holder: str, ttl: int) -> int | None:
        """The token, or None if another holder has it. A holder that has it renews it."""
        ...

    async def renew(self, key: str, holder: str, ttl: int, token: int) -> int | None:
        """The next token, or None if the lease was lost."""
        ...

    async def release(self, key: str, holder: str, token: int) -> None:
        """Give it up; does nothing if it is not held."""
        ...

    async def holders(self, pattern: str) -> dict[str, str]:
        """Holder by key, of all leases that match and hold."""
        ...

    async def remaining(self, key: str) -> float | None:
        """Seconds until it ends unless it is renewed, perhaps a little more; None if it is free."""
        ...

    async def watch(self, key: str, on_free: Callable[[], None]) -> Callable[[], object]:
        """Call soon after the lease was given up; the result ends that when called.

        News, so it may be lost, or come for nothing; and none comes of a lease that ran out. Who
        waits looks again whenever `remaining` is over.
        """
        ...


@dataclass(frozen=True, slots=True)
class StepAddress:
    """Where a step message goes."""

    queue: str
    priority: Priority
    run: str
    step: str


class StepQueue(Protocol):
    """Step messages: each is handed to one worker at a time until it is acknowledged.

    * Equal `message_id`s within some minutes are stored once.
    * `due` (epoch seconds) in the future delays delivery durably; it may come late.
    """

    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        """Durable when it returns."""
        ...

    async def consume(self, queue: str, priority: Priority, on_delivery: OnDelivery) -> Consumer:
        """Share a lane of a queue with all others who do."""
        ...

    async def queued(self, address: StepAddress) -> list[bytes]:
        """Messages of a step, queued, scheduled or in a worker's hand: at least the newest."""
        ...

    async def drop(self, run: str) -> None:
        """Remove what is queued or scheduled for a run."""
        ...


class EventLog(Protocol):
    """Every run's history, in the order in which it was published; one partition per run.

    * Equal `event_id`s within some minutes are stored once.
    * Everything stored is told to subscribers of its type as well, at most once.
    """

    @property
    def partitions(self) -> int:
        """How many there are; fixed for the life of a namespace."""
        ...

    async def publish(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> None:
        """Durable when it returns. With `once`, a second event of this type and run is dropped."""
        ...

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """Facts of a partition's runs (what `to_fact` understands), oldest first."""
        ...

    async def history(self, run: str) -> list[bytes]:
        """All events of a run, oldest first."""
        ...

    async def drop(self, run: str) -> None:
        """Forget a run's history."""
        ...


class CommandQueue(Protocol):
    """Start, control and signal messages: `start.<workflow>`, `control.<action>.<run>`, ..."""

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """The sequence under which it is stored, durably."""
        ...

    async def consume(self, on_delivery: OnDelivery) -> Consumer:
        """Share the commands with all others who do."""
        ...


class Timers(Protocol):
    """Durable alarms. Each (run, name) has one; setting it again moves it."""

    async def set(self, run: str, name: str, at: float) -> None:
        """Deliver at that time (epoch seconds) or soon after, also when it is past."""
        ...

    async def clear(self, run: str, name: str) -> None:
        """Forget it; it may still be on its way."""
        ...

    async def consume(self, on_delivery: OnDelivery) -> Consumer:
        """Share the alarms; a delivery's subject is `timer.<run>.<name>`."""
        ...


class Notifier(Protocol):
    """At-most-once news, for speed and for spectators; truth never depends on it."""

    async def publish(self, subject: str, data: bytes) -> None:
        """Tell whoever listens; the subject is taken as it is."""
        ...

    async def subscribe(
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,
    ) -> Callable[[], object]:
        """Call with subject and data for each message; the result ends it when called.

        `on_lost` is called when messages may have been missed, where that can be known.
        """
        ...


class HeartbeatLink(Protocol):
    """A second way to the outside, for the thread that keeps claims alive.

    Used only on the event loop on which it was opened, so that a handler that blocks the main
    loop cannot block a renewal.
    """

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """As `Records.write` of the runs."""
        ...

    async def in_progress(self, delivery: Delivery) -> None:
        """As `Delivery.in_progress`, for a step message."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """All ports of one namespace, as `wiring` hands them out.

    Attributes:
        max_message: bytes that one message may have, headers included.
        open_heartbeat: opens a link of its own on the event loop that calls it.
        ready: whether the outside is connected at this moment.
        alive: False if the outside is connected and yet a consumer has not heard from it for
            long, as a process that consumes nothing while it seems well.
        close: waits for what is on its way, then lets go of the outside.
    """

    namespace: str
    runs: Records
    definitions: Records
    payloads: Records
    leases: Leases
    steps: StepQueue
    events: EventLog
    commands: CommandQueue
    timers: Timers
    notifier: Notifier
    max_message: int
    open_heartbeat: Callable[[], Awaitable[HeartbeatLink]]
    ready: Callable[[], bool]
    close: Callable[[], Awaitable[None]]
    alive: Callable[[], bool] = lambda: True
