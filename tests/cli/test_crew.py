"""The workers of `dev`, without processes: who takes whose place."""

from __future__ import annotations

import asyncio

from flowworker.cli import crew
from flowworker.cli.options import Target


class Process:
    """A process that can be asked to end."""

    def terminate(self):
        pass

    kill = terminate


class Dead:
    """A worker that ends as soon as it works."""

    exit_code = 1

    def __init__(self, *_):
        self.process = Process()

    async def load(self):
        return crew.Loaded(frozenset(), ())

    async def work(self, queues):
        pass

    async def ended(self):
        pass


async def test_nobody_takes_the_place_of_a_worker_once_all_are_to_end(monkeypatch):
    # Given a worker that dies, and a drain that begins before another one has its place
    made, drains = [], []

    def make(*_):
        made.append(Dead())
        return made[-1]

    monkeypatch.setattr(crew, "_Worker", make)
    monkeypatch.setattr(crew, "_PAUSE", 0.01)
    workers = crew.Crew(Target(), ("app",), 1)
    monkeypatch.setattr(
        crew, "say", lambda _: drains.append(asyncio.ensure_future(workers.drain()))
    )

    await workers.work(("default",))
    await asyncio.gather(*drains)

    assert len(made) == len(drains) == 1
