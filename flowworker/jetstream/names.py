"""Every name on the wire: streams, buckets, subjects, consumers.

    stream <NS>_COMMANDS    ns.start.<workflow>  ns.control.<action>.<run>  ns.signal.<run>.<name>
    stream <NS>_STEPS       ns.step.<queue>.<priority>.<run>.<step>
                            ns.timer.at.step.<run>.<step>   schedule of a delayed step message, or
                                                            of the timer of a step that waits
                            ns.timer.at.run.<run>.<name>    schedule of a timer
                            ns.timer.due.<run>.<name>       a timer that fired
    stream <NS>_EVENTS      ns.event.<partition>.<run>.<sender>.<type>
    stream KV_<ns>_runs     $KV.<ns>_runs.<key>; likewise definitions, payloads, locks
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

__all__ = ["AGREED", "PARTITIONS", "TOPOLOGY", "Bucket", "Names", "checked_subject"]

import re
from typing import TYPE_CHECKING

from flowworker.codec.facts import FACT_TYPES
from flowworker.codec.keys import step_of_timer
from flowworker.codec.subjects import (
    COMMAND_KINDS,
    RESERVED_NAMESPACES,
    event_subject,
    public_subject,
)
from flowworker.core.ids import COORDINATOR, DOTTED_NAME, HISTORY, KEY, RUN_ID, TOKEN
from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from flowworker.core.status import Priority
    from flowworker.ports import StepAddress

AGREED = "flowworker.settings"
"""Metadata of the events stream: settings that are equal over the fleet."""
PARTITIONS = "flowworker.partitions"
"""Metadata key of the events stream: how many partitions the namespace has."""

TOPOLOGY = "flowworker.topology"
"""Metadata key of each stream and consumer: which version of the topology it has."""

_PATTERN = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\.(?:[A-Za-z0-9_/-]+|\*))*(?:\.>)?|>")


_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f]|^$|^\.|\.$|\.\.")


def checked_subject(subject: str) -> str:
    """A subject that a user gave, as it is, unless it would break the protocol."""
    if _UNSAFE.search(subject):
        raise InvalidInput(f"not a NATS subject: {subject[:150]!r}")
    return subject


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if pattern.fullmatch(value) is None:
        raise InvalidInput(
            f"{what} must be tokens of letters, digits, '_' and '-', found {value[:150]!r}"
        )
    return value


def _dotted(value: str, what: str) -> str:
    if KEY.fullmatch(value) is None:
        _checked(KEY, value, f"{what} (joined by dots)")
    return value


class Bucket:
    """A key-value bucket, laid out as NATS' own tools expect."""

    def __init__(self, name: str) -> None:
        """A bucket of that name, in a stream of its own."""
        self.name = name
        self.stream = f"KV_{name}"
        self.prefix = f"$KV.{name}."

    def subject(self, key: str) -> str:
        """Subject of a key."""
        return self.prefix + _dotted(key, "a key")

    def filter(self, pattern: str) -> str:
        """Subject filter of a pattern of keys."""
        if _PATTERN.fullmatch(pattern) is None:
            raise InvalidInput(
                f"a pattern of keys must be tokens, '*' and a final '>', found {pattern!r}"
            )
        return self.prefix + pattern


