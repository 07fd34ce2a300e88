"""Streams, buckets and consumers as data: what is created, and what of it must never differ."""

from __future__ import annotations

__all__ = [
    "TOPOLOGY_VERSION",
    "ConsumerSpec",
    "StreamSpec",
    "TopologyOptions",
    "consumer_specs",
    "stream_specs",
]

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from flowworker.jetstream.names import PARTITIONS, TOPOLOGY
from flowworker.jetstream.topology.durability import COPIES, Durability, check_choice, persistence
from flowworker.settings import check_numbers

if TYPE_CHECKING:
    from flowworker.codec.subjects import CommandLane
    from flowworker.core.status import Priority
    from flowworker.jetstream.names import Bucket, Names
    from flowworker.settings import Settings

NANO = 1_000_000_000

TOPOLOGY_VERSION = 1
"""Raised by one whenever a setting below changes, so that an older process leaves what a newer
release has set as it is."""

DEFAULT_PARTITIONS = 16
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


class TopologyOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How streams are created. What is left None takes a default, or whatever exists already.

    Attributes:
        replicas: of every stream and bucket; 1 unless given.
        storage: `file` unless given.
        events_age: seconds after which a run's history is dropped whatever its retention; 30 days.
        partitions: of runs over coordinators, fixed at creation; 16 unless given.
        durability: what may fail without a loss: `process`, `power` or `machine`; as `replicas`
            say unless given.
    """

    replicas: int | None = None
    storage: Literal["file", "memory"] | None = None
    events_age: float | None = None
    partitions: int | None = None
    durability: Durability | None = None

    def __post_init__(self) -> None:
        """Refuse what no server takes, and what contradicts itself."""
        check_numbers(self)
        if self.durability is not None:
            check_choice(self.durability, self.replicas, self.storage)

    @property
    def copies(self) -> int:
        """Replicas of a stream that is created."""
        return self.replicas or COPIES[self.durability]


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
        _steps(names, options),
        _events(names, options),
        *(
            _bucket(bucket, options, ttl=bucket in {names.payloads, names.locks})
            for bucket in (names.runs, names.definitions, names.payloads, names.locks)
        ),
    ]


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


def _steps(names: Names, options: TopologyOptions) -> StreamSpec:
    config = {
        **_common(options),
        "name": names.steps,
        "description": "flowworker: steps to be executed, timers",
        "subjects": names.step_subjects,
        "retention": "workqueue",
        "discard": "old",  # schedules do not go with `new`; without limits nothing is discarded
        "allow_msg_schedules": True,
        "allow_msg_ttl": True,
        "allow_rollup_hdrs": True,  # a schedule replaces the former one
        **persistence(options.durability),
    }
    must = _must(options, "allow_msg_schedules", "allow_rollup_hdrs")
    return StreamSpec(config, must, (*_UNLIMITED, "max_msgs", "max_bytes"))


def _events(names: Names, options: TopologyOptions) -> StreamSpec:
    common = _common(options)
    source, destination = names.republished
    partitions = str(options.partitions or DEFAULT_PARTITIONS)
    config = {
        **common,
        "name": names.events,
        "description": "flowworker: what happened",
        "subjects": names.event_subjects,
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
    def timers(names: Names) -> ConsumerSpec:
        """All timers that fired."""
        return _consumer(
            names.steps, names.timers_consumer, [f"{names.timer_due_prefix}>"], COORDINATOR_ACK_WAIT
        )

    @staticmethod
    def scheduler(names: Names, settings: Settings, partition: int) -> ConsumerSpec:
        """The facts of a partition; retries that are timed in process stay unacknowledged."""
        return _consumer(
            names.events,
            names.scheduler_consumer(partition),
            names.facts(partition),
            max(COORDINATOR_ACK_WAIT, 2 * settings.short_delay),
        )

    @staticmethod
    def lane(names: Names, settings: Settings, queue: str, priority: Priority) -> ConsumerSpec:
        """One priority of a queue."""
        return _consumer(
            names.steps,
            names.lane_consumer(queue, priority),
            [names.lane(queue, priority)],
            settings.lease,
        )
