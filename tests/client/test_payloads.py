"""Everything that a run was given and has put out can be seen, whatever its size and its place."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from flowworker import App, parse, wiring
from flowworker.client import Client
from flowworker.core.status import RunStatus, StepStatus
from flowworker.errors import InvalidInput, PayloadKeyMissing, RunNotFound
from flowworker.ports import Backend
from flowworker.settings import Settings
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT

app = App()
LARGE = 100_000


@app.step("echo")
async def echo(ctx):
    return ctx.input


@app.step("grow")
async def grow(ctx):
    return {"text": "x" * LARGE}


@app.step("flaky")
async def flaky(ctx):
    if ctx.attempt < 3:
        raise ConnectionError(f"away {ctx.attempt}")
    return {"tries": ctx.attempt}


@app.step("refuse")
def refuse(ctx):
    raise ValueError("no")


@app.step("count")
async def count(ctx):
    return {"n": ctx.iteration}


@app.step("undo")
async def undo(ctx):
    return None


PLAIN = parse("""
name: plain
output: {said: "${steps.said.output.word}"}
steps:
  - {id: merged, uses: echo}
  - {id: large, uses: grow}
  - {id: said, uses: echo, with: {word: "${input.word}!", of: "${steps.merged.output.word}"},
     depends_on: [merged, large]}
  - {id: all, uses: echo, depends_on: [said]}
""")
POLICIES = parse("""
name: policies
steps:
  - {id: flaky, uses: flaky, retry: {max_attempts: 3, interval: 10ms}, saga: {uses: undo, with: {of: "${steps.flaky.output.tries}"}}}
  - {id: other, uses: refuse, fallback: {uses: echo, with: {instead: 1}}, depends_on: [flaky]}
  - {id: poll, uses: count, repeat: {until: iterations == 3, interval: 10ms}, depends_on: [other]}
  - {id: each, uses: echo, for_each: {items: "['a', 'b']"}, with: {item: "${item}"}, depends_on: [poll]}
  - {id: group, with: {word: "${steps.poll.output.n}"}, steps: [{id: inner, uses: echo, with: {got: "${input.word}"}}], depends_on: [each]}
  - {id: nap, sleep: 10ms, depends_on: [group]}
  - {id: last, uses: refuse, depends_on: [nap]}
