"""Starts consumers, and stops those that are left when the backend closes."""

from __future__ import annotations

__all__ = ["Consumers"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.jetstream.consuming.delivery import Naming
from flowworker.jetstream.consuming.pull import PullConsumer

if TYPE_CHECKING:
    from flowworker.clock import Clock
    from flowworker.jetstream.client.connection import Connection
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.topology.caretaker import Caretaker
    from flowworker.jetstream.topology.specs import ConsumerSpec
    from flowworker.jetstream.topology.streams import Topology
    from flowworker.ports import OnDelivery


class Consumers:
    """All consumers of one connection."""

    def __init__(
        self,
        connection: Connection,
        topology: Topology,
        caretaker: Caretaker,
        names: Names,
        clock: Clock,
    ) -> None:
        """None yet."""
        self._connection = connection
        self._topology = topology
        self._caretaker = caretaker
        self._naming = Naming(names.prefix)
        self._clock = clock
        self._started: list[PullConsumer] = []

    async def start(
        self, spec: ConsumerSpec, on_delivery: OnDelivery, naming: Naming | None = None
    ) -> PullConsumer:
        """A consumer without credit; from the first one on the streams are looked after."""
        self._caretaker.start()
        consumer = PullConsumer(
            self._connection,
            spec,
            naming or self._naming,
            on_delivery,
            self._topology.consumer,
            self._clock,
        )
        await consumer.start()
        self._started = [one for one in self._started if not one.stopped]
        self._started.append(consumer)
        return consumer

    async def ensure(self, spec: ConsumerSpec) -> None:
        """Create it unless it exists, without consuming."""
        await self._topology.consumer(spec)

    def active(self, within: float) -> bool:
        """Whether the server sent every consumer something in that many seconds."""
        since = self._clock.monotonic() - within
        return all(one.stopped or one.last_activity >= since for one in self._started)

    async def stop(self) -> None:
        """Stop them all."""
        await self._caretaker.stop()
        await asyncio.gather(*(consumer.stop() for consumer in self._started))
