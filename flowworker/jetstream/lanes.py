"""Queues that hand nothing out: the server's own pause of their consumers.

It stands in the consumer's configuration. So it outlives the server, holds workers of any release,
and stays when a consumer is created that is there: no configuration of ours names it.
"""

from __future__ import annotations

__all__ = ["FOREVER", "StreamLanes", "is_held"]

from typing import TYPE_CHECKING, Any

from flowworker.jetstream.topology.specs import consumer_specs

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.consuming.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.jetstream.topology.specs import ConsumerSpec
    from flowworker.settings import Settings

FOREVER = "2200-01-01T00:00:00Z"
"""Until when a consumer pauses: the server wants to know."""


def is_held(info: dict[str, Any] | None) -> bool:
    """Whether a consumer hands nothing out, by what the server says of it."""
    return bool(info and info.get("paused"))


class StreamLanes:
    """Implements `ports.Lanes`."""

    def __init__(self, api: Api, consumers: Consumers, names: Names, settings: Settings) -> None:
        """Hold and release the consumers of the streams of steps."""
        self._api = api
        self._consumers = consumers
        self._names = names
        self._settings = settings

    async def hold(self, queue: str) -> bool:
        """Hand nothing out; lanes of the queue that are missing are made first."""
        if not await self._is_used(queue):
            return False
        for spec in self._specs(queue):
            await self._consumers.ensure(spec)
            await self._api.pause_consumer(spec.stream, spec.name, FOREVER)
        return True

    async def release(self, queue: str) -> bool:
        """Hand out again."""
        found = False
        for spec in self._specs(queue):
            found |= await self._api.pause_consumer(spec.stream, spec.name)
        return found

    async def _is_used(self, queue: str) -> bool:
        for spec in self._specs(queue):
            if await self._api.consumer(spec.stream, spec.name) is not None:
                return True
        return False

    def _specs(self, queue: str) -> list[ConsumerSpec]:
        return consumer_specs.lanes(self._names, self._settings, queue)
