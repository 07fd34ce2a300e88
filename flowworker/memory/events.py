"""Histories in lists, facts in a queue per partition, notifications by the notifier."""

from __future__ import annotations

__all__ = ["MemoryEventLog"]

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from flowworker.codec.facts import FACT_TYPES
from flowworker.codec.subjects import public_subject
from flowworker.core.event_types import ENDS
from flowworker.core.ids import COORDINATOR, event_message_id, partition_of
from flowworker.memory.checks import check_dotted, check_history, check_size, check_token
from flowworker.memory.dedupe import Window
from flowworker.memory.queue import Message, Queue
from flowworker.ports import StoredEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.memory.home import Home
    from flowworker.memory.notifier import MemoryNotifier
    from flowworker.ports import Consumer, OnDelivery

PUBLIC = "workflow."
"""Types that are published under their type as well as under their full subject."""

_ENDS = frozenset((COORDINATOR, end) for end in ENDS)


@dataclass(slots=True)
class _History:
    events: list[StoredEvent] = field(default_factory=list)
    types: set[tuple[str, str]] = field(default_factory=set)


class MemoryEventLog:
    """The `EventLog` port."""

    def __init__(
        self,
        namespace: str,
        partitions: int,
        notifier: MemoryNotifier,
        home: Home,
        ack_wait: float,
    ) -> None:
        """Start without history."""
        self._namespace = namespace
        self._notifier = notifier
        self._window = Window(home.clock)
        self._runs: dict[str, _History] = {}
        sequence = count(1)
        self._facts = [Queue(home, ack_wait, sequence) for _ in range(partitions)]

    @property
    def partitions(self) -> int:
        """How many there are."""
        return len(self._facts)

    async def publish(
        self,
        run: str,
        event_type: str,
        data: bytes,
        event_id: str,
        *,
        sender: str = COORDINATOR,
        once: bool = False,
        headers: Mapping[str, str] | None = None,  # noqa: ARG002  # there are no other clients
    ) -> None:
        """Store and publish it, unless it is known."""
        check_history(run)
        check_token(sender, "a sender")
        check_dotted(event_type, "an event type")
        check_size(event_type, data)
        message_id = event_message_id(run, event_id)
        if self._window.find(message_id) is not None:
            return
        history = self._runs.get(run)
        if once and history is not None and (sender, event_type) in history.types:
            return
        if history is None:
            history = self._runs[run] = _History()
        self._window.remember(message_id, 0)
        history.events.append(StoredEvent(sender, event_type, data))
        history.types.add((sender, event_type))
        partition = partition_of(run, self.partitions)
        subject = f"event.{partition}.{run}.{sender}.{event_type}"
        if event_type in FACT_TYPES:
            self._facts[partition].add(Message(run, subject, data))
        self._notify(subject, event_type, data)

    async def publish_before_end(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> bool:
        """As `publish`, unless the run has ended."""
        history = self._runs.get(run)
        if history is not None and not history.types.isdisjoint(_ENDS):
            return False
        await self.publish(run, event_type, data, event_id, once=once)
        return True

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """Facts of a partition's runs, shared with all others who consume it."""
        return self._facts[partition].consume(on_delivery)

    async def history(self, run: str) -> list[StoredEvent]:
        """All events of a run, oldest first."""
        found = self._runs.get(run)
        return [] if found is None else list(found.events)

    def pending(self, run: str) -> int:
        """How many facts of a run are not acknowledged."""
        return self._facts[partition_of(run, self.partitions)].count(run)

    async def drop(self, run: str) -> None:
        """Forget a run's history."""
        self._runs.pop(run, None)
        self._facts[partition_of(run, self.partitions)].drop(run)

    def _notify(self, subject: str, event_type: str, data: bytes) -> None:
        self._notifier.notify(f"{self._namespace}.{subject}", data)
        if event_type.startswith(PUBLIC):
            self._notifier.notify(public_subject(self._namespace, event_type), data)
