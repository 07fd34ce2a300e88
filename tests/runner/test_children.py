"""Runs as attempts of steps, and groups, on the whole engine in one process."""

from __future__ import annotations

import asyncio

import pytest

from flowworker import App, DefinitionError, InMemStore, RunFailed, Runner, StepStatus, parse
from tests.runner.conftest import SETTINGS, Notes

RUN = "run-1"

SHIP = """
name: ship
input_schema:
  type: object
  properties: {item: {type: string}}
  required: [item]
steps:
  - {id: pack, uses: pack, with: {item: "${input.item}"}}
  - {id: label, uses: label, depends_on: pack, with: {parcel: "${steps.pack.output}"}}
output: {label: "${steps.label.output}"}
"""
ORDER = """
name: order
steps:
  - id: ship
    workflow: ship
    with: {item: "${input.item}"}
    retry: 3
    fallback: {uses: collect, with: {why: ""}}
    saga: {uses: recall, with: {label: "${steps.ship.output.label}"}}
  - {id: tell, uses: tell, depends_on: ship, with: {label: "${steps.ship.output.label}"}}
"""
GROUPED = """
name: order
steps:
  - id: ship
    with: {item: "${input.item}"}
    steps:
      - {id: pack, uses: pack, with: {item: "${input.item}"}}
      - {id: label, uses: label, depends_on: pack, with: {parcel: "${steps.pack.output}"}}
    output: {label: "${steps.label.output}"}
  - {id: tell, uses: tell, depends_on: ship, with: {label: "${steps.ship.output.label}"}}
"""


class PrinterOffline(Exception):
    """Labels cannot be printed."""


class Desk:
    """A runner whose handlers note what they are called with."""

    def __init__(self) -> None:
        self.called: list[tuple[str, object]] = []
        self.jams = 0
        self.nobody_there = False
        app = App()

        @app.step("pack")
        async def pack(_ctx, item: str) -> str:
            self.called.append(("pack", item))
            return f"[{item}]"

        @app.step("label")
        async def label(_ctx, parcel: str) -> str:
            self.called.append(("label", parcel))
            if self.jams:
                self.jams -= 1
                raise PrinterOffline("out of paper")
            return f"to Ada: {parcel}"

        @app.step("collect")
        async def collect(_ctx, why: str) -> dict[str, str]:
            self.called.append(("collect", why))
            return {"label": "none"}

        @app.step("recall")
        async def recall(_ctx, label: str) -> None:
            self.called.append(("recall", label))

        @app.step("tell")
        async def tell(_ctx, label: str) -> str:
            self.called.append(("tell", label))
            if not self.nobody_there:
                return label
            raise ValueError("nobody is there")

        self.runner = Runner(app=app)
        self.runner.register(parse(SHIP))

    async def runs(self, text: str, **value: object) -> dict[str, object]:
        return await self.runner.execute_sync_workflow(RUN, parse(text), value)

    async def view(self, run: str = RUN):
        engine = await self.runner.running()
        return await engine.client.status(run)


@pytest.fixture
async def desk():
    desk = Desk()
    async with desk.runner:
        yield desk


@pytest.mark.parametrize("text", [ORDER, GROUPED], ids=["workflow", "group"])
async def test_a_step_that_is_a_run(desk, text):
    results = await desk.runs(text, item="globe")

    assert desk.called == [
        ("pack", "globe"),
        ("label", "[globe]"),
        ("tell", "to Ada: [globe]"),
    ]
    assert results["ship"] == {"label": "to Ada: [globe]"}
    child = await desk.view((await desk.view()).steps[0].child)
    assert (child.parent, [step.id for step in child.steps]) == (RUN, ["pack", "label"])


async def test_each_retry_is_another_run(desk):
    desk.jams = 2

    await desk.runs(ORDER, item="globe")

    assert [name for name, _ in desk.called] == ["pack", "label"] * 3 + ["tell"]
    ship = (await desk.view()).steps[0]
    assert (ship.status, ship.attempt) == (StepStatus.COMPLETED, 3)


async def test_retries_and_conditions_see_the_error_of_the_step_that_failed(desk):
    desk.jams = 9
    text = ORDER.replace("retry: 3", "retry: {max_attempts: 3, non_retryable: PrinterOffline}")

    await desk.runs(text, item="globe")

    assert [name for name, _ in desk.called] == ["pack", "label", "collect", "tell"]


async def test_what_a_child_has_done_is_undone_by_the_saga_of_its_step(desk):
    desk.nobody_there = True

    with pytest.raises(RunFailed):
        await desk.runs(ORDER, item="globe")

    assert desk.called[-1] == ("recall", "to Ada: [globe]")
    assert (await desk.view()).steps[0].status is StepStatus.COMPENSATED


async def test_an_input_that_the_childs_schema_refuses_fails_the_step_at_once(desk):
    text = ORDER.replace('"${input.item}"', "7").replace(
        'fallback: {uses: collect, with: {why: ""}}', ""
    )

    with pytest.raises(RunFailed, match=r"workflow 'ship' refuses its input: .*item"):
        await desk.runs(text)

    assert desk.called == []


async def test_a_workflow_that_is_not_there(desk):
    with pytest.raises(DefinitionError, match="calls workflow 'shop', which is not registered"):
        await desk.runs("{name: w, steps: [{id: a, workflow: shop}]}")


OUTER = """
name: outer
steps:
  - id: call
    steps:
      - {id: first, uses: ok}
      - {id: second, uses: hang, depends_on: [first]}
"""


async def test_what_a_process_left_of_a_child_goes_on_with_its_parent(notes, survive):
    theirs = Notes()
    async with InMemStore(settings=SETTINGS) as store, Runner(store=store) as runner:
        theirs.register(runner).register(parse(OUTER))
        theirs.hangs_at = "second"
        running = asyncio.create_task(runner.execute_sync(RUN, "outer", {}))
        await theirs.reached.wait()
        left = await survive(store)
        running.cancel()

    async with Runner(store=left) as next_one:
        await notes.register(next_one).resume_execution(RUN)
        view = await (await next_one.running()).client.status(RUN)

    assert notes.lines == [("hang", "second")]
    assert view.steps[0].status is StepStatus.COMPLETED
