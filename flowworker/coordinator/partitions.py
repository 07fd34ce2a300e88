"""Which coordinator drives which partitions.

Every coordinator renews a lease that says "I am here" and one per partition that it owns. From
the number of those present each computes the share that is fair, takes free partitions up to it,
and gives up what it has beyond it.

Safety does not rest on this: two coordinators that both believe they own a partition share its
events, notice the gap in the count of deliveries, and are kept apart by compare-and-set. Leases
only see to it that this is rare. An owner that could not renew in time stops by itself before
its lease is over for the others. Liveness: a partition without owner is free once its lease ran
out, and every coordinator looks for free ones at each beat, a third of the lease. What waits for
the outside has a time limit within a beat, so that the next renewal is not late; what starts and
stops the work has none, since a partition that is owned and not driven would be nobody's.
"""

from __future__ import annotations

__all__ = ["Partitions"]

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, Unavailable
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from flowworker.clock import Clock
    from flowworker.ports import Leases
    from flowworker.settings import Settings


class Partitions:
    """The share of one coordinator.

    Attributes:
        owned: fencing token by partition.
    """

    def __init__(
        self,
        leases: Leases,
        member: str,
        partitions: int,
        clock: Clock,
        settings: Settings,
        on_taken: Callable[[list[int]], Awaitable[None]],
        on_lost: Callable[[list[int]], Awaitable[None]],
    ) -> None:
        """Compete as `member`; the callbacks start and stop the work on partitions."""
        self.owned: dict[int, int] = {}
        self._leases = leases
        self._member = member
        self._presence = 0
        self._partitions = partitions
        self._clock = clock
        self._ttl = max(1, round(settings.partition_lease))
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._renewed = 0.0

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                await self.beat()
            except FlowworkerError as error:
                get_logger().warning("partitions: leases not renewed", error=str(error))
                if self._clock.monotonic() - self._renewed > self._ttl * 0.8:
                    await self._lose(list(self.owned))
            await self._clock.sleep(self._ttl / 3)

    async def beat(self) -> None:
        """Renew, then take or give up what the fair share wants.

        Raises:
            Unavailable: not in time; what was taken until then is driven.
        """
        async with self._in_time():
            lost = await self._renew()
        await self._lose(lost)
        async with self._in_time():
            presence = f"coordinator.{self._member}"
            self._presence = await self._leases.acquire(presence, self._member, self._ttl) or 0
            members = await self._leases.holders("coordinator.*")
            holders = await self._leases.holders("partition.*")
        share = -(-self._partitions // max(1, len(members)))
        await self._give_up(share)
        await self._take(share, holders)

    async def _renew(self) -> list[int]:
        """Renew what is owned; what of it was lost."""
        began = self._clock.monotonic()
        lost = []
        for partition, token in self.owned.items():
            renewed = await self._leases.renew(_key(partition), self._member, self._ttl, token)
            if renewed is None:
                lost.append(partition)
            else:
                self.owned[partition] = renewed
        self._renewed = began
        return lost

    async def leave(self) -> None:
        """Give up everything, so that others need not wait for leases to end."""
        await self._give_up(0)
        presence = f"coordinator.{self._member}"
        await self._leases.release(presence, self._member, self._presence)

    async def _give_up(self, share: int) -> None:
        extra = sorted(self.owned)[share:]
        tokens = {partition: self.owned[partition] for partition in extra}
        await self._lose(extra)
        for partition, token in tokens.items():
            await self._leases.release(_key(partition), self._member, token)

    async def _take(self, share: int, holders: dict[str, str]) -> None:
        taken: list[int] = []
        try:
            async with self._in_time():
                for partition in range(self._partitions):
                    if len(self.owned) >= share:
                        break
                    if partition in self.owned or self._is_taken(partition, holders):
                        continue
                    token = await self._leases.acquire(_key(partition), self._member, self._ttl)
                    if token is not None:
                        self.owned[partition] = token
                        taken.append(partition)
        finally:
            if taken:
                await self._drive(taken)

    def _is_taken(self, partition: int, holders: dict[str, str]) -> bool:
        """Whether somebody else has it. One that we have and do not own was cut short."""
        return holders.get(_key(partition), self._member) != self._member

    async def _drive(self, taken: list[int]) -> None:
        get_logger().info("partitions taken", partitions=taken)
        try:
            await self._on_taken(taken)
        except BaseException:
            await self._lose(taken)
            raise

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Half a lease for what waits for the outside."""
        try:
            async with asyncio.timeout(self._ttl / 2):
                yield
        except TimeoutError:
            raise Unavailable(f"no answer within {self._ttl / 2:g} s") from None

    async def _lose(self, partitions: list[int]) -> None:
        for partition in partitions:
            del self.owned[partition]
        if partitions:
            get_logger().info("partitions given up", partitions=partitions)
            await self._on_lost(partitions)


def _key(partition: int) -> str:
    return f"partition.{partition}"
