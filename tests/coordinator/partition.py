"""Both ends of a scheduler: the log that it consumes, and the runs that it drives."""

from __future__ import annotations

from typing import Any

import msgspec

from flowworker.coordinator.live import LiveRun
from flowworker.core.event_types import EventType
from flowworker.core.ids import COORDINATOR
from flowworker.core.model import Step, Workflow
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.state import initial
from flowworker.core.status import RunStatus
from flowworker.definitions.content import plan_of

PLAN = plan_of(Workflow("two", (Step("a", "any"), Step("b", "any", depends_on=("a",)))))
RUN = "r1"


def in_memory(generation=0, status=RunStatus.RUNNING):
    record = RunRecord(RUN, "two", PLAN.hash, status, EMPTY, 0.0)
    return LiveRun(PLAN, initial(PLAN, record, 1), generation, 0.0)


class Held:
    """Runs in memory that write down what they are asked for, and do what a test wants.

    Attributes:
        viewed: the run that an event is about.
        rebuilt: the same run from its records.
        views: generation and redelivery of each event that was looked up.
        changes: whether facts change anything, one after the other.
        errors: raised instead of answering, one after the other.
    """

    def __init__(self):
        self.generation = 0
        self.asked: list[Any] = []
        self.views: list[tuple[int, bool]] = []
        self.viewed: LiveRun | None = in_memory()
        self.rebuilt: LiveRun | None = in_memory()
        self.changes: list[bool] = []
        self.errors: list[BaseException] = []
        self._held: LiveRun | None = None

    def hold(self, live):
        """A run that was in memory before."""
        self._held = self.viewed = live

    def get(self, run):
        return self._held

    def delayed(self):
        return []

    def _did(self, *what):
        self.asked.append(what[0] if len(what) == 1 else what)
        if self.errors:
            raise self.errors.pop(0)

    async def view(self, run, event, *, generation, redelivered):
        self.views.append((generation, redelivered))
        if self._held is not self.viewed and self.errors:
            raise self.errors.pop(0)
        self._held = self.viewed
        return self.viewed

    async def rebuild(self, run, *, cause=None, abandoned=False):
        self._did("rebuild")
        self._held = self.viewed = self.rebuilt
        return self.rebuilt

    async def follow(self, live, fact, pass_on=None):
        assert live is not None
        self._did("follow", fact)
        return self.changes.pop(0) if self.changes else True

    def forget(self, live):
        self.asked.append("forget")
        self._held = None


class Partition:
    """The log of one partition, which a test delivers from."""

    def __init__(self):
        self.grants: list[int] = []
        self.deliver: Any = None
        self.stopped = False

    async def consume(self, partition, on_delivery):
        self.deliver = on_delivery
        return self

    def grant(self, credit):
        self.grants.append(credit)

    async def stop(self):
        self.stopped = True


def _type(data):
    try:
        return msgspec.json.decode(data)["type"]
    except msgspec.MsgspecError:
        return EventType.STARTED


class Message:
    """A delivery that remembers what was answered: "ack", or seconds until it comes again."""

    def __init__(self, data, order, delivered=1, run=RUN, sender=COORDINATOR, named=""):
        self.subject = f"event.0.{run}.{sender}.{named or _type(data)}"
        self.data = data
        self.order = order
        self.delivered, self.time = delivered, 0.0
        self.answers: list[Any] = []

    async def ack(self):
        self.answers.append("ack")

    async def nak(self, delay=0.0):
        self.answers.append(delay)
