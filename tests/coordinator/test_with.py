"""`with`: a handler gets exactly what its step says, and nothing else travels."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from flowworker import App, parse, wiring
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.coordinator.support import coordinated
from tests.support.waiting import WAIT_LIMIT


class Handlers:
    """Notes what handlers were given, and what they put out."""

    def __init__(self) -> None:
        self.seen: dict[str, dict] = {}
        self.app = App()
        for name in ("note", "total", "fail"):
            self.app.step(name)(getattr(self, name))

    async def note(self, ctx):
        self.seen[f"{ctx.step_id}/{ctx.kind}"] = ctx.input
        return {"of": ctx.step_id, "n": len(self.seen)}

    async def total(self, ctx, price: float, count: int = 1):
        self.seen[f"{ctx.step_id}/{ctx.kind}"] = ctx.input
        return {"total": price * count}

    async def fail(self, ctx):
        raise ValueError("no")


@pytest.fixture
def handlers():
    return Handlers()


@pytest.fixture
async def run(backend, client, handlers):
    """Runs a definition to its end."""
    worker = wiring.make_worker(stores_of(backend), handlers.app, Metrics(CollectorRegistry()))
    await worker.start()
    coordinator = await coordinated(backend)

    async def run(text, value=None, **options):
        workflow = parse(text)
        await client.register(workflow)
        return await client.run(workflow.name, value or {}, timeout=WAIT_LIMIT, **options)

    yield run
    await worker.drain()
    await coordinator.stop()


async def test_a_handler_gets_exactly_what_its_step_says(run, handlers):
    result = await run(
        """
name: w
steps:
- {id: price, uses: total, with: {price: "${input.order.price}", count: "${input.order.count}"}}
- id: ship
  uses: note
  depends_on: price
  with:
    to: "${input.order.to} (${run.id})"
    paid: "${steps.price.output.total}"
    lines: [1, {deep: "${steps.price.status}"}]
    literal: $${x}
""",
        {"order": {"price": 2.5, "count": 2, "to": "Ada"}, "secret": 1},
        run_id="r1",
    )

    assert result.status == "COMPLETED", result
    assert handlers.seen == {
        "price/run": {"price": 2.5, "count": 2},
        "ship/run": {
            "to": "Ada (r1)",
            "paid": 5.0,
            "lines": [1, {"deep": "COMPLETED"}],
            "literal": "${x}",
        },
    }


async def test_nothing_is_something_to_be_given(run, handlers):
    await run("{name: w, steps: [{id: a, uses: note, with: {}}]}", {"x": 1})
    assert handlers.seen == {"a/run": {}}


async def test_a_fallback_and_a_compensation_say_what_they_get(run, handlers):
    result = await run(
        """
name: w
steps:
- {id: a, uses: note, saga: {uses: note, with: {undo: "${steps.a.output.of}", x: "${input.x}"}}}
- {id: b, uses: fail, depends_on: a, fallback: {uses: note, with: {of: "${steps.a.output.of}"}}}
- {id: c, uses: fail, depends_on: b}
""",
        {"x": 7},
    )

    assert result.status == "FAILED"
    assert handlers.seen["b/fallback"] == {"of": "a"}
    assert handlers.seen["a/compensate"] == {"undo": "a", "x": 7}
    assert set(handlers.seen["a/run"]) == {"x", "input", "_workflow_id"}


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("input.nothing", "input has no 'nothing'"),
        ("input.x / 0", "divide by zero"),
        ("steps.a.output.of.deeper", "has no 'deeper'"),
    ],
)
async def test_an_expression_that_has_no_value_fails_its_step(run, handlers, expression, cause):
    result = await run(
        f"""
name: w
steps:
- {{id: a, uses: note, saga: {{uses: note}}}}
- id: b
  uses: note
  depends_on: a
  with: {{v: "${{{expression}}}"}}
  retry: {{max_attempts: 3}}
""",
        {"x": 1},
    )

    assert result.status == "FAILED"
    assert result.error.startswith("step 'b' failed: ExpressionError: ")
    assert cause in result.error
    assert "b/run" not in handlers.seen
    assert "a/compensate" in handlers.seen


async def test_what_fails_can_fall_back(run, handlers):
    result = await run(
        """
name: w
steps:
- id: a
  uses: note
  with: {v: "${input.nothing}"}
  fallback: {uses: note, with: {v: instead}}
"""
    )
    assert result.status == "COMPLETED"
    assert handlers.seen == {"a/fallback": {"v": "instead"}}


async def test_what_is_large_is_given_by_reference(backend, run, handlers):
    text = "x" * 100_000
    await run('{name: w, steps: [{id: a, uses: note, with: {v: "${input.v}"}}]}', {"v": text})
    assert handlers.seen == {"a/run": {"v": text}}
    kept = {key.split(".")[2] for key in await backend.payloads.keys(">")}
    assert kept == {"input", "with"}


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("timeout: ${input.bad}", "timeout: expected a duration"),
        ("priority: ${input.bad}", "priority: expected one of high, normal, low"),
        ("timeout: ${input.x - 1}", "timeout: expected a duration greater than 0"),
        ("timeout: ${input}", "timeout: expected a duration greater than 0"),
        ("retry: {max_attempts: 2, interval: '${input.bad}'}", "interval: expected a duration"),
    ],
)
async def test_settings_are_checked_when_they_are_evaluated(run, line, cause):
    result = await run(
        f"name: w\nsteps:\n- id: a\n  uses: note\n  {line}\n", {"bad": "soon", "x": 1}
    )
    assert result.status == "FAILED"
    assert cause in result.error


async def test_an_interval_is_that_of_the_values_of_the_run(run, client):
    text = """
name: w
steps:
- id: a
  uses: fail
  retry: [{max_attempts: 3, interval: "${input.pause}", jitter: 0}]
"""
    await run(text, {"pause": "20ms"}, run_id="r1")
    delays = [
        event["data"]["delay"]
        async for event in _history(client, "r1")
        if event["type"] == "workflow.step.retrying"
    ]
    assert delays == [0.02, 0.02]


async def _history(client, run):
    for event in await client.history(run):
        yield event
