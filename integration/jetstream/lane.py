"""A lane of steps, and its consumer."""

from __future__ import annotations

from flowworker.clock import SystemClock
from flowworker.core.status import Priority
from flowworker.jetstream import TopologyOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.consuming.delivery import Naming
from flowworker.jetstream.consuming.pull import PullConsumer
from flowworker.jetstream.topology.specs import consumer_specs
from flowworker.jetstream.topology.streams import Topology
from flowworker.settings import Settings

IN_MEMORY = TopologyOptions(storage="memory")
ACK_WAIT = 1.0


class Lane:
    def __init__(self, connection, names, ack_wait=ACK_WAIT):
        self.connection, self.names = connection, names
        self.api = Api(connection)
        self.topology = Topology(self.api, names, IN_MEMORY)
        self.publisher = Publisher(connection)
        settings = Settings(lease=ack_wait)
        self.spec = consumer_specs.lane(names.first, settings, "q", Priority.NORMAL)
        self.consumers = []

    async def fill(self, count, start=0):
        for i in range(start, start + count):
            await self.publisher.publish(
                f"{self.names.namespace}.step.q.normal.run-{i}.a", b"%d" % i
            )

    async def consume(self, on_delivery, credit=0, connection=None):
        consumer = PullConsumer(
            connection or self.connection,
            self.spec,
            Naming(self.names.prefix),
            on_delivery,
            self.topology.consumer,
            SystemClock(),
        )
        await consumer.start()
        self.consumers.append(consumer)
        consumer.grant(credit)
        return consumer

    async def state(self):
        return await self.api.call(f"CONSUMER.INFO.{self.spec.stream}.{self.spec.name}")
