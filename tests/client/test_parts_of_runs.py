"""One step of a large run, of which a part is read: it is seen as if all of the run had been."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from flowworker import App, StepContext, parse, wiring
from flowworker.client import Client, looking
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually

RUNS = {
    "succeeds": """
steps:
- {id: a, uses: say, with: {n: 1}}
- {id: b, uses: say, depends_on: [a], with: {n: "${steps.a.output.said}"}}
- {id: c, uses: say, depends_on: [a, b]}
- {id: other, uses: say}
""",
    "fails and is undone": """
steps:
- {id: a, uses: say, saga: say}
- {id: b, uses: say, depends_on: [a], saga: refuse}
- {id: c, uses: refuse, depends_on: [b], retry: {max_attempts: 2, interval: 1ms}}
- {id: d, uses: say, depends_on: [c]}
- {id: other, uses: say, saga: say}
""",
    "goes on": """
steps:
- {id: a, uses: refuse, continue_on_error: true, fallback: refuse}
- {id: b, uses: say, depends_on: [a], trigger_rule: all_done}
- {id: c, uses: say, depends_on: [a]}
- {id: d, uses: say, when: "false"}
- {id: e, uses: say, depends_on: [d]}
- {id: f, uses: refuse, fallback: say}
""",
    "loops": """
steps:
- {id: a, uses: say}
- {id: each, uses: say, depends_on: [a], for_each: {items: [1, 2, 3], as: n}}
- {id: b, uses: say, depends_on: [each]}
- {id: odd, uses: even, for_each: {items: [2, 4, 5, 6], as: n, max_parallel: 1}}
""",
    "asks": """
steps:
- {id: a, uses: say}
- {id: sure, approval: {prompt: Sure?}, depends_on: [a]}
- {id: b, uses: say, depends_on: [sure]}
- {id: paid, wait_for: {signal: paid}}
- {id: human, uses: refuse, escalation: {strategy: wait_human}}
""",
    "ends": """
steps:
- {id: a, uses: say}
- {id: b, uses: say, depends_on: [a], repeat: {until: iterations == 2}}
finally:
- {id: last, uses: say}
""",
}

app = App()


@app.step("say")
async def say(ctx: StepContext) -> dict:
    return {"said": ctx.input.get("n", 0)}


@app.step("even")
async def even(ctx: StepContext, n: int) -> None:
    if n % 2:
        raise ValueError("it is odd")


@app.step("refuse")
async def refuse(ctx: StepContext) -> None:
    raise ValueError("no")


@pytest_asyncio.fixture
async def fleet(client: Client, backend: Backend, coordinator: None) -> AsyncIterator[Client]:
    made = wiring.make_worker(stores_of(backend), app, Metrics(CollectorRegistry()))
    await made.start()
    yield client
    await made.drain()


@pytest.mark.parametrize("name", RUNS)
async def test_a_step_is_seen_as_in_the_whole(fleet, backend, monkeypatch, name):
    await fleet.register(parse(f"name: w\n{RUNS[name]}"))
    run = await fleet.start("w")

    async def rests() -> bool:
        view = await fleet.status(run)
        return view.finished_at > 0 or {*view.waiting} == {"sure", "human"}

    await eventually(rests)
    view = await fleet.status(run)
    instances = [f"{one}[{n}]" for one, n in (("each", 0), ("each", 2), ("odd", 1), ("odd", 2))]
    steps = [one.id for one in view.steps] + (instances if name == "loops" else [])

    monkeypatch.setattr(looking, "_BEFORE", -1)
    whole = [await fleet.step(run, step) for step in steps]
    monkeypatch.setattr(looking, "_BEFORE", 500)
    monkeypatch.setattr(looking, "LARGE", 0)
    parts = [await fleet.step(run, step) for step in steps]

    assert parts == whole


async def test_of_a_large_run_only_what_stands_before_a_step_is_read(fleet, backend, monkeypatch):
    monkeypatch.setattr(looking, "LARGE", 3)
    await fleet.register(parse(f"name: w\n{RUNS['succeeds']}"))
    run = await fleet.start("w")
    await fleet.result(run, timeout=WAIT_LIMIT)
    read: list[str] = []
    client = Client(stores_of(replace(backend, runs=_Noted(backend.runs, read), events=None)))

    seen = await client.step(run, "b")

    assert seen.input is not None
    assert seen.input.value == {"n": 1}
    assert sorted(set(read)) == [f"run.{run}", f"step.default.{run}.a", f"step.default.{run}.b"]


class _Noted:
    """Records that note which of them were read."""

    def __init__(self, records, read):
        self._records = records
        self._read = read

    async def read(self, key):
        self._read.append(key)
        return await self._records.read(key)
