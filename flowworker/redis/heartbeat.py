"""The heartbeat link: records over a connection of its own, deliveries where they came from."""

from __future__ import annotations

__all__ = ["RedisHeartbeatLink"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowworker.ports import Delivery, HeartbeatLink
    from flowworker.redis.opening import RedisPorts


class RedisHeartbeatLink:
    """Implements `ports.HeartbeatLink`."""

    def __init__(self, ports: RedisPorts, deliveries: HeartbeatLink) -> None:
        """Write over `ports`, opened on this event loop; keep deliveries by the other link."""
        self._ports = ports
        self._deliveries = deliveries

    async def write(self, key: str, value: bytes, revision: int) -> int:
        """As `Records.write` of the runs."""
        return await self._ports.runs.write(key, value, revision)

    async def in_progress(self, delivery: Delivery) -> None:
        """As `Delivery.in_progress`."""
        await self._deliveries.in_progress(delivery)

    async def close(self) -> None:
        """Close the connection."""
        await self._deliveries.close()
        await self._ports.close()
