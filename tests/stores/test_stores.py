"""The stores of a backend are shared by everything that a process runs on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from prometheus_client import CollectorRegistry

from flowworker import wiring
from flowworker.client import Client
from flowworker.compat.opening import existing
from flowworker.compat.state import StateStore
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.handlers import App
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.backends import memory


class Counted:
    """Records whose reads are counted, by the first token of the key."""

    def __init__(self, inner):
        self._inner = inner
        self.reads: Counter[str] = Counter()

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def read(self, key):
        self.reads[key.partition(".")[0]] += 1
        return await self._inner.read(key)


async def test_a_definition_is_read_once_for_client_coordinator_and_state_store():
    app = App()
    app.step("works")(lambda ctx: {"done": True})
    async with memory() as backend:
        definitions = Counted(backend.definitions)
        await stores_of(backend).definitions.register(Workflow("one", (Step("a", "works"),)))

        # Given all parts of a process on the same stores
        stores = stores_of(replace(backend, definitions=definitions))
        metrics = Metrics(CollectorRegistry())
        client, store = Client(stores), StateStore(existing(stores))
        coordinator = wiring.make_coordinator(stores, metrics)
        worker = wiring.make_worker(stores, app, metrics)
        await coordinator.start()
        await worker.start()

        # When a run is started, driven, and looked at in both ways
        result = await client.run("one")
        view = await client.status(result.id)
        states = await store.get_state(result.id)

        # Then they agree, and the definition was read and compiled once
        assert view.status is RunStatus.COMPLETED
        assert states == {"": "COMPLETED", "a": "COMPLETED"}
        assert definitions.reads["def"] == 1
        client.close()
        await worker.drain()
        await coordinator.stop()
