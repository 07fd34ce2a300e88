"""Streams, buckets and consumers as data: what is created, and what of it must never differ."""

from __future__ import annotations

__all__ = [
    "TOPOLOGY_VERSION",
    "ConsumerSpec",
    "StreamSpec",
    "consumer_specs",
    "stream_specs",
]

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flowworker.core.status import Priority
from flowworker.jetstream.names import PARTITIONS, SHARDS, TOPOLOGY, Names
from flowworker.jetstream.topology.durability import persistence
from flowworker.jetstream.topology.options import DEFAULT_PARTITIONS

if TYPE_CHECKING:
    from flowworker.codec.subjects import CommandLane
    from flowworker.jetstream.shards import Bucket, Shard, Spread
    from flowworker.jetstream.topology.options import TopologyOptions
    from flowworker.settings import Settings

NANO = 1_000_000_000

TOPOLOGY_VERSION = 1
"""Raised by one whenever a setting below changes, so that an older process leaves what a newer
release has set as it is."""

DEFAULT_EVENTS_AGE = 30 * 24 * 3600.0
DUPLICATE_WINDOW = 120
"""Seconds in which a message id is stored once."""
COMMANDS_WINDOW = 10
"""The same for commands: long enough to repeat what had no answer. A start that comes
later finds its run; or it was rejected or removed meanwhile, and must not be swallowed."""
COORDINATOR_ACK_WAIT = 10.0
"""Seconds after which another coordinator gets what one did not acknowledge, at least."""
MAX_ACK_PENDING = 50_000
MAX_WAITING = 8_192
"""Pull requests at a time of all processes that share a consumer."""


@dataclass(frozen=True)
class StreamSpec:
    """A stream.

    Attributes:
        config: as the API takes it.
        must: settings that have to be found as they stand in `config`.
        empty: settings that have to be absent, false or unlimited.
        brought: settings that `setup` brings to what stands in `config`, as it does the others,
            and without which processes work.
    """

    config: dict[str, Any]
    must: tuple[str, ...]
    empty: tuple[str, ...] = ("sealed", "deny_purge", "no_ack", "mirror", "subject_transform")
    brought: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.config["name"])


@dataclass(frozen=True)
class ConsumerSpec:
    """A durable pull consumer.

    Attributes:
        config: as the API takes it.
        must: settings that have to be found as they stand in `config`.
        at_least: settings that may be found larger.
        empty: settings that have to be absent or zero.
    """

    stream: str
    name: str
    config: dict[str, Any]
    must: tuple[str, ...] = ("filter_subjects", "deliver_policy", "ack_policy", "max_deliver")
    at_least: tuple[str, ...] = ("ack_wait",)
    empty: tuple[str, ...] = field(default=("inactive_threshold", "deliver_subject", "backoff"))


def stream_specs(names: Names, options: TopologyOptions) -> list[StreamSpec]:
    """Everything that a namespace consists of."""
    return [
        _commands(names, options),
        *(_of_shard(_steps(one, options), names.spread) for one in names.shards),
        *(_of_shard(_events(names, one, options), names.spread) for one in names.shards),
        *(_of_shard(_bucket(one.runs, options, ttl=False), names.spread) for one in names.shards),
        *(
            _bucket(bucket, options, ttl=bucket is not names.definitions)
            for bucket in (names.definitions, names.payloads, names.locks)
        ),
    ]


def _of_shard(spec: StreamSpec, spread: Spread) -> StreamSpec:
    """A stream that says of how many it is one, if they are several."""
    if spread.shards == 1:
        return spec
    numbers = {PARTITIONS: str(spread.partitions), SHARDS: str(spread.shards)}
    metadata = {**spec.config["metadata"], **numbers}
    return replace(spec, config={**spec.config, "metadata": metadata})


def _common(options: TopologyOptions) -> dict[str, Any]:
    return {
        "storage": options.storage or "file",
        "num_replicas": options.copies,
        "discard": "new",
        "duplicate_window": DUPLICATE_WINDOW * NANO,
        "allow_rollup_hdrs": False,  # a right to one subject would be one to all
        "metadata": {TOPOLOGY: str(TOPOLOGY_VERSION)},
    }


def _must(options: TopologyOptions, *settings: str) -> tuple[str, ...]:
    """These, those of every stream, and what was asked for."""
    chosen = options.durability is not None  # which says both
    asked = (
        ("storage", chosen or options.storage is not None),
        ("num_replicas", chosen or options.replicas is not None),
    )
    return (
        "subjects",
        "retention",
        *settings,
        *(setting for setting, is_asked in asked if is_asked),
    )


_UNLIMITED = (*StreamSpec.empty, "max_age", "max_msgs_per_subject")


