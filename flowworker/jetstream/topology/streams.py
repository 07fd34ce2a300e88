"""Streams, buckets and consumers: created when absent, checked when present, and not changed here.

What is not as it must be `migration` changes, when `flowworker setup` asks for it.

Two creators at once are fine: creating what exists with the same settings is no error to the
server, and with other settings it is one, upon which we look at what is there.
"""

from __future__ import annotations

__all__ = ["Topology", "mismatch"]

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from flowworker.errors import TopologyMismatch
from flowworker.jetstream.client.api import ApiError, config_of
from flowworker.jetstream.names import AGREED, Names
from flowworker.jetstream.topology.differences import differences
from flowworker.jetstream.topology.durability import durability_of
from flowworker.jetstream.topology.namespaces import missing
from flowworker.jetstream.topology.specs import stream_specs
from flowworker.jetstream.topology.spread import partitions_of, shards_of, spread_of
from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.differences import Difference
    from flowworker.jetstream.topology.durability import Durability
    from flowworker.jetstream.topology.options import TopologyOptions
    from flowworker.jetstream.topology.specs import ConsumerSpec, StreamSpec

STREAM_EXISTS = {10058}
CONSUMER_EXISTS = {10013, 10105, 10148}


class Topology:
    """Sees to it that everything is there and as it must be.

    Attributes:
        names: all of them, once everything was seen to: until then those of one shard.
        agreed: the settings that are equal over the fleet, as the stream of events says.
        durability: what the namespace outlives, as the stream of steps says.
    """

    def __init__(
        self,
        api: Api,
        names: Names,
        options: TopologyOptions,
        *,
        create: bool = True,
        agreed: str = "",
    ) -> None:
        """For one namespace; with `agreed`, if it is created."""
        self.agreed = agreed
        self.durability: Durability = "process"
        self._api = api
        self.names = names
        self._options = options
        self._create = create
        self._complete = False

    async def ensure(self) -> int:
        """Create or check all streams; how many partitions there are.

        Raises:
            TopologyMismatch: something exists with other settings.
            NamespaceNotFound: something is missing, and nothing is to be created.
            Unavailable: JetStream refuses, or does not answer.
        """
        if self._options.durability is not None:  # first, since it says more than what follows
            config = config_of(await self._api.stream(self.names.first.steps))
            durability_of(config or {}, None if config is None else self._options.durability)
        spread = await spread_of(self._api, self.names, self._options)
        partitions = spread.partitions
        self.names = Names(self.names.namespace, spread)
        for spec in stream_specs(self.names, self._options):
            found = await self._stream(spec)
            if spec.name == self.names.first.steps:
                self.durability = durability_of(found, self._options.durability)
            if spec.name == self.names.first.events:
                partitions = partitions_of(spec.name, found, self._options.partitions)
                self.agreed = (found.get("metadata") or {}).get(AGREED, "")
        # Should the stream that says it get lost: this process goes on with what it has read
        self._options = replace(self._options, partitions=partitions, shards=spread.shards)
        if self.durability == "power":
            self._options = replace(self._options, durability=self.durability)
        self.names = Names(self.names.namespace, spread._replace(partitions=partitions))
        self._complete = True
        return partitions

    async def _stream(self, spec: StreamSpec) -> dict[str, Any]:
        found = config_of(await self._api.stream(spec.name))
        if found is None and not self._create:
            raise await missing(self._api, self.names, spec.name)
        if found is None:
            try:
                config = spec.config
                if spec.name == self.names.first.events and self.agreed:
                    metadata = {**config["metadata"], AGREED: self.agreed}
                    config = {**config, "metadata": metadata}
                created = await self._api.call(f"STREAM.CREATE.{spec.name}", config)
                found = created["config"]
                if self._complete:
                    get_logger().error(
                        "a stream was gone and is made again, empty", stream=spec.name
                    )
            except ApiError as error:
                if error.failure.err_code not in STREAM_EXISTS:
                    raise
                found = config_of(await self._api.stream(spec.name))
        if spec.name == self.names.first.events:  # another process may have made it meanwhile
            shards_of(spec.name, found or {}, self.names.spread.shards)
        _check(f"stream {spec.name}", spec, found or {})
        return found or {}

    async def consumer(self, spec: ConsumerSpec) -> None:
        """Create or check a consumer.

        Raises:
            TopologyMismatch: it exists with other settings.
            Unavailable: JetStream refuses, or does not answer.
        """
        found = config_of(await self._api.consumer(spec.stream, spec.name))
        if found is None:
            try:
                found = await self._write_consumer(spec, "create", spec.config)
            except ApiError as error:
                if error.failure.err_code not in CONSUMER_EXISTS:
                    raise
                found = config_of(await self._api.consumer(spec.stream, spec.name))
        _check(f"consumer {spec.name} of stream {spec.stream}", spec, found or {})

    async def update_consumer(self, spec: ConsumerSpec, config: dict[str, Any]) -> None:
        """Change a consumer that exists to this configuration.

        Raises:
            Unavailable: JetStream refuses, or does not answer.
        """
        await self._write_consumer(spec, "update", config)

    async def _write_consumer(
        self, spec: ConsumerSpec, action: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        body = {"stream_name": spec.stream, "config": config, "action": action}
        return dict(
            (await self._api.call(f"CONSUMER.CREATE.{spec.stream}.{spec.name}", body))["config"]
        )


def _check(what: str, spec: StreamSpec | ConsumerSpec, found: dict[str, Any]) -> None:
    for difference in differences(spec, found):
        if difference.needed:
            raise mismatch(what, difference)


def mismatch(what: str, difference: Difference) -> TopologyMismatch:
    """What to say of a setting with which nothing works."""
    mend = "let `flowworker setup` change it"
    if difference.fixed:
        mend = "no server changes that: delete it if nothing in it matters"
    return TopologyMismatch(
        f"{what}: {difference.setting} must be {difference.expected}, found "
        f"{difference.found!r}; {mend}, or use another namespace"
    )
