"""Which coordinator drives which partitions.

Every coordinator renews a lease that says "I am here" and one per partition that it owns. From
the number of those present each computes the share that is fair, takes free partitions up to it,
and gives up what it has beyond it.

Safety does not rest on this: two coordinators that both believe they own a partition share its
events, notice the gap in the count of deliveries, and are kept apart by compare-and-set. Leases
only see to it that this is rare. An owner that could not renew in time stops by itself before
its lease has ended for the others. Liveness: a partition without owner is free once its lease ran
out, and every coordinator looks for free ones at each beat, a third of the lease. All that waits
for leases within a beat has one time limit, so that the next renewal is not late; what starts
and stops the work has none, since a partition that is owned and not driven would stand still.
"""

from __future__ import annotations

__all__ = ["Partitions"]

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from flowworker.errors import FlowworkerError, TopologyMismatch, Unavailable
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator

    from flowworker.clock import Clock
    from flowworker.ports import Leases
    from flowworker.settings import Settings


_TOO_LATE = 0.8
"""Fraction of a lease after which an owner that could not renew it stops."""

_LIMITS = (0.1, 0.4)
"""Fractions of a lease that a beat may wait for leases, at least and at most."""

_AGAIN = 0.1
"""Fraction of a lease until a beat that failed is repeated, if that is not longer than:"""

_LONGEST_PAUSE = 1.0
"""Seconds: however long leases are, nothing is driven until a coordinator's first beat is done."""


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
        self._partitions = partitions
        self._clock = clock
        self._ttl = max(1, round(settings.partition_lease))
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._renewed = 0.0
        self._unanswered: set[int] = set()

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            TopologyMismatch: this process cannot drive what it takes.
        """
        while True:
            began = self._clock.monotonic()
            try:
                await self.beat()
            except TopologyMismatch:
                raise
            except FlowworkerError as error:
                get_logger().warning("partitions: not in order", error=str(error))
                if self._left() <= 0:
                    await self._lose(list(self.owned))
                pause = min(self._ttl * _AGAIN, _LONGEST_PAUSE)
            else:
                pause = began + self._ttl / 3 - self._clock.monotonic()
            await self._clock.sleep(max(0.0, pause))

    def _left(self) -> float:
        """Seconds until leases that are not renewed are to be given up."""
        return self._renewed + self._ttl * _TOO_LATE - self._clock.monotonic()

    async def beat(self) -> None:
        """Renew, then take or give up what the fair share wants.

        Raises:
            Unavailable: not in time; what was taken until then is driven.
        """
        shortest, longest = (self._ttl * limit for limit in _LIMITS)
        limit = min(max(self._left(), shortest), longest) if self.owned else longest
        until = self._clock.monotonic() + limit
        async with self._in_time(until):
            lost = await self._renew()
        await self._lose(lost)
        async with self._in_time(until):
            presence = f"coordinator.{self._member}"
            await self._leases.acquire(presence, self._member, self._ttl)
            members = await self._leases.holders("coordinator.*")
            holders = await self._leases.holders("partition.*")
        share = -(-self._partitions // max(1, len(members)))
        await self._give_up(share, until)
        await self._take(share, holders, until)

    async def _renew(self) -> list[int]:
        """Renew what is owned; what of it was lost."""
        began = self._clock.monotonic()
        lost = []

        async def renew(partition: int, token: int) -> None:
            with self._asking(partition):
                renewed = await self._leases.renew(_key(partition), self._member, self._ttl, token)
            if renewed is None:
                lost.append(partition)
            else:
                self.owned[partition] = renewed

        await _together(renew(*owned) for owned in self.owned.items())
        self._renewed = began
        return lost

    async def leave(self) -> None:
        """Give up everything, so that others need not wait for leases to end."""
        until = self._clock.monotonic() + self._ttl
        await self._give_up(0, until)
        unsure = [f"coordinator.{self._member}", *map(_key, self._unanswered)]
        async with self._in_time(until):
            await _together(map(self._free, unsure))

    async def _free(self, key: str) -> None:
        """Give up what a beat that was cut short may have renewed: its token is asked for first."""
        token = await self._leases.acquire(key, self._member, self._ttl)
        if token is not None:
            await self._leases.release(key, self._member, token)

    async def _give_up(self, share: int, until: float) -> None:
        extra = sorted(self.owned)[share:]
        tokens = {partition: self.owned[partition] for partition in extra}
        await self._lose(extra)
        async with self._in_time(until):
            await self._release(tokens)

    async def _release(self, tokens: dict[int, int]) -> None:
        await _together(
            self._leases.release(_key(partition), self._member, token)
            for partition, token in tokens.items()
        )

    async def _take(self, share: int, holders: dict[str, str], until: float) -> None:
        taken: list[int] = []

        async def take(partition: int) -> None:
            with self._asking(partition):
                token = await self._leases.acquire(_key(partition), self._member, self._ttl)
            if token is not None:
                self.owned[partition] = token
                taken.append(partition)

        free = [one for one in range(self._partitions) if self._is_free(one, holders)]
        try:
            async with self._in_time(until):
                while free and (missing := share - len(self.owned)) > 0:
                    await _together(take(one) for one in free[:missing])
                    del free[:missing]
        finally:
            if taken:
                await self._drive(taken)

    def _is_free(self, partition: int, holders: dict[str, str]) -> bool:
        """Whether it has no owner. If we have the lease and do not own it, a beat was cut short."""
        holder = holders.get(_key(partition), self._member)
        return partition not in self.owned and holder == self._member

    async def _drive(self, taken: list[int]) -> None:
        get_logger().info("partitions taken", partitions=taken)
        try:
            await self._on_taken(taken)
        except BaseException:
            # Others can drive them perhaps, and shall not have to wait for the leases to end
            tokens = {partition: self.owned[partition] for partition in taken}
            await self._lose(taken)
            with suppress(FlowworkerError):
                await self._release(tokens)
            raise

    @contextmanager
    def _asking(self, partition: int) -> Iterator[None]:
        """Know of what has no answer that its lease may be ours, with a token that we have not."""
        self._unanswered.add(partition)
        yield
        self._unanswered.discard(partition)

    @asynccontextmanager
    async def _in_time(self, until: float) -> AsyncIterator[None]:
        """Wait for leases until then (monotonic), no longer."""
        try:
            async with asyncio.timeout(until - self._clock.monotonic()):
                yield
        except TimeoutError:
            raise Unavailable("leases: no answer in time") from None

    async def _lose(self, partitions: list[int]) -> None:
        for partition in partitions:
            del self.owned[partition]
        if partitions:
            get_logger().info("partitions given up", partitions=partitions)
            await self._on_lost(partitions)


async def _together(calls: Iterable[Awaitable[object]]) -> None:
    """Wait for all; then raise what went wrong first."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _key(partition: int) -> str:
    return f"partition.{partition}"
