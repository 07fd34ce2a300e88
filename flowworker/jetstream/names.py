"""Every name on the wire: streams, buckets, subjects, consumers.

    stream <NS>_COMMANDS    ns.start.<workflow>  ns.control.<action>.<run>  ns.signal.<run>.<name>
    streams of a share of all runs (shards.py): steps, timers, events, records
    stream KV_<ns>_definitions, _payloads, _locks           $KV.<ns>_….<key>
    core NATS               ns.lease.free.<key>             a lease was given up
                            and those that other rooms know: codec/subjects.py

    consumers of COMMANDS   starts, controls
    consumers of STEPS      timers, step-<queue>-<priority>; paused while the queue is
    consumers of EVENTS     scheduler-<partition>

Run ids, queues and priorities are one token. Workflows, steps, timer names and event types may
have several, and stand last. Whatever comes from outside is checked here, so that no name can
reach a subject that is not meant.
"""

from __future__ import annotations

__all__ = ["AGREED", "PARTITIONS", "SHARDS", "TOPOLOGY", "Names"]

from typing import TYPE_CHECKING

from flowworker.codec.facts import FACT_TYPES
from flowworker.codec.subjects import (
    COMMAND_KINDS,
    RESERVED_NAMESPACES,
    event_subject,
    public_subject,
)
from flowworker.core.ids import COORDINATOR, DOTTED_NAME, HISTORY, RUN_ID, TOKEN
from flowworker.errors import InvalidInput
from flowworker.jetstream.shards import ALONE, Bucket, Shard, Spread
from flowworker.jetstream.tokens import checked, dotted

if TYPE_CHECKING:
    from flowworker.core.status import Priority

AGREED = "flowworker.settings"
"""Metadata of the events stream: settings that are equal over the fleet."""
PARTITIONS = "flowworker.partitions"
"""Metadata key of the events streams: how many partitions the namespace has."""
SHARDS = "flowworker.shards"
"""Metadata key of each stream of a shard, unless there is one: how many there are. Then each has
the number of partitions as well, without which no run is found."""

TOPOLOGY = "flowworker.topology"
"""Metadata key of each stream and consumer: which version of the topology it has."""


class Names:
    """All names of one namespace.

    Attributes:
        shards: the streams of runs.
        first: that of them which also has what is of no run.
    """

    def __init__(self, namespace: str, spread: Spread = ALONE) -> None:
        """Check the namespace, which is one token; its runs are spread so."""
        self.namespace = checked(TOKEN, namespace, "a namespace (one token)")
        if namespace in RESERVED_NAMESPACES:
            raise InvalidInput(
                f"a namespace cannot be called {namespace!r}: it is the subject of events"
            )
        self.spread = spread
        self.shards = tuple(Shard(namespace, each, spread) for each in range(spread.shards))
        self.first = self.shards[0]
        self.commands = f"{namespace.upper()}_COMMANDS"
        self.definitions = Bucket(f"{namespace}_definitions")
        self.payloads = Bucket(f"{namespace}_payloads")
        self.locks = Bucket(f"{namespace}_locks")
        self.prefix = f"{namespace}."

    def shard_of(self, run: str) -> Shard:
        """The one that has everything of a run, or of a schedule's turns."""
        return self.shards[self.spread.shard_of(run)]

    def shard(self, partition: int) -> Shard:
        """The one that has a partition."""
        return self.shards[self.spread.shard_with(partition)]

    def command_subjects(self, kinds: tuple[str, ...] = COMMAND_KINDS) -> list[str]:
        """Commands of these kinds; the commands stream stores all of them."""
        return [f"{self.namespace}.{kind}.>" for kind in kinds]

    @property
    def republished(self) -> tuple[str, str]:
        """Which events the server republishes, and where."""
        return f"{self.namespace}.event.*.*.*.workflow.>", public_subject(
            self.namespace, "workflow.>"
        )

    def command(self, subject: str) -> str:
        """`start.<workflow>` and the like, in this namespace."""
        if subject.partition(".")[0] not in COMMAND_KINDS:
            raise InvalidInput(
                f"a command starts with one of {COMMAND_KINDS}, found {subject[:150]!r}"
            )
        return self.prefix + checked(DOTTED_NAME, subject, "a command's subject")

    @staticmethod
    def lane_consumer(queue: str, priority: Priority) -> str:
        """The durable consumer of one priority of a queue."""
        return f"step-{checked(TOKEN, queue, 'a queue')}-{priority}"

    def queue_of(self, consumer: str) -> str | None:
        """The queue of which a durable consumer is a lane; None for any other consumer."""
        head, _, priority = consumer.rpartition("-")
        return head.removeprefix("step-") if head.startswith("step-") and priority else None

    def event(self, partition: int, run: str, sender: str, event_type: str) -> str:
        """Where an event is stored."""
        checked(HISTORY, run, "a run id (one token)")
        checked(TOKEN, sender, "a sender (one token)")
        name = checked(DOTTED_NAME, event_type, "an event type")
        return f"{self.namespace}.event.{partition}.{run}.{sender}.{name}"

    def sender_and_type(self, subject: str) -> tuple[str, str]:
        """The same, the other way round."""
        _, sender, event_type = subject.removeprefix(f"{self.namespace}.event.").split(".", 3)[1:]
        return sender, event_type

    def events_of(self, partition: int, run: str) -> str:
        """The history of a run, or of a schedule."""
        checked(HISTORY, run, "a run id (one token)")
        return event_subject(self.namespace, partition, run, "*", ">")

    def milestones_of(self, partition: int, run: str) -> str:
        """A run's events that are about the run and not about a step: few, and its end the last."""
        checked(RUN_ID, run, "a run id (one token)")
        return event_subject(self.namespace, partition, run, COORDINATOR, "workflow.*")

    def facts(self, partition: int) -> list[str]:
        """What the scheduler of a partition is handed, of all senders."""
        return [event_subject(self.namespace, partition, "*", "*", fact) for fact in FACT_TYPES]

    def scheduler_consumer(self, partition: int) -> str:
        """The durable consumer of a partition."""
        return f"scheduler-{partition}"

    def lease_free(self, key: str) -> str:
        """Where it is announced that a lease was given up."""
        return f"{self.namespace}.lease.free.{dotted(key, 'a key')}"

    timers_consumer = "timers"
