"""A namespace with a workflow whose third step fails as long as it is asked to."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from flowworker import App, RunStatus, Settings, StepContext, parse, wiring
from flowworker.client import Client
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics

SETTINGS = Settings(payload_limit=100_000)

FLOW = """
name: order
input_schema: {type: object, properties: {n: {type: integer}}}
steps:
  - {id: a, uses: counts}
  - {id: b, uses: large, depends_on: [a]}
  - {id: c, uses: breaks, depends_on: [b]}
  - {id: d, uses: sees, depends_on: [c]}
"""


class World:
    """A namespace with a worker, whose handlers count their calls by run and step."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.settings = settings
        self.calls: Counter[tuple[str, str]] = Counter()
        self.broken = True
        self.client = Client(stores_of(backend, settings))

    def app(self) -> App:
        app = App()

        @app.step("counts")
        async def counts(ctx: StepContext) -> dict[str, int]:
            self.calls[ctx.run_id, ctx.step_id] += 1
            return {"n": ctx.input.get("n", 0) + 1}

        @app.step("large")
        async def large(ctx: StepContext) -> dict[str, str]:
            self.calls[ctx.run_id, ctx.step_id] += 1
            return {"text": "x" * 20_000}

        @app.step("breaks")
        async def breaks(ctx: StepContext) -> None:
            self.calls[ctx.run_id, ctx.step_id] += 1
            if self.broken:
                raise ValueError("broken")

        @app.step("sees")
        async def sees(ctx: StepContext) -> dict[str, object]:
            self.calls[ctx.run_id, ctx.step_id] += 1
            return {"n": ctx.input.get("n"), "a": ctx.input["a"]["n"], "b": len(ctx.input["text"])}

        return app

    async def fails(self, run: str = "r1", **given: object) -> str:
        """A run whose step `c` fails; it would not any more."""
        assert (await self.client.run("order", given, run_id=run)).status is RunStatus.FAILED
        self.broken = False
        return run

    def called(self, run: str) -> str:
        """The steps whose handlers were called, in alphabetical order."""
        return "".join(
            sorted(step * count for (at, step), count in self.calls.items() if at == run)
        )


@asynccontextmanager
async def world(backend: Backend, settings: Settings = SETTINGS) -> AsyncIterator[World]:
    made = World(backend, settings)
    await made.client.register(parse(FLOW))
    worker = wiring.make_worker(
        stores_of(backend, settings), made.app(), Metrics(CollectorRegistry())
    )
    await worker.start()
    yield made
    await worker.drain()
    made.client.close()
