"""Brings a namespace to what this release makes of it: what is missing, and what is otherwise.

Only `flowworker setup` does so, since somebody has to decide it. Processes of the release before
go on meanwhile: they take a stream that has a newer topology as it is. Each stream is changed by
one request, so that after a crash it is repeated, with less to do. What no server changes is
refused before anything is changed.
"""

from __future__ import annotations

__all__ = ["Change", "Migration"]

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from flowworker.codec.subjects import CommandLane
from flowworker.jetstream.client.api import config_of
from flowworker.jetstream.names import AGREED, Names
from flowworker.jetstream.shards import ALONE
from flowworker.jetstream.topology.differences import Difference, differences, newer
from flowworker.jetstream.topology.durability import durability_of
from flowworker.jetstream.topology.namespaces import queues_of
from flowworker.jetstream.topology.specs import (
    ConsumerSpec,
    StreamSpec,
    consumer_specs,
    stream_specs,
)
from flowworker.jetstream.topology.spread import spread_of
from flowworker.jetstream.topology.streams import Topology, mismatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from flowworker.errors import TopologyMismatch
    from flowworker.jetstream.client.api import Api
    from flowworker.jetstream.topology.durability import Durability
    from flowworker.jetstream.topology.options import TopologyOptions
    from flowworker.settings import Settings


class Change(Struct, frozen=True):
    """What is done to a stream or a consumer.

    Attributes:
        found: its configuration; None if it is to be created.
        differences: what of it is changed.
        newer: the version of its topology, if a newer release has set it; then nothing is changed.
    """

    kind: Literal["stream", "consumer"]
    name: str
    spec: StreamSpec | ConsumerSpec
    found: dict[str, Any] | None
    differences: tuple[Difference, ...] = ()
    newer: str = ""

    @property
    def what(self) -> str:
        """It, for people."""
        of = f" of stream {self.spec.stream}" if isinstance(self.spec, ConsumerSpec) else ""
        return f"{self.kind} {self.name}{of}"

    @property
    def refused(self) -> TopologyMismatch | None:
        """Why it cannot be carried out."""
        fixed = (one for one in self.differences if one.fixed)
        return next((mismatch(self.what, one) for one in fixed), None)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration that it leads to."""
        config = dict(self.found or self.spec.config)
        for one in self.differences:
            if one.wanted is None:
                config.pop(one.setting)
            elif one.setting == "metadata":
                config["metadata"] = {**(config.get("metadata") or {}), **one.wanted}
            else:
                config[one.setting] = one.wanted
        if config.get("filter_subjects"):
            config.pop("filter_subject", None)  # a server takes one of the two
        return config


class Migration:
    """Of one namespace.

    Attributes:
        spread: of its runs, once it is planned.
    """

    def __init__(
        self,
        api: Api,
        names: Names,
        options: TopologyOptions,
        settings: Settings,
        queues: Sequence[str],
        agree: Callable[[str], str] = str,
    ) -> None:
        """With the lanes of these queues, and of those that have some.

        `agree` says what the fleet agrees upon, given what it did before (`agreement`).
        """
        self._agree = agree
        self._api = api
        self._names = names
        self._options = options
        self._settings = settings
        self._queues = queues
        self._topology = Topology(api, names, options, agreed=agree(""))
        self.spread = ALONE

    @property
    def durability(self) -> Durability:
        """What it outlives, once the plan is carried out."""
        return self._topology.durability

    async def plan(self) -> list[Change]:
        """What there is to be done; changes nothing.

        Raises:
            TopologyMismatch: another number of partitions or shards is asked for.
            Unavailable: JetStream refuses, or does not answer.
        """
        planned, queues = [], set(self._queues)
        self.spread = await spread_of(self._api, self._names, self._options)
        names = Names(self._names.namespace, self.spread)
        for spec in stream_specs(names, self._options):
            found = config_of(await self._api.stream(spec.name))
            change = _change("stream", spec, found)
            if spec.name == names.first.events and found is not None and not change.newer:
                change = replace(change, differences=(*change.differences, *self._agreed(found)))
            planned.append(change)
            if found is not None and spec.name == names.first.steps:
                durability_of(found, self._options.durability)
                queues |= await queues_of(self._api, names)
        planned += [one async for one in self._consumers(names, sorted(queues))]
        return [one for one in planned if one.found is None or one.differences or one.newer]

    def _agreed(self, found: dict[str, Any]) -> Iterator[Difference]:
        before = (found.get("metadata") or {}).get(AGREED, "")
        wanted = self._agree(before)
        if wanted != before:
            yield Difference("metadata", {AGREED: before}, {AGREED: wanted}, wanted, needed=False)

    async def _consumers(self, names: Names, queues: list[str]) -> AsyncIterator[Change]:
        settings = self._settings
        specs = [consumer_specs.commands(names, lane) for lane in CommandLane]
        specs += [consumer_specs.timers(shard) for shard in names.shards]
        specs += [
            consumer_specs.scheduler(names, settings, each)
            for each in range(self.spread.partitions)
        ]
        for queue in queues:
            specs += consumer_specs.lanes(names, settings, queue)
        for spec in specs:
            found = await self._api.consumer(spec.stream, spec.name)
            yield _change("consumer", spec, config_of(found))

    async def carry_out(self, planned: Sequence[Change]) -> None:
        """Do it.

        Raises:
            TopologyMismatch: something cannot be changed; then nothing was.
            Unavailable: JetStream refuses, or does not answer; what was done stays done.
        """
        for change in planned:
            if (refused := change.refused) is not None:
                raise refused
        for change in planned:
            if change.kind == "stream" and change.differences:
                await self._api.call(f"STREAM.UPDATE.{change.name}", change.config)
        await self._topology.ensure()
        for change in planned:
            if isinstance(change.spec, ConsumerSpec):
                if change.differences:
                    await self._topology.update_consumer(change.spec, change.config)
                await self._topology.consumer(change.spec)


def _change(
    kind: Literal["stream", "consumer"],
    spec: StreamSpec | ConsumerSpec,
    found: dict[str, Any] | None,
) -> Change:
    if found is None:
        return Change(kind, spec.name, spec, None)
    return Change(kind, spec.name, spec, found, tuple(differences(spec, found)), newer(found))
