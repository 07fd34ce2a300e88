"""Step messages: work queues, a consumer per queue and priority in each, schedules for delays."""

from __future__ import annotations

__all__ = ["StreamStepQueue"]

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowworker.errors import PermissionDenied, TopologyMismatch
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.subjects import subjects_of
from flowworker.jetstream.consuming.delivery import Naming
from flowworker.jetstream.lanes import is_held
from flowworker.jetstream.topology.specs import consumer_specs
from flowworker.ports import StepPlace
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection

    from flowworker.clock import Clock
    from flowworker.core.status import Priority
    from flowworker.jetstream.client.api import Api, StoredMessage
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.consuming.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.ports import Consumer, OnDelivery, StepAddress
    from flowworker.settings import Settings

_AT_A_TIME = 64
"""Subjects that are purged at a time."""


class StreamStepQueue:
    """Implements `ports.StepQueue`.

    The lanes of a queue exist before its first message does.

    A delayed message waits as a schedule on a subject of its own, one per step: an attempt that is
    scheduled anew replaces the former. It fires as a message without id; a claim finds a duplicate.
    """

    def __init__(
        self,
        publisher: Publisher,
        api: Api,
        consumers: Consumers,
        names: Names,
        settings: Settings,
        clock: Clock,
    ) -> None:
        """Keep everything in the streams of steps."""
        self._lanes: set[str] = set()
        self._making = asyncio.Lock()
        self._publisher = publisher
        self._api = api
        self._consumers = consumers
        self._names = names
        self._settings = settings
        self._clock = clock

    async def enqueue(
        self, address: StepAddress, data: bytes, message_id: str, due: float = 0.0
    ) -> None:
        """Durable when it returns."""
        shard = self._names.shard_of(address.run)
        subject = shard.step(address)
        if address.queue not in self._lanes:
            await self._make_lanes(address.queue)
        block = headers.identified(message_id)
        if due > self._clock.now():
            schedule = headers.schedule(due, subject)
            block = headers.encode({headers.MSG_ID: message_id, **schedule})
            subject = shard.step_schedule(address.run, address.step)
        await self._publisher.publish(subject, data, block)

    async def _make_lanes(self, queue: str) -> None:
        """Once per queue and process: its workers may not be permitted to, and need them."""
        async with self._making:
            if queue in self._lanes:
                return
            for spec in consumer_specs.lanes(self._names, self._settings, queue):
                try:
                    await self._consumers.ensure(spec)
                except (PermissionDenied, TopologyMismatch) as error:
                    get_logger().warning("a lane was not made", queue=queue, error=str(error))
            self._lanes.add(queue)

    async def consume(
        self, queue: str, priority: Priority, on_delivery: OnDelivery, *, shard: int = 0
    ) -> Consumer:
        """Share a lane of a queue with all other consumers."""
        of = self._names.shards[shard]
        spec = consumer_specs.lane(of, self._settings, queue, priority)
        return await self._consumers.start(spec, on_delivery, Naming(of.step_prefix, "step."))

    async def queued(self, address: StepAddress) -> list[bytes]:
        """Messages of a step, queued, scheduled or in flight: at least the newest."""
        shard = self._names.shard_of(address.run)
        subjects = shard.step(address), shard.step_schedule(address.run, address.step)
        found = await asyncio.gather(
            *(self._api.message(shard.steps, {"last_by_subj": subject}) for subject in subjects)
        )
        return [message.data for message in found if message is not None]

    async def places(self, address: StepAddress) -> list[StepPlace]:
        """Where the messages of a step are: up to three requests."""
        queue, shard = address.queue, self._names.shard_of(address.run)
        subjects = shard.step(address), shard.step_schedule(address.run, address.step)
        queued, waits = await asyncio.gather(
            *(self._api.message(shard.steps, {"last_by_subj": subject}) for subject in subjects)
        )
        found = [] if waits is None else [StepPlace(waits.data, _stored(waits), scheduled=True)]
        if queued is not None:
            lane = self._names.lane_consumer(queue, address.priority)
            info = await self._api.consumer(shard.steps, lane)
            found.append(_placed(queued, info))
        return found

    async def backlog(self) -> dict[str, list[str]]:
        """Steps that have messages, by run."""
        found: dict[str, list[str]] = {}
        for shard in self._names.shards:
            for pattern, before in shard.all_steps:
                for subject in await subjects_of(self._api, shard.steps, pattern):
                    run, step = subject.split(".", before + 1)[before:]
                    found.setdefault(run, []).append(step)
        return found

    async def withdraw(self, run: str, delayed: Collection[str]) -> None:
        """Remove what is queued for a run, and what is scheduled for these steps; no timers.

        What is queued goes last: a schedule may fire meanwhile.
        """
        shard = self._names.shard_of(run)
        stream, (queued, _) = shard.steps, shard.steps_of(run)
        schedules = [shard.step_schedule(run, step) for step in delayed]
        for first in range(0, len(schedules), _AT_A_TIME):
            some = schedules[first : first + _AT_A_TIME]
            await asyncio.gather(*(self._api.purge(stream, one) for one in some))
        await self._api.purge(stream, queued)

    async def drop(self, run: str) -> None:
        """Remove what is queued or scheduled for a run."""
        shard = self._names.shard_of(run)
        await asyncio.gather(*(self._api.purge(shard.steps, one) for one in shard.steps_of(run)))


def _stored(message: StoredMessage) -> float:
    return datetime.fromisoformat(message.time).timestamp()


def _placed(message: StoredMessage, lane: dict[str, Any] | None) -> StepPlace:
    """Where a message is by what the server says of its lane's consumer, if there is one.

    What is not delivered yet, and what stands before it in the stream: as many as the lesser may be
    before it. Which of them are of its lane only a reader of all of them could tell.
    """
    if lane is None:
        return StepPlace(message.data, _stored(message))
    before = message.seq - lane["delivered"]["stream_seq"] - 1
    if before < 0:
        return StepPlace(message.data, _stored(message), handed_out=True, held=is_held(lane))
    ahead = min(before, max(lane["num_pending"] - 1, 0))
    return StepPlace(message.data, _stored(message), ahead=ahead, held=is_held(lane))
