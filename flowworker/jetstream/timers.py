"""Durable alarms: message schedules, each on a subject of its own."""

from __future__ import annotations

__all__ = ["StreamTimers"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.jetstream.client import headers
from flowworker.jetstream.client.subjects import subjects_of
from flowworker.jetstream.consuming.delivery import Naming
from flowworker.jetstream.topology.specs import consumer_specs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.consuming.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.ports import Consumer, OnDelivery


class StreamTimers:
    """Implements `ports.Timers`."""

    def __init__(self, publisher: Publisher, api: Api, consumers: Consumers, names: Names) -> None:
        """Keep everything in the streams of steps."""
        self._publisher = publisher
        self._api = api
        self._consumers = consumers
        self._names = names

    async def set(self, run: str, name: str, at: float) -> None:
        """Deliver at that time (epoch seconds) or soon after, also when it is past."""
        shard = self._names.shard_of(run)
        block = headers.schedule(at, shard.timer_due(run, name))
        subject = shard.timer_schedule(run, name)
        await self._publisher.publish(subject, b"", headers.encode(block))

    async def clear(self, run: str, name: str) -> None:
        """Forget it; it may still be on its way."""
        shard = self._names.shard_of(run)
        await self._api.purge(shard.steps, shard.timer_schedule(run, name))

    async def runs(self, name: str) -> list[str]:
        """All runs that have such an alarm, set or on its way."""
        found: list[str] = []
        for shard in self._names.shards:
            for before, after in shard.timer_frames(name):
                subjects = await subjects_of(self._api, shard.steps, f"{before}*{after}")
                found += [one.removeprefix(before).removesuffix(after) for one in subjects]
        return found

    async def missing(self, runs: Sequence[str], name: str) -> list[str]:
        """Those of these runs that have no such alarm."""
        found = await asyncio.gather(*(self._is_set(run, name) for run in runs))
        return [run for run, is_set in zip(runs, found, strict=True) if not is_set]

    async def _is_set(self, run: str, name: str) -> bool:
        """Whether it waits, or else has fired: in this order it goes from one to the other."""
        shard = self._names.shard_of(run)
        for subject in (shard.timer_schedule(run, name), shard.timer_due(run, name)):
            if await self._api.message(shard.steps, {"last_by_subj": subject}) is not None:
                return True
        return False

    async def consume(self, on_delivery: OnDelivery, *, shard: int = 0) -> Consumer:
        """Share the alarms; a delivery's subject is `timer.<run>.<name>`."""
        of = self._names.shards[shard]
        naming = Naming(of.timer_due_prefix, "timer.")
        return await self._consumers.start(consumer_specs.timers(of), on_delivery, naming)