class Names:
    """All names of one namespace."""

    def __init__(self, namespace: str) -> None:
        """Check the namespace, which is one token."""
        self.namespace = _checked(TOKEN, namespace, "a namespace (one token)")
        if namespace in RESERVED_NAMESPACES:
            raise InvalidInput(
                f"a namespace cannot be called {namespace!r}: it is the subject of events"
            )
        upper = namespace.upper()
        self.commands = f"{upper}_COMMANDS"
        self.steps = f"{upper}_STEPS"
        self.events = f"{upper}_EVENTS"
        self.runs = Bucket(f"{namespace}_runs")
        self.definitions = Bucket(f"{namespace}_definitions")
        self.payloads = Bucket(f"{namespace}_payloads")
        self.locks = Bucket(f"{namespace}_locks")
        self.prefix = f"{namespace}."
        self.timer_due_prefix = f"{namespace}.timer.due."

    def command_subjects(self, kinds: tuple[str, ...] = COMMAND_KINDS) -> list[str]:
        """Commands of these kinds; the commands stream stores all of them."""
        return [f"{self.namespace}.{kind}.>" for kind in kinds]

    @property
    def step_subjects(self) -> list[str]:
        """What the steps stream stores."""
        return [f"{self.namespace}.step.>", f"{self.namespace}.timer.>"]

    @property
    def event_subjects(self) -> list[str]:
        """What the events stream stores."""
        return [f"{self.namespace}.event.>"]

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
        return self.prefix + _checked(DOTTED_NAME, subject, "a command's subject")

    def step(self, address: StepAddress) -> str:
        """Where a step message goes."""
        _checked(TOKEN, address.queue, "a queue (one token)")
        _checked(RUN_ID, address.run, "a run id (one token)")
        step = _dotted(address.step, "a step id")
        return f"{self.namespace}.step.{address.queue}.{address.priority}.{address.run}.{step}"

    def step_schedule(self, run: str, step: str) -> str:
        """Where a delayed step message waits; one per step."""
        _checked(RUN_ID, run, "a run id (one token)")
        return f"{self.namespace}.timer.at.step.{run}.{_dotted(step, 'a step id')}"

    def steps_of(self, run: str) -> tuple[str, str]:
        """All step messages of a run, and all that are delayed."""
        _checked(RUN_ID, run, "a run id (one token)")
        return f"{self.namespace}.step.*.*.{run}.>", f"{self.namespace}.timer.at.step.{run}.>"

    @property
    def all_steps(self) -> tuple[tuple[str, int], ...]:
        """All step messages, all that are delayed, and how many tokens stand before the run."""
        return (f"{self.namespace}.step.>", 4), (f"{self.namespace}.timer.at.step.>", 4)

    def lane(self, queue: str, priority: Priority) -> str:
        """One priority of a queue."""
        return f"{self.namespace}.step.{_checked(TOKEN, queue, 'a queue')}.{priority}.>"

    def lane_consumer(self, queue: str, priority: Priority) -> str:
        """The durable consumer of one priority of a queue."""
        return f"step-{_checked(TOKEN, queue, 'a queue')}-{priority}"

    def queue_of(self, consumer: str) -> str | None:
        """The queue of which a durable consumer is a lane; None for any other consumer."""
        head, _, priority = consumer.rpartition("-")
        return head.removeprefix("step-") if head.startswith("step-") and priority else None

    def timer_schedule(self, run: str, name: str) -> str:
        """Where a timer waits."""
        if step := step_of_timer(name):
            return self.step_schedule(run, step)
        _checked(RUN_ID, run, "a run id (one token)")
        return f"{self.namespace}.timer.at.run.{run}.{_dotted(name, 'the name of a timer')}"

    def timer_frames(self, name: str) -> tuple[tuple[str, str], ...]:
        """What stands before and after the run in the subjects of all timers of that name."""
        after = f".{_dotted(name, 'the name of a timer')}"
        return (f"{self.namespace}.timer.at.run.", after), (self.timer_due_prefix, after)

    def timer_due(self, run: str, name: str) -> str:
        """Where a timer fires."""
        _checked(RUN_ID, run, "a run id (one token)")
        return f"{self.timer_due_prefix}{run}.{_dotted(name, 'the name of a timer')}"

    def event(self, partition: int, run: str, sender: str, event_type: str) -> str:
        """Where an event is stored."""
        _checked(HISTORY, run, "a run id (one token)")
        _checked(TOKEN, sender, "a sender (one token)")
        name = _checked(DOTTED_NAME, event_type, "an event type")
        return f"{self.namespace}.event.{partition}.{run}.{sender}.{name}"

    def sender_and_type(self, subject: str) -> tuple[str, str]:
        """The same, the other way round."""
        _, sender, event_type = subject.removeprefix(f"{self.namespace}.event.").split(".", 3)[1:]
        return sender, event_type

    def events_of(self, partition: int, run: str) -> str:
        """The history of a run, or of a schedule."""
        _checked(HISTORY, run, "a run id (one token)")
        return event_subject(self.namespace, partition, run, "*", ">")

    def milestones_of(self, partition: int, run: str) -> str:
        """A run's events that are about the run and not about a step: few, and its end the last."""
        _checked(RUN_ID, run, "a run id (one token)")
        return event_subject(self.namespace, partition, run, COORDINATOR, "workflow.*")

    def facts(self, partition: int) -> list[str]:
        """What the scheduler of a partition is handed, of all senders."""
        return [event_subject(self.namespace, partition, "*", "*", fact) for fact in FACT_TYPES]

    def scheduler_consumer(self, partition: int) -> str:
        """The durable consumer of a partition."""
        return f"scheduler-{partition}"

    def lease_free(self, key: str) -> str:
        """Where it is announced that a lease was given up."""
        return f"{self.namespace}.lease.free.{_dotted(key, 'a key')}"

    timers_consumer = "timers"
