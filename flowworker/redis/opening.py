"""Puts the adapter together."""

from __future__ import annotations

__all__ = ["RedisPorts", "open_redis"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowworker.redis.connection import Connection
from flowworker.redis.keys import checked_namespace
from flowworker.redis.leases import RedisLeases
from flowworker.redis.records import RedisRecords

if TYPE_CHECKING:
    from flowworker.clock import Clock


@dataclass(frozen=True, slots=True)
class RedisPorts:
    """What Redis can be of a `Backend`; queues, events and timers are another adapter's."""

    runs: RedisRecords
    definitions: RedisRecords
    payloads: RedisRecords
    leases: RedisLeases
    connection: Connection

    async def close(self) -> None:
        """Close the connection."""
        await self.leases.close()
        await self.connection.close()


async def open_redis(url: str, namespace: str, *, clock: Clock) -> RedisPorts:
    """Connect, and return the ports of a namespace.

    Raises:
        InvalidInput: URL or namespace are not usable.
        Unavailable: there is no such server.
    """
    checked_namespace(namespace)
    connection = Connection(url, clock)
    try:
        await connection.ask(connection.client.ping)
    except BaseException:
        await connection.close()
        raise
    runs, definitions, payloads = (
        RedisRecords(connection, namespace, name) for name in ("runs", "definitions", "payloads")
    )
    leases = RedisLeases(connection, namespace, clock)
    return RedisPorts(runs, definitions, payloads, leases, connection)
