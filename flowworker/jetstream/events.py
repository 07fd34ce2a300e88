"""Every run's history: one stream, republished by the server to whoever listens.

History is read in one batch, which any replica may serve, and completed from the leader: what it
has beyond the batch is asked for one by one, until it has no more.
"""

from __future__ import annotations

__all__ = ["StreamEventLog"]

import asyncio
import contextlib
from typing import TYPE_CHECKING

from flowworker.core.ids import partition_of
from flowworker.errors import Conflict, Unavailable
from flowworker.jetstream import headers
from flowworker.jetstream.specs import consumer_specs

if TYPE_CHECKING:
    from flowworker.jetstream.api import Api
    from flowworker.jetstream.connection import Connection
    from flowworker.jetstream.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.publisher import Publisher
    from flowworker.ports import Consumer, OnDelivery
    from flowworker.settings import Settings

BATCH = 1_000
BATCH_TIMEOUT = 5.0
"""Seconds to wait for a batch; without it history is read one by one."""


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
    ) -> None:
        """Keep everything in the events stream."""
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
        self, run: str, event_type: str, data: bytes, event_id: str, *, once: bool = False
    ) -> None:
        """Durable when it returns. With `once`, a second event of this type and run is dropped."""
        subject = self._names.event(partition_of(run, self._partitions), run, event_type)
        block = {headers.MSG_ID: event_id}
        if once:
            block[headers.EXPECTED] = "0"
        try:
            await self._publisher.publish(subject, data, headers.encode(block))
        except Conflict:
            if not once:
                raise

    async def consume(self, partition: int, on_delivery: OnDelivery) -> Consumer:
        """Facts of a partition's runs, oldest first."""
        spec = consumer_specs.scheduler(self._names, self._settings, partition)
        return await self._consumers.start(spec, on_delivery)

    async def history(self, run: str) -> list[bytes]:
        """All events of a run, oldest first."""
        subject = self._names.events_of(partition_of(run, self._partitions), run)
        found: list[bytes] = []
        last = 0
        while True:
            batch, last, more = await self._batch(subject, last + 1)
            found += batch
            if not more:
                break
        while True:
            query = {"seq": last + 1, "next_by_subj": subject}
            message = await self._api.message(self._names.events, query)
            if message is None:
                return found
            found.append(message.data)
            last = message.seq

    async def _batch(self, subject: str, start: int) -> tuple[list[bytes], int, bool]:
        """Some events, the last one's sequence, and whether there are more."""
        found: list[bytes] = []
        last, more = start - 1, False
        done = asyncio.get_running_loop().create_future()

        def on_message(_subject: bytes, _reply: bytes, data: bytes, raw: bytes | None) -> None:
            nonlocal last, more
            if headers.status_of(raw) is not None:  # 204 at the end, 404 for none
                if not done.done():
                    done.set_result(None)
                return
            fields = headers.decode(raw)
            last = int(fields["Nats-Sequence"])
            more = fields.get("Nats-Num-Pending", "0") != "0"
            found.append(data)

        client = self._connection.client
        inbox = client.new_inbox()
        sid = client.listen(inbox, on_message)
        query = b'{"batch":%d,"seq":%d,"next_by_subj":"%b"}' % (BATCH, start, subject.encode())
        try:
            client.send(f"$JS.API.DIRECT.GET.{self._names.events}", inbox, b"", query)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BATCH_TIMEOUT):
                    await done
        finally:
            with contextlib.suppress(Unavailable):
                client.unlisten(sid)
        return found, last, more and done.done()

    async def drop(self, run: str) -> None:
        """Forget a run's history."""
        subject = self._names.events_of(partition_of(run, self._partitions), run)
        await self._api.purge(self._names.events, subject)
