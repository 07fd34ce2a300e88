"""Commands: a work queue into which any client may publish."""

from __future__ import annotations

__all__ = ["StreamCommandQueue"]

from typing import TYPE_CHECKING

from flowworker.codec.subjects import CommandKind
from flowworker.jetstream.client import headers as header_blocks
from flowworker.jetstream.topology.specs import consumer_specs
from flowworker.ports import WaitingStart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.codec.subjects import CommandLane
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.client.publisher import Publisher
    from flowworker.jetstream.consuming.consumers import Consumers
    from flowworker.jetstream.names import Names
    from flowworker.ports import Consumer, OnDelivery


class StreamCommandQueue:
    """Implements `ports.CommandQueue`."""

    def __init__(self, publisher: Publisher, api: Api, consumers: Consumers, names: Names) -> None:
        """Keep everything in the commands stream."""
        self._publisher = publisher
        self._api = api
        self._consumers = consumers
        self._names = names

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """The sequence under which it is stored. Repeated only if it has a message id."""
        ack = await self._publisher.publish(
            self._names.command(subject),
            data,
            header_blocks.encode(headers),
            repeatable=header_blocks.MSG_ID in headers,
        )
        return ack.seq

    async def consume(self, lane: CommandLane, on_delivery: OnDelivery) -> Consumer:
        """Share the commands of a lane with all other consumers."""
        return await self._consumers.start(consumer_specs.commands(self._names, lane), on_delivery)

    async def waiting(
        self, after: int = 0, kind: CommandKind = CommandKind.START
    ) -> WaitingStart | None:
        """The first start, or rerun, behind that sequence which is not acknowledged."""
        [starts] = self._names.command_subjects((kind,))
        query = {"seq": after + 1, "next_by_subj": starts}
        found = await self._api.message(self._names.commands, query)
        if found is None:
            return None
        headers = header_blocks.decode(found.hdrs)
        about = found.subject.removeprefix(starts.removesuffix(">"))
        return WaitingStart(found.seq, about, headers.get(header_blocks.MSG_ID, ""))
