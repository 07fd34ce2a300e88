"""A second connection for a second thread, so that leases live on while a handler blocks."""

from __future__ import annotations

__all__ = ["StreamHeartbeatLink", "open_heartbeat"]

from typing import TYPE_CHECKING

from msgspec.structs import replace

from flowworker.errors import InvalidInput
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.consuming.delivery import JetStreamDelivery
from flowworker.jetstream.run_records import run_records

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.client.options import ConnectionOptions
    from flowworker.jetstream.names import Names
    from flowworker.ports import Delivery, Records


class StreamHeartbeatLink:
    """Renews claims and deliveries that were taken over another connection.

    Belongs to the event loop in which it was opened.
    """

    def __init__(self, connection: Connection, records: Records) -> None:
        """Over that connection."""
        self._connection = connection
        self.records = records

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """Compare-and-set on the run records: the new revision."""
        return await self.records.write(key, value, revision)

    async def in_progress(self, delivery: Delivery) -> None:
        """Restart the ack wait of a delivery, whichever connection it came by."""
        if not isinstance(delivery, JetStreamDelivery):
            raise InvalidInput(f"not a delivery of JetStream: {type(delivery).__name__}")
        self._connection.client.send(delivery.reply, "", b"", b"+WPI")

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


async def open_heartbeat(options: ConnectionOptions, names: Names) -> StreamHeartbeatLink:
    """Connect in the calling thread's event loop; the topology has to exist.

    Raises:
        ServerUnavailable: there is no usable server.
    """
    connection = await connect(replace(options, name=f"{options.name}-heartbeat"))
    records = run_records(Publisher(connection), Api(connection, direct=True), names)
    return StreamHeartbeatLink(connection, records)