""")  # noqa: E501


@asynccontextmanager
async def working(backend: Backend, settings: Settings | None = None) -> AsyncIterator[Client]:
    stores = stores_of(backend, settings)
    coordinator = wiring.make_coordinator(stores, Metrics(CollectorRegistry()))
    worker = wiring.make_worker(stores, app, Metrics(CollectorRegistry()))
    client = Client(stores)
    for workflow in (PLAIN, POLICIES):
        await client.register(workflow)
    await coordinator.start()
    await worker.start()
    yield client
    await worker.drain()
    await coordinator.stop()
    client.close()


@dataclass
class Ended:
    """A client, and runs that have ended."""

    client: Client
    plain: str
    policies: str

    async def value(self, run: str, step: str = "") -> object:
        return json.loads(await self.client.input_of(run, step))

    async def put_out(self, run: str, step: str, iteration: int = 0) -> object:
        return json.loads(await self.client.output_of(run, step, iteration=iteration))


@pytest_asyncio.fixture
async def ended(backend: Backend) -> AsyncIterator[Ended]:
    async with working(backend) as client:
        plain = await client.run("plain", {"word": "hi"}, timeout=WAIT_LIMIT)
        policies = await client.run("policies", timeout=WAIT_LIMIT)
        assert (plain.status, policies.status) == (RunStatus.COMPLETED, RunStatus.FAILED)
        yield Ended(client, plain.id, policies.id)


async def test_inputs_are_what_the_handlers_were_given(ended):
    run = ended.plain
    merged = {"word": "hi", "input": {"word": "hi"}, "_workflow_id": run}

    assert await ended.value(run) == {"word": "hi"}
    assert await ended.value(run, "merged") == await ended.put_out(run, "merged") == merged
    assert await ended.value(run, "said") == {"word": "hi!", "of": "hi"}
    everything = await ended.put_out(run, "all")
    assert await ended.value(run, "all") == everything
    assert len(everything["large"]["text"]) == LARGE


async def test_outputs_of_any_size_and_of_each_iteration(ended):
    assert len(await ended.client.output_of(ended.plain, "large")) > LARGE
    assert [await ended.put_out(ended.policies, "poll", iteration=n) for n in (1, 2, 3)] == [
        {"n": 1},
        {"n": 2},
        {"n": 3},
    ]


async def test_instances_fallbacks_compensations_and_children(ended):
    run = ended.policies
    child = (await ended.client.step(run, "group")).child

    assert await ended.value(run, "each") == ["a", "b"]
    assert await ended.value(run, "each[1]") == {"item": "b"}
    assert await ended.put_out(run, "each[1]") == {"item": "b"}
    assert await ended.value(run, "other") == {"instead": 1}
    assert await ended.value(run, "flaky") == {"of": 3}
    assert await ended.value(run, "group") == await ended.value(child) == {"word": 3}
    assert await ended.put_out(child, "inner") == {"got": 3}


async def test_a_step_shows_its_attempts_and_where_the_last_one_failed(ended):
    flaky = await ended.client.step(ended.policies, "flaky")
    last = await ended.client.step(ended.policies, "last")

    assert [(a.kind, a.attempt, a.outcome, a.error) for a in flaky.attempts] == [
        ("run", 1, "FAILED", "ConnectionError: away 1"),
        ("run", 2, "FAILED", "ConnectionError: away 2"),
        ("run", 3, "COMPLETED", ""),
        ("compensate", 1, "COMPLETED", ""),
    ]
    assert (flaky.status, flaky.traceback) == (StepStatus.COMPENSATED, "")
    assert flaky.output.value == {"tries": 3}
    assert last.error == "ValueError: no"
    assert "in refuse\n" in last.traceback
    assert last.input.value["_workflow_id"] == ended.policies
    assert last.output is None
    assert all(a.finished_at and a.worker for a in flaky.attempts)
    times = [(a.started_at, a.finished_at) for a in flaky.attempts]
    moments = [moment for each in times for moment in each]
    assert moments == sorted(moments)  # each began when the one before it had ended
    assert (times[0][0], times[-1][0]) == (flaky.started_at, flaky.undo_started_at)


async def test_a_run_shows_what_is_small_and_how_large_the_rest_is(ended):
    view = await ended.client.status(ended.plain, values=True)
    steps = {step.id: step for step in view.steps}

    assert view.input.value == {"word": "hi"}
    assert view.output.value == {"said": "hi!"}
    assert steps["said"].input.value == {"word": "hi!", "of": "hi"}
    assert steps["merged"].input is None
    assert (steps["large"].output.shown, steps["large"].output.value) == (False, None)
    assert steps["large"].output.size > LARGE
    assert (await ended.client.status(ended.plain)).input is None


async def test_loops_and_children_show_theirs(ended):
    view = await ended.client.status(ended.policies, children=True, values=True)
    steps = {step.id: step for step in view.steps}

    assert steps["each"].input.value == ["a", "b"]
    assert steps["each"].output.value == [{"item": "a"}, {"item": "b"}]
    assert view.children[0].steps[0].input.value == {"got": 3}
    assert steps["nap"].input is None
    assert "ValueError: no" in steps["last"].traceback


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda client, run: client.step(run, "nosuch"), "no step 'nosuch'; its steps are flaky,"),
        (lambda client, run: client.input_of(run, "nap"), "step 'nap' is given nothing"),
        (lambda client, run: client.output_of(run, "last"), "put out nothing: it is FAILED"),
        (lambda client, run: client.output_of(run, "poll", iteration=9), "iteration 9 of step"),
        (lambda client, run: client.input_of(run, "each[7]"), r"no step 'each/7'"),
    ],
)
async def test_what_is_not_there_is_said(ended, ask, said):
    with pytest.raises(InvalidInput, match=said):
        await ask(ended.client, ended.policies)


@pytest.mark.usefixtures("coordinator")
async def test_a_step_that_has_not_begun_is_given_nothing_yet(client):
    run = await client.start("order.fulfil", {"order": 7})
    await client.status(run)

    with pytest.raises(InvalidInput, match=r"step 'charge' of run .* has not begun"):
        await client.input_of(run, "charge")
    with pytest.raises(RunNotFound):
        await client.step("nobody", "charge")


async def test_a_definition_that_is_gone_leaves_records(ended, backend):
    await backend.definitions.purge("def.>")
    late = Client(stores_of(backend))

    view = await late.status(ended.policies, values=True)

    last = next(step for step in view.steps if step.id == "last")
    assert "ValueError: no" in last.traceback
    assert last.input is None
    with pytest.raises(InvalidInput, match="the definition cannot be read"):
        await late.step(ended.policies, "last")


async def test_sealed_payloads_are_seen_by_who_has_the_key(backend, tmp_path):
    (tmp_path / "keys").write_text(f"k {base64.b64encode(b'k' * 32).decode()}\n")
    settings = Settings(payload_keys=str(tmp_path / "keys"))
    async with working(backend, settings) as client:
        run = (await client.run("plain", {"word": "hi"}, timeout=WAIT_LIMIT)).id
        stranger = Client(stores_of(backend))

        seen = await stranger.status(run, values=True)

        assert json.loads(await client.input_of(run, "said")) == {"word": "hi!", "of": "hi"}
        assert len(await client.output_of(run, "large")) > LARGE
        said = next(step for step in seen.steps if step.id == "said")
        for payload in (seen.input, seen.steps[0].output, said.input):
            assert payload is not None
            assert "sealed" in payload.problem
        with pytest.raises(PayloadKeyMissing):
            await stranger.output_of(run, "large")
