"""The streams of a share of all runs, and their subjects.

    stream <NS>_STEPS       ns.step.<queue>.<priority>.<run>.<step>
                            ns.timer.at.step.<run>.<step>   schedule of a delayed step message, or
                                                            of the timer of a step that waits
                            ns.timer.at.run.<run>.<name>    schedule of a timer
                            ns.timer.due.<run>.<name>       a timer that fired
    stream <NS>_EVENTS      ns.event.<partition>.<run>.<sender>.<type>, of its partitions
    stream KV_<ns>_runs     $KV.<ns>_runs.<key>

The streams of the second shard have `_1` behind their names, as have its bucket and the first two
kinds of subjects (`ns.step_1.…`), and so on. A partition belongs to one shard, with all that is of
its runs: of one run everything has one order, and of two nothing depends on theirs. What is of no
run is in the first.
"""

from __future__ import annotations

__all__ = ["ALONE", "Bucket", "Shard", "Spread"]

import re
from typing import TYPE_CHECKING, NamedTuple

from flowworker.codec.keys import step_of_timer
from flowworker.core.ids import RUN_ID, TOKEN, partition_of
from flowworker.errors import InvalidInput
from flowworker.jetstream.tokens import checked, dotted

if TYPE_CHECKING:
    from flowworker.core.status import Priority
    from flowworker.ports import StepAddress

_PATTERN = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\.(?:[A-Za-z0-9_/-]+|\*))*(?:\.>)?|>")


class Spread(NamedTuple):
    """Over how many partitions runs are spread, and those over how many shards."""

    partitions: int
    shards: int = 1

    def shard_with(self, partition: int) -> int:
        """The number of the shard that has a partition."""
        return partition % self.shards

    def shard_of(self, run: str) -> int:
        """The number of the shard that has everything of a run."""
        return self.shard_with(partition_of(run, self.partitions)) if self.shards > 1 else 0


ALONE = Spread(1)
"""One shard, whatever the partitions."""


class Bucket:
    """A key-value bucket, laid out as NATS' own tools expect."""

    def __init__(self, name: str) -> None:
        """A bucket of that name, in a stream of its own."""
        self.name = name
        self.stream = f"KV_{name}"
        self.prefix = f"$KV.{name}."

    def subject(self, key: str) -> str:
        """Subject of a key."""
        return self.prefix + dotted(key, "a key")

    def filter(self, pattern: str) -> str:
        """Subject filter of a pattern of keys."""
        if _PATTERN.fullmatch(pattern) is None:
            raise InvalidInput(
                f"a pattern of keys must be tokens, '*' and a final '>', found {pattern!r}"
            )
        return self.prefix + pattern


class Shard:
    """One of the shards of a namespace.

    Attributes:
        steps, events: names of its streams.
        runs: its bucket of records.
        step_subjects, event_subjects: what these streams store.
        step_prefix, timer_due_prefix: of the subjects of step messages, and of timers that fired.
    """

    def __init__(self, namespace: str, number: int, spread: Spread) -> None:
        """The shard of that number; the namespace is a token."""
        behind, upper = f"_{number}" if number else "", namespace.upper()
        self.steps = f"{upper}_STEPS{behind}"
        self.events = f"{upper}_EVENTS{behind}"
        self.runs = Bucket(f"{namespace}_runs{behind}")
        self.step_prefix = f"{namespace}.step{behind}."
        self._timer = f"{namespace}.timer{behind}."
        self.timer_due_prefix = f"{self._timer}due."
        self.step_subjects = [f"{self.step_prefix}>", f"{self._timer}>"]
        mine = (one for one in range(spread.partitions) if spread.shard_with(one) == number)
        tokens = [f"{partition}." for partition in mine] if spread.shards > 1 else [""]
        self.event_subjects = [f"{namespace}.event.{token}>" for token in tokens]

    def step(self, address: StepAddress) -> str:
        """Where a step message goes."""
        checked(TOKEN, address.queue, "a queue (one token)")
        checked(RUN_ID, address.run, "a run id (one token)")
        step = dotted(address.step, "a step id")
        return f"{self.step_prefix}{address.queue}.{address.priority}.{address.run}.{step}"

    def step_schedule(self, run: str, step: str) -> str:
        """Where a delayed step message waits; one per step."""
        checked(RUN_ID, run, "a run id (one token)")
        return f"{self._timer}at.step.{run}.{dotted(step, 'a step id')}"

    def steps_of(self, run: str) -> tuple[str, str]:
        """All step messages of a run, and all that are delayed."""
        checked(RUN_ID, run, "a run id (one token)")
        return f"{self.step_prefix}*.*.{run}.>", f"{self._timer}at.step.{run}.>"

    @property
    def all_steps(self) -> tuple[tuple[str, int], ...]:
        """All step messages, all that are delayed, and how many tokens stand before the run."""
        return (f"{self.step_prefix}>", 4), (f"{self._timer}at.step.>", 4)

    def queue(self, queue: str) -> str:
        """All step messages of a queue."""
        return f"{self.step_prefix}{checked(TOKEN, queue, 'a queue')}.>"

    def lane(self, queue: str, priority: Priority) -> str:
        """One priority of a queue."""
        return f"{self.step_prefix}{checked(TOKEN, queue, 'a queue')}.{priority}.>"

    def timer_schedule(self, run: str, name: str) -> str:
        """Where a timer waits."""
        if step := step_of_timer(name):
            return self.step_schedule(run, step)
        checked(RUN_ID, run, "a run id (one token)")
        return f"{self._timer}at.run.{run}.{dotted(name, 'the name of a timer')}"

    def timer_frames(self, name: str) -> tuple[tuple[str, str], ...]:
        """What stands before and after the run in the subjects of all timers of that name."""
        after = f".{dotted(name, 'the name of a timer')}"
        return (f"{self._timer}at.run.", after), (self.timer_due_prefix, after)

    def timer_due(self, run: str, name: str) -> str:
        """Where a timer fires."""
        checked(RUN_ID, run, "a run id (one token)")
        return f"{self.timer_due_prefix}{run}.{dotted(name, 'the name of a timer')}"
