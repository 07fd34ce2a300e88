"""What a coordinator and a worker count while runs go every way that they can go."""

from __future__ import annotations

import sys

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, NonRetryableError
from flowworker.client import Client
from flowworker.clock import SystemClock
from flowworker.core.model import Step, Workflow
from flowworker.definitions import parse_all
from flowworker.settings import Settings
from flowworker.stores.measured import measured
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.wiring import make_coordinator
from flowworker.worker.worker import Worker
from tests.support.backends import memory
from tests.support.waiting import WAIT_LIMIT, eventually

LONG = 50
"""Steps of the longest workflow."""

SETTINGS = Settings(sweep=0.05, concurrency=7)

WORKFLOWS = """
name: plain
steps: [{id: a, uses: echo}]
---
name: again
steps:
  - id: a
    uses: fails
    retry: {max_attempts: 3, backoff: constant, interval: 1ms}
    fallback: {uses: echo}
---
name: undone
steps:
  - {id: a, uses: echo, saga: {uses: fails.for_good, is_critical: true}}
  - {id: b, uses: fails.for_good, depends_on: [a]}
---
name: asks
steps: [{id: a, uses: fails.for_good, escalation: {strategy: wait_human}}]
"""


class Counted:
    """A fleet in memory, and what it has counted."""

    def __init__(self, client, registry):
        self.client = client
        self.registry = registry

    def of(self, name, **labels):
        return self.registry.get_sample_value(f"flowworker_{name}", labels)


@pytest.fixture
async def counted():
    app, registry = App(), CollectorRegistry()
    metrics = Metrics(registry)

    @app.step("echo")
    async def echo(ctx):
        return {"text": ctx.input.get("text", "")}

    @app.step("fails")
    async def fails(ctx):
        raise RuntimeError("no")

    @app.step("fails.for_good")
    async def fails_for_good(ctx):
        raise NonRetryableError("never")

    async with memory(partitions=4) as backend:
        stores = stores_of(measured(backend, metrics), SETTINGS)
        client = Client(stores)
        chain = tuple(Step(f"s{n}", "echo", (f"s{n - 1}",) if n else ()) for n in range(LONG))
        for workflow in (*parse_all(WORKFLOWS), Workflow("long", chain)):
            await client.register(workflow)
        coordinator = make_coordinator(stores, metrics)
        await coordinator.start()
        worker = Worker(stores, app, SystemClock(), metrics=metrics)
        await worker.start()
        yield Counted(client, registry)
        await worker.drain()
        await coordinator.stop()
        client.close()


async def test_a_run_is_counted_with_its_steps_and_how_long_they_took(counted):
    await counted.client.run("plain", {"text": "x" * 10_000}, timeout=WAIT_LIMIT)

    assert counted.of("runs_started_total", workflow="plain") == 1
    assert counted.of("runs_finished_total", workflow="plain", status="COMPLETED") == 1
    assert counted.of("run_seconds_count", workflow="plain") == 1
    assert counted.of("attempts_total", handler="echo", outcome="completed") == 1
    for name in ("handler_seconds_count", "step_seconds_count", "schedule_to_start_seconds_count"):
        label = {"handler": "echo"} if name.startswith("handler") else {"queue": "default"}
        label = {"workflow": "plain"} if name.startswith("step") else label
        assert counted.of(name, **label) == 1, name
    # The input is stored once; the output as well. Only the worker reads the input
    assert counted.of("payload_bytes_total", direction="stored") > 20_000
    assert counted.of("payload_bytes_total", direction="loaded") > 10_000
    assert counted.of("slots") == 7
    assert counted.of("partitions") == counted.of("partitions_owned") == 4
    assert counted.of("partitions_taken_total") == 4


async def test_what_a_step_costs_in_metrics(counted):
    """Calls of functions: 33 a step, and more the longer the run takes, as some count by time."""
    await counted.client.run("long", timeout=WAIT_LIMIT)
    calls = 0

    def note(frame, event, _):
        nonlocal calls
        calls += event == "call" and "prometheus_client" in frame.f_code.co_filename

    sys.setprofile(note)
    try:
        await counted.client.run("long", timeout=WAIT_LIMIT)
    finally:
        sys.setprofile(None)

    assert calls / LONG <= 48


async def test_what_failures_lead_to_is_counted(counted):
    await counted.client.run("again", timeout=WAIT_LIMIT)
    await counted.client.run("undone", timeout=WAIT_LIMIT)

    assert counted.of("retries_total", workflow="again") == 2
    assert counted.of("fallbacks_total", workflow="again") == 1
    assert counted.of("attempts_total", handler="fails", outcome="failed") == 3
    assert counted.of("sagas_total", workflow="undone") == 1
    assert counted.of("failed_compensations_total", workflow="undone") == 1
    assert counted.of("runs_needing_attention_total", workflow="undone") == 1
    assert counted.of("runs_finished_total", workflow="undone", status="FAILED") == 1
    assert counted.of("runs_needing_attention_total", workflow="again") is None


async def test_what_waits_for_humans_is_counted_by_each_sweep(counted):
    run = await counted.client.start("asks")

    await eventually(lambda: counted.of("runs_unfinished", status="WAITING_HUMAN") == 1)
    assert counted.of("humans_asked_total", workflow="asks") == 1

    await counted.client.cancel(run)
    await eventually(lambda: counted.of("runs_unfinished", status="WAITING_HUMAN") == 0)
