"""What waits at the server, as its consumers and streams tell it."""

from __future__ import annotations

__all__ = ["StreamMeter"]

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from flowworker.codec.subjects import CommandLane
from flowworker.core.status import Priority
from flowworker.jetstream.lanes import is_held
from flowworker.jetstream.timetable import states_of_schedules
from flowworker.jetstream.topology.options import TopologyOptions
from flowworker.jetstream.topology.specs import consumer_specs, stream_specs
from flowworker.ports import LaneLevel, StorageLevel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.shards import Shard
    from flowworker.ports import Records


class StreamMeter:
    """Implements `ports.Meter`."""

    def __init__(self, api: Api, names: Names, records: Records) -> None:
        """Ask about one namespace; `records` are those of its runs."""
        self._api = api
        self._names = names
        self._records = records

    async def events(self, partitions: Iterable[int]) -> dict[int, int]:
        """Events not delivered yet, by partition."""
        asked, names = list(partitions), self._names
        found = await asyncio.gather(
            *(self._api.consumer(names.shard(p).events, names.scheduler_consumer(p)) for p in asked)
        )
        return {p: one["num_pending"] for p, one in zip(asked, found, strict=True) if one}

    async def commands(self) -> dict[str, int]:
        """Commands not delivered yet, and timers that fired."""
        specs = [consumer_specs.commands(self._names, lane) for lane in CommandLane]
        specs += [consumer_specs.timers(shard) for shard in self._names.shards]
        found = await asyncio.gather(
            *(self._api.consumer(spec.stream, spec.name) for spec in specs)
        )
        pending: dict[str, int] = {}
        for spec, one in zip(specs, found, strict=True):
            if one:
                pending[spec.name] = pending.get(spec.name, 0) + one["num_pending"]
        return pending

    async def lanes(self) -> dict[tuple[str, str], LaneLevel]:
        """Every lane that has a consumer."""
        found: dict[tuple[str, str], LaneLevel] = {}
        for shard in self._names.shards:
            consumers = set(await self._names_of_consumers(shard.steps))
            queues = {self._names.queue_of(consumer) for consumer in consumers}
            lanes = [
                (queue, priority)
                for queue in sorted(filter(None, queues))
                for priority in Priority
                if self._names.lane_consumer(queue, priority) in consumers
            ]
            levels = await asyncio.gather(*(self._lane(shard, *lane) for lane in lanes))
            for (queue, priority), level in zip(lanes, levels, strict=True):
                if level is not None:
                    lane = queue, priority.value
                    found[lane] = found[lane] + level if lane in found else level
        return found

    async def schedules(self) -> dict[str, int]:
        """By state."""
        return await states_of_schedules(self._api, self._names, self._records)

    async def storage(self) -> StorageLevel:
        """The account's, and every stream's."""
        specs = stream_specs(self._names, TopologyOptions())
        account, *streams = await asyncio.gather(
            self._api.call("INFO"),
            *(self._api.stream(spec.name) for spec in specs),
        )
        states = {one["config"]["name"]: one["state"] for one in streams if one}
        parts = list((account.get("tiers") or {}).values()) or [account]
        limits = [(part.get("limits") or {}).get("max_storage", -1) for part in parts]
        return StorageLevel(
            used=sum(part.get("storage", 0) for part in parts),
            limit=max(sum(limits), 0) if min(limits) > 0 else 0,
            messages={name: state["messages"] for name, state in states.items()},
            sizes={name: state["bytes"] for name, state in states.items()},
        )

    async def _lane(self, shard: Shard, queue: str, priority: Priority) -> LaneLevel | None:
        name = self._names.lane_consumer(queue, priority)
        info = await self._api.consumer(shard.steps, name)
        if info is None:
            return None
        pending = info["num_pending"]
        oldest = 0.0
        if pending:
            behind = info["delivered"]["stream_seq"] + 1
            query = {"seq": behind, "next_by_subj": shard.lane(queue, priority)}
            first = await self._api.message(shard.steps, query)
            if first is not None:
                oldest = datetime.fromisoformat(first.time).timestamp()
        requests, held = info.get("num_waiting", 0), is_held(info)
        return LaneLevel(pending, info["num_ack_pending"], requests, oldest, held)

    async def _names_of_consumers(self, stream: str) -> list[str]:
        found: list[str] = []
        while True:
            page = await self._api.call(f"CONSUMER.NAMES.{stream}", {"offset": len(found)})
            names = page.get("consumers") or []
            found += names
            if not names or len(found) >= page["total"]:
                return found
