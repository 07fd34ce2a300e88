"""A server that is started anew when a test says so, and who looks at its runs after that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.core.status import RunStatus
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from tests.support.listing import entry
from tests.support.tails import Unflushed

TAIL = 60.0

UNFINISHED = ["a", "b", "c", "d"]
ALL = [*UNFINISHED, "e"]


class Clock:
    """Notes for how long somebody slept."""

    def __init__(self):
        self.slept = []
        self.at = 0.0

    def monotonic(self):
        return self.at

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Partition:
    """A scheduler: notes what was rebuilt; `silent` says how often the server does not answer."""

    def __init__(self):
        self.rebuilt = []
        self.silent = 0
        self.stopped = False
        self.active = SimpleNamespace(newness=self)
        self.believed = []

    def believe(self, revision, incarnation):
        self.believed.append((revision, incarnation))

    async def recover(self, run):
        if self.silent:
            self.silent -= 1
            return False
        self.rebuilt.append(run)
        return True


class Server:
    """One that is started anew when a test says so, and a coordinator at it."""

    def __init__(self, backend):
        self.server = Unflushed(backend, TAIL)
        self.restored = []
        self.failures = []
        self.clock = Clock()
        self.partition = Partition()
        self.backend = self.server.backend
        self.aftermath = self.coordinator()

    def coordinator(self, adopts=None, stores: Any = None) -> Any:
        clock: Any = self.clock
        return Aftermath(stores or stores_of(self.backend), self._restore, adopts, clock)

    async def _restore(self):
        if self.failures:
            raise self.failures.pop()
        self.restored.append(self.server.incarnation)

    async def look(self, aftermath=None, partitions=0):
        """What is rebuilt then."""
        before = len(self.partition.rebuilt)
        ours = range(partitions or self.backend.events.partitions)
        await (aftermath or self.aftermath).look(dict.fromkeys(ours, self.partition))
        return sorted(self.partition.rebuilt[before:])


async def with_runs(backend):
    """That server, with all of these."""
    runs = RunStore(backend.runs)
    for run, status in (
        ("a", RunStatus.RUNNING),
        ("b", RunStatus.PENDING),
        ("c", RunStatus.WAITING_HUMAN),
        ("d", RunStatus.COMPENSATING),
        ("e", RunStatus.COMPLETED),
    ):
        await runs.index(entry(status, "w", run))
    return Server(backend)
