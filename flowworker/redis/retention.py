"""Timers of this process, but for one: how long a finished run is kept.

That one has to outlive the process, so the server gets the time at which to remove the run's keys.
"""

from __future__ import annotations

__all__ = ["RetentionTimers"]

from typing import TYPE_CHECKING

from flowworker.codec.json import decode_run
from flowworker.codec.keys import RETENTION, run_key, run_patterns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.ports import Consumer, OnDelivery, Timers
    from flowworker.redis.records import RedisRecords


class RetentionTimers:
    """Implements `ports.Timers` by means of others."""

    def __init__(self, timers: Timers, runs: RedisRecords, payloads: RedisRecords) -> None:
        """Keep all timers in `timers`, and let the server remove the runs of `runs`."""
        self._timers = timers
        self._runs = runs
        self._payloads = payloads

    async def set(self, run: str, name: str, at: float) -> None:
        """Deliver at that time, or soon after."""
        if name == RETENTION:
            await self._expire(run, at)
        await self._timers.set(run, name, at)

    async def clear(self, run: str, name: str) -> None:
        """Forget it; a retention stands."""
        await self._timers.clear(run, name)

    async def runs(self, name: str) -> list[str]:
        """All runs that have such an alarm in this process."""
        return await self._timers.runs(name)

    async def missing(self, runs: Sequence[str], name: str) -> list[str]:
        """Those of these runs that have no such alarm in this process."""
        return await self._timers.missing(runs, name)

    async def consume(self, on_delivery: OnDelivery, *, shard: int = 0) -> Consumer:
        """Share the alarms with all other consumers."""
        del shard  # there is one
        return await self._timers.consume(on_delivery)

    async def _expire(self, run: str, at: float) -> None:
        key = run_key(run)
        found = await self._runs.read(key)
        if found is None:
            return
        record = decode_run(key, found[0])
        await self._payloads.expire(f"{run}.>", at)
        for pattern in run_patterns(record):
            await self._runs.expire(pattern, at)
