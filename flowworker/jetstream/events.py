"""Every run's history, republished by the server to its subscribers: a stream, or one per shard."""

from __future__ import annotations

__all__ = ["StreamEventLog"]

import contextlib
from typing import TYPE_CHECKING

from flowworker.core.event_types import ENDS
from flowworker.core.ids import COORDINATOR, event_message_id, partition_of
from flowworker.errors import Conflict, Unavailable
from flowworker.jetstream.client.headers import EXPECTED, EXPECTED_OF, MSG_ID, encode, identified
from flowworker.jetstream.history import read_history
from flowworker.jetstream.topology.specs import consumer_specs
from flowworker.ports import StoredEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.jetstream.client.api import Api, StoredMessage
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.consuming.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.ports import Consumer, OnDelivery
    from flowworker.settings import Settings

_ATTEMPTS = 8
"""How often another event about a run may come between a look and what follows from it."""


class StreamEventLog:
    """Implements `ports.EventLog`."""

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        api: Api,
        consumers: Consumers,
        names: Names,
        settings: Settings,
        partitions: int,
        *,
        behind: bool = False,
    ) -> None:
        """Keep everything in the streams of events.

        If these are written `behind`, what a coordinator publishes is not sent again by itself:
        after a start of the server, which may have lost what led to it, it is decided anew.
        """
        self._behind = behind
        self._connection = connection
        self._publisher = publisher
        self._api = api
        self._consumers = consumers
        self._names = names
        self._settings = settings
        self._partitions = partitions

    @property
    def partitions(self) -> int:
        """How many there are."""
        return self._partitions

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
        """Durable when it returns. With `once`, a second one on the same subject is dropped."""
        subject = self._names.event(partition_of(run, self._partitions), run, sender, event_type)
        message_id = event_message_id(run, event_id)
        if headers or once:
            more = {EXPECTED: "0"} if once else {}
            block = encode({**(headers or {}), MSG_ID: message_id, **more})
        else:
            block = identified(message_id)
        try:
            same_server = self._behind and sender == COORDINATOR
            await self._publisher.publish(subject, data, block, same_server=same_server)
        except Conflict:
            if not once:
                raise

    async def publish_before_end(
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> bool:
        """As `publish`, unless an event that ends the run is there.

        It is written over the latest of those events of which the end is the last, so that an end
        in between is a conflict. Events of steps, which may be many, are none of them.
        """
        partition = partition_of(run, self._partitions)
        subject = self._names.event(partition, run, COORDINATOR, event_type)
        pattern = self._names.milestones_of(partition, run)
        ends = {self._names.event(partition, run, COORDINATOR, end) for end in ENDS}
        for _ in range(_ATTEMPTS):
            last = await self._last(partition, pattern)
            if last is not None and last.subject in ends:
                return False
            if once and await self._last(partition, subject) is not None:
                return True
            block = {
                MSG_ID: event_message_id(run, event_id),
                EXPECTED: str(0 if last is None else last.seq),
                EXPECTED_OF: pattern,
            }
            with contextlib.suppress(Conflict):
                await self._publisher.publish(subject, data, encode(block))
                return True
        raise Unavailable(f"the history of run {run!r} changes again and again")

    async def _last(self, partition: int, pattern: str) -> StoredMessage | None:
        stream = self._names.shard(partition).events
        return await self._api.message(stream, {"last_by_subj": pattern})

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """Facts of a partition's runs, oldest first."""
        spec = consumer_specs.scheduler(self._names, self._settings, partition)
        return await self._consumers.start(spec, on_delivery)

    async def history(self, run: str) -> list[StoredEvent]:
        """All events of a run, oldest first."""
        partition = partition_of(run, self._partitions)
        pattern = self._names.events_of(partition, run)
        stream = self._names.shard(partition).events
        found = await read_history(self._connection, self._api, stream, pattern)
        return [
            StoredEvent(*self._names.sender_and_type(event.subject), event.data) for event in found
        ]

    async def drop(self, run: str) -> None:
        """Forget a run's history."""
        partition = partition_of(run, self._partitions)
        subject = self._names.events_of(partition, run)
        await self._api.purge(self._names.shard(partition).events, subject)
