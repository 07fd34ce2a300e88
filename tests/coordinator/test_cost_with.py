"""What a step with `with` costs does not depend on how many came before it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App
from flowworker.client import Client
from flowworker.clock import SystemClock
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.worker.worker import Worker
from tests.coordinator.support import coordinated
from tests.coordinator.test_cost import PORTS, QUIET
from tests.support.backends import memory
from tests.support.faults import Flaky
from tests.support.waiting import WAIT_LIMIT

OUTPUT = {"text": "x" * 500, "n": 1}


def chain(steps: int) -> Workflow:
    """Each step is given a part of what the one before it put out."""
    ids = [f"s{number:04}" for number in range(steps)]
    return Workflow(
        "chain",
        (
            Step(ids[0], "put", with_={"text": "${input.text}"}),
            *(
                Step(id_, "put", (before,), with_={"text": f"${{steps.{before}.output.text}}"})
                for before, id_ in pairwise(ids)
            ),
        ),
        output={"last": f"${{steps.{ids[-1]}.output.n}}"},
    )


class Costs:
    """Of one run: calls by port and method, and bytes of each step message."""

    def __init__(self, steps: int, counted: dict[str, Any]) -> None:
        self.messages = [len(args[1]) for name, args in counted["steps"].calls if name == "enqueue"]
        calls = Counter((port, name) for port in PORTS for name, _ in counted[port].calls)
        self.per_step = {call: number / steps for call, number in calls.items()}


async def costs_of(steps: int) -> Costs:
    app = App()

    @app.step("put")
    async def put(ctx, text: str):
        assert ctx.input == {"text": "x" * 500}
        return OUTPUT

    async with memory(partitions=1) as inner:
        counted: dict[str, Any] = {name: Flaky(getattr(inner, name)) for name in PORTS}
        backend = replace(inner, **counted)
        client = Client(stores_of(backend, QUIET))
        await client.register(chain(steps))
        coordinator = await coordinated(backend, sweep=QUIET.sweep, lease=QUIET.lease)
        metrics = Metrics(CollectorRegistry())
        worker = Worker(stores_of(backend, QUIET), app, SystemClock(), metrics=metrics)
        await worker.start()
        for port in counted.values():
            port.calls.clear()
        result = await client.run("chain", {"text": OUTPUT["text"]}, timeout=WAIT_LIMIT)
        await worker.drain()
        await coordinator.stop()
        client.close()
    assert (result.status, result.output) == (RunStatus.COMPLETED, {"last": 1}), result
    return Costs(steps, counted)


@pytest.mark.slow
@pytest.mark.usefixtures("uncovered")
async def test_a_chain_of_a_thousand_costs_per_step_what_one_of_ten_does():
    small, large = await costs_of(10), await costs_of(1_000)

    assert len(large.messages) == 1_000
    assert max(large.messages) == max(small.messages) < 1_200
    assert large.per_step["steps", "enqueue"] == small.per_step["steps", "enqueue"] == 1.0
    assert sum(large.per_step.values()) <= sum(small.per_step.values())
    assert not any(port == "payloads" for port, _ in large.per_step)
