"""What is sent: steps to workers, events to coordinators, commands, alarms, and notifications."""

from __future__ import annotations

__all__ = [
    "CommandQueue",
    "EventLog",
    "Lanes",
    "Notifier",
    "StepAddress",
    "StepPlace",
    "StepQueue",
    "StoredEvent",
    "Timers",
    "WaitingStart",
]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flowworker.codec.subjects import CommandKind
from flowworker.core.ids import COORDINATOR

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowworker.codec.subjects import CommandLane
    from flowworker.core.status import Priority
    from flowworker.ports.deliveries import Consumer, OnDelivery


@dataclass(frozen=True, slots=True)
class StepAddress:
    """Where a step message goes."""

    queue: str
    priority: Priority
    run: str
    step: str


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Where a message of a step is: for people, and for no decision.

    Attributes:
        data: its body.
        stored: when it was stored, epoch seconds; 0 if that is not known.
        scheduled: it waits for its time, in no lane.
        handed_out: it was delivered, and is not acknowledged.
        ahead: messages of its lane that may be delivered before it, at most; None if that is not
            known.
        held: its lane hands nothing out (`Lanes`).
    """

    data: bytes
    stored: float = 0.0
    scheduled: bool = False
    handed_out: bool = False
    ahead: int | None = None
    held: bool = False


@dataclass(frozen=True, slots=True)
class WaitingStart:
    """A start message that stands in the queue, or a rerun.

    Attributes:
        about: the workflow to start, or the run to rerun.
    """

    sequence: int
    about: str
    message_id: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it stands in a history.

    Attributes:
        sender: who published it, as the adapter has it: a queue's worker, or `coordinator`.
        type: under which it was published; what the body says may differ.
        data: the body.
    """

    sender: str
    type: str
    data: bytes


class StepQueue(Protocol):
    """Step messages: each is handed to one worker at a time until it is acknowledged.

    * Equal `message_id`s within some minutes are stored once.
    * `due` (epoch seconds) in the future delays delivery durably; it may come late.
    * The timer of a step that waits (`codec.keys.step_timer`) counts as a message of the step while
      it waits: `backlog` lists it, and `drop` removes it.
    """

    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        """Durable when it returns."""
        ...

    async def consume(
        self, queue: str, priority: Priority, on_delivery: OnDelivery, *, shard: int = 0
    ) -> Consumer:
        """Share a lane of a queue with all others who do, as far as it is in a shard."""
        ...

    async def queued(self, address: StepAddress) -> list[bytes]:
        """Messages of a step, queued, scheduled or delivered to a worker: at least the newest."""
        ...

    async def places(self, address: StepAddress) -> list[StepPlace]:
        """Where the messages of a step are: as `queued`, with some more requests."""
        ...

    async def backlog(self) -> dict[str, list[str]]:
        """Steps that have such messages, by run: all of them, at the cost of a listing."""
        ...

    async def drop(self, run: str) -> None:
        """Remove what is queued or scheduled for a run."""
        ...

    async def withdraw(self, run: str, delayed: Collection[str]) -> None:
        """Remove what is queued for a run, and what is scheduled for these steps; no timers.

        What a worker has in its hands is removed, too, and does not come again.
        """
        ...


class Lanes(Protocol):
    """Whether the lanes of a queue hand anything out.

    * From the answer on nothing is handed out of a held queue: neither what is new, nor what was
      put back, nor what nobody acknowledged in time. What a worker has stays with it: it is kept,
      acknowledged and put back as ever.
    * It outlives all processes and the server's end, and no consumer that starts undoes it.
    * Both are idempotent. Once released, those who consume get what waits, without being asked.
    """

    async def hold(self, queue: str) -> bool:
        """Hand nothing out any more. False: it has no lanes, since nobody has used it yet."""
        ...

    async def release(self, queue: str) -> bool:
        """Hand out again. False: it has no lanes."""
        ...


class EventLog(Protocol):
    """Every run's history, in the order in which it was published; one partition per run.

    * Equal `event_id`s within some minutes are stored once in a history.
    * Everything stored is published to subscribers of its type as well, at most once.
    * `sender` is the queue for whose worker it is, or `coordinator`: permissions depend on it.
    """

    @property
    def partitions(self) -> int:
        """How many there are; fixed for the life of a namespace."""
        ...

    async def publish(
        self,
        run: str,
        event_type: str,
        data: bytes,
        event_id: str,
        *,
        sender: str = COORDINATOR,
        once: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Durable when it returns. With `once`, a second of this type, run and sender is dropped.

        `headers` are for clients of the server; nothing here reads them.
        """
        ...

    async def publish_before_end(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> bool:
        """As `publish`, unless an event that ends the run is there: false then, and nothing stored.

        A coordinator's. For what comes from users, at any time; it may cost some reads.
        """
        ...

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """Facts of a partition's runs (what `to_fact` understands), oldest first."""
        ...

    async def history(self, run: str) -> list[StoredEvent]:
        """All events of a run, of all senders, oldest first."""
        ...

    async def drop(self, run: str) -> None:
        """Forget a run's history."""
        ...


class CommandQueue(Protocol):
    """Start, control and signal messages: `start.<workflow>`, `control.<action>.<run>`, ...

    No number of commands in one lane holds up those in another.
    """

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """The sequence under which it is stored, durably."""
        ...

    async def consume(self, lane: CommandLane, on_delivery: OnDelivery) -> Consumer:
        """Share the commands of a lane with all others who do."""
        ...

    async def waiting(
        self, after: int = 0, kind: CommandKind = CommandKind.START
    ) -> WaitingStart | None:
        """The first start, or rerun, behind that sequence which is not acknowledged."""
        ...


class Timers(Protocol):
    """Durable alarms. Each (run, name) has one; setting it again moves it."""

    async def set(self, run: str, name: str, at: float) -> None:
        """Deliver at that time (epoch seconds) or soon after, also when it is past."""
        ...

    async def clear(self, run: str, name: str) -> None:
        """Forget it; it may still be on its way."""
        ...

    async def runs(self, name: str) -> list[str]:
        """All runs that have such an alarm, set or on its way, in no order.

        It costs the more the more alarms of any name there are: 34 ms of a server with a million.
        """
        ...

    async def missing(self, runs: Sequence[str], name: str) -> list[str]:
        """Those of these runs that have no such alarm. It costs a request or two for each."""
        ...

    async def consume(self, on_delivery: OnDelivery, *, shard: int = 0) -> Consumer:
        """Share the alarms of a shard; a delivery's subject is `timer.<run>.<name>`."""
        ...


class Notifier(Protocol):
    """Notifications, at most once, for speed and for users; no decision depends on them."""

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish to the subscribers of this moment; the subject is taken as it is.

        `headers` are for clients of the server; `subscribe` does not show them.
        """
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