def _commands(names: Names, options: TopologyOptions) -> StreamSpec:
    config = {
        **_common(options),
        "name": names.commands,
        "description": "flowworker: what shall be done",
        "subjects": names.command_subjects(),
        "retention": "workqueue",
        "duplicate_window": COMMANDS_WINDOW * NANO,
    }
    return StreamSpec(config, _must(options, "discard"), _UNLIMITED, ("allow_rollup_hdrs",))


def _steps(shard: Shard, options: TopologyOptions) -> StreamSpec:
    config = {
        **_common(options),
        "name": shard.steps,
        "description": "flowworker: steps to be executed, timers",
        "subjects": shard.step_subjects,
        "retention": "workqueue",
        "discard": "old",  # schedules do not go with `new`; without limits nothing is discarded
        "allow_msg_schedules": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,  # a schedule replaces the former one
        **persistence(options.durability),
    }
    must = _must(options, "allow_msg_schedules", "allow_rollup_hdrs")
    return StreamSpec(config, must, (*_UNLIMITED, "max_msgs", "max_bytes"))


def _events(names: Names, shard: Shard, options: TopologyOptions) -> StreamSpec:
    common = _common(options)
    source, destination = names.republished
    partitions = str(options.partitions or DEFAULT_PARTITIONS)
    config = {
        **common,
        "name": shard.events,
        "description": "flowworker: what happened",
        "subjects": shard.event_subjects,
        "retention": "limits",
        "discard": "old",
        "max_age": int((options.events_age or DEFAULT_EVENTS_AGE) * NANO),
        "allow_direct": True,
        "republish": {"src": source, "dest": destination},
        "metadata": {**common["metadata"], PARTITIONS: partitions},
        **persistence(options.durability),
    }
    aged = ("max_age",) if options.events_age is not None else ()
    return StreamSpec(config, _must(options, "republish", *aged), brought=("allow_rollup_hdrs",))


def _bucket(bucket: Bucket, options: TopologyOptions, *, ttl: bool) -> StreamSpec:
    config = {
        **_common(options),
        "name": bucket.stream,
        "description": "flowworker",
        "subjects": [f"{bucket.prefix}>"],
        "retention": "limits",
        "max_msgs_per_subject": 1,
        "deny_delete": True,
        "allow_direct": True,  # its requests name the key, so that permissions can
    }
    must = _must(options, "discard", "max_msgs_per_subject", "allow_direct")
    if ttl:
        config["allow_msg_ttl"] = True
        must = (*must, "allow_msg_ttl")
    unlimited = (*StreamSpec.empty, "max_age", "subject_delete_marker_ttl")
    return StreamSpec(config, must, unlimited, ("allow_rollup_hdrs",))


def _consumer(
    stream: str, name: str, filters: list[str], ack_wait: float, deliver: str = "all"
) -> ConsumerSpec:
    config = {
        "durable_name": name,
        "filter_subjects": filters,
        "deliver_policy": deliver,
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait * NANO),
        "max_deliver": -1,
        "max_ack_pending": MAX_ACK_PENDING,
        "max_waiting": MAX_WAITING,
        "replay_policy": "instant",
        "metadata": {TOPOLOGY: str(TOPOLOGY_VERSION)},
    }
    return ConsumerSpec(stream, name, config)


class consumer_specs:  # noqa: N801 - a namespace of functions
    """The consumers, each made when it is first needed."""

    @staticmethod
    def commands(names: Names, lane: CommandLane) -> ConsumerSpec:
        """One lane of the commands, named as the lane."""
        return _consumer(
            names.commands, str(lane), names.command_subjects(lane.kinds), COORDINATOR_ACK_WAIT
        )

    @staticmethod
    def timers(shard: Shard) -> ConsumerSpec:
        """All timers of a shard that fired."""
        due = [f"{shard.timer_due_prefix}>"]
        return _consumer(shard.steps, Names.timers_consumer, due, COORDINATOR_ACK_WAIT)

    @staticmethod
    def scheduler(names: Names, settings: Settings, partition: int) -> ConsumerSpec:
        """The facts of a partition; retries that are timed in process stay unacknowledged."""
        return _consumer(
            names.shard(partition).events,
            names.scheduler_consumer(partition),
            names.facts(partition),
            max(COORDINATOR_ACK_WAIT, 2 * settings.short_delay),
        )

    @staticmethod
    def lane(shard: Shard, settings: Settings, queue: str, priority: Priority) -> ConsumerSpec:
        """One priority of a queue, as far as it is in a shard."""
        name, lane = Names.lane_consumer(queue, priority), shard.lane(queue, priority)
        return _consumer(shard.steps, name, [lane], settings.lease)

    @staticmethod
    def lanes(names: Names, settings: Settings, queue: str) -> list[ConsumerSpec]:
        """All lanes of a queue."""
        return [
            consumer_specs.lane(shard, settings, queue, priority)
            for shard in names.shards
            for priority in Priority
        ]
