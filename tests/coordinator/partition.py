"""Both ends of a scheduler: the log that it consumes, and the runs that it drives."""

from __future__ import annotations

from typing import Any

from flowworker.coordinator.active import Active
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
    return Active(PLAN, initial(PLAN, record, 1), generation, 0.0)


class Held:
    """Runs in memory that write down what they are asked for, and do what a test wants.

    Attributes:
        active: the one that is held.
        begun, loaded: what it is made of an event, or of its records.
        changes: whether facts change anything, one after the other.
        errors: raised instead of answering, one after the other.
    """

    def __init__(self):
        self.asked: list[Any] = []
        self.active: Active | None = None
        self.begun: Active | None = in_memory()
        self.loaded: Active | None = in_memory()
        self.changes: list[bool] = []
        self.errors: list[BaseException] = []

    def get(self, run):
        return self.active

    def delayed(self):
        return []

    def _did(self, *what):
        self.asked.append(what[0] if len(what) == 1 else what)
        if self.errors:
            raise self.errors.pop(0)

    async def begin(self, event, generation):
        self._did("begin")
        return self.begun

    async def load(self, run, generation, *, cause=None, abandoned=False):
        self._did("load")
        self.active = self.loaded
        return self.active

    async def follow(self, active, fact, pass_on=None):
        assert active is not None
        self._did("follow", fact)
        return self.changes.pop(0) if self.changes else True

    def forget(self, active):
        self.asked.append("forget")
        self.active = None


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


class Message:
    """A delivery that remembers what was answered: "ack", or seconds until it comes again."""

    def __init__(self, data, order, delivered=1, run=RUN):
        self.subject = f"event.0.{run}.workflow.some"
        self.data = data
        self.order = order
        self.delivered = delivered
        self.answers: list[Any] = []

    async def ack(self):
        self.answers.append("ack")

    async def nak(self, delay=0.0):
        self.answers.append(delay)
