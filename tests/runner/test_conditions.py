"""Conditions, the other path on failure, and `finally`, on the whole engine in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from flowworker import App, RunCancelled, RunFailed, Runner, RunView, StepStatus, parse
from flowworker.core.status import SkipReason

RUN = "run-1"


class Desk:
    """A runner whose handlers write down which steps they are called for."""

    def __init__(self) -> None:
        self.called: list[str] = []
        app = App()

        @app.step("work")
        async def work(ctx) -> str:
            self.called.append(ctx.step_id)
            return ctx.step_id

        @app.step("break")
        async def fail(ctx) -> None:
            self.called.append(ctx.step_id)
            raise ValueError("no stock")

        @app.step("undo")
        async def undo(ctx) -> None:
            self.called.append(f"undo {ctx.step_id}")

        @app.step("cancel")
        async def cancel(ctx) -> None:
            self.called.append(ctx.step_id)
            await self.runner.cancel(ctx.run_id)
            await asyncio.Event().wait()

        self.runner = Runner(app=app)

    async def runs(self, text: str, data: object = None) -> dict[str, object]:
        """Execute a workflow; what it results in."""
        workflow = parse(text)
        return await self.runner.execute_sync_workflow(RUN, workflow, data)

    async def view(self) -> RunView:
        engine = await self.runner.running()
        return await engine.client.status(RUN)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with desk.runner:
        yield desk


OTHER_PATH = """
name: w
steps:
  - {id: charge, uses: HANDLER, continue_on_error: true}
  - {id: ship, uses: work, depends_on: charge}
  - {id: apologise, uses: work, depends_on: charge, trigger_rule: one_failed}
  - {id: close, uses: work, depends_on: [ship, apologise], trigger_rule: one_success}
"""


async def test_the_other_path_on_failure(desk):
    await desk.runs(OTHER_PATH.replace("HANDLER", "break"))

    assert desk.called == ["charge", "apologise", "close"]
    view = await desk.view()
    assert {step.id: (step.status, step.skipped) for step in view.steps} == {
        "charge": (StepStatus.FAILED, None),
        "ship": (StepStatus.SKIPPED, SkipReason.UPSTREAM_FAILED),
        "apologise": (StepStatus.COMPLETED, None),
        "close": (StepStatus.COMPLETED, None),
    }
    assert view.steps[0].error == "ValueError: no stock"
    assert view.error == ""


async def test_the_usual_path(desk):
    await desk.runs(OTHER_PATH.replace("HANDLER", "work"))

    assert desk.called == ["charge", "ship", "close"]
    view = await desk.view()
    assert view.steps[2].skipped is SkipReason.UPSTREAM


FINALLY = """
name: w
steps:
  - {id: first, uses: work, saga: {uses: undo}}
  - {id: second, uses: HANDLER, depends_on: first}
finally:
  - {id: tidy, uses: break}
  - {id: tell, uses: work}
"""


@pytest.mark.parametrize(
    ("handler", "ends", "undone"),
    [
        ("work", None, []),
        ("break", RunFailed, ["undo first"]),
        ("cancel", RunCancelled, ["undo first"]),
    ],
)
async def test_finally_comes_last_and_its_failure_changes_nothing(desk, handler, ends, undone):
    text = FINALLY.replace("HANDLER", handler)
    if ends is None:
        await desk.runs(text)
    else:
        with pytest.raises(ends):
            await desk.runs(text)

    assert desk.called[:-2] == ["first", "second", *undone]
    assert sorted(desk.called[-2:]) == ["tell", "tidy"]
    view = await desk.view()
    statuses = {step.id: step.status for step in view.steps}
    assert (statuses["tidy"], statuses["tell"]) == (StepStatus.FAILED, StepStatus.COMPLETED)


WHEN = """
name: w
steps:
  - {id: price, uses: price}
  - {id: check, uses: work, depends_on: price, when: steps.price.output.total > 100}
  - {id: pay, uses: work, depends_on: [price, check], trigger_rule: none_failed}
  - {id: gift, uses: work, depends_on: check}
"""


@pytest.mark.parametrize(("total", "called"), [(101, ["check", "gift", "pay"]), (100, ["pay"])])
async def test_a_condition_decides_which_steps_run(desk, total, called):
    desk.runner.register_handler("price", lambda _: {"total": total})

    await desk.runs(WHEN)

    assert sorted(desk.called) == called
    skipped = {step.id: step.skipped for step in (await desk.view()).steps if step.skipped}
    expected = {"check": SkipReason.WHEN, "gift": SkipReason.UPSTREAM}
    assert skipped == ({} if total > 100 else expected)


DECLINED = """
name: w
steps:
  - {id: charge, uses: break, continue_on_error: true, retry: {max_attempts: 2, interval: 1ms}}
  - id: other
    uses: work
    depends_on: charge
    trigger_rule: one_failed
    when: steps.charge.error.type == "ValueError" && steps.charge.error.attempts == 2
  - id: wrong
    uses: work
    depends_on: charge
    trigger_rule: one_failed
    when: steps.charge.error.message == "another"
"""


async def test_the_error_of_a_step_can_be_looked_at(desk):
    await desk.runs(DECLINED)

    assert desk.called == ["charge", "charge", "other"]


NO_VALUE = """
name: w
steps:
  - {id: a, uses: work, saga: {uses: undo}}
  - {id: b, uses: work, depends_on: a, when: input.missing > 1, fallback: FALLBACK}
"""


async def test_a_condition_without_a_value_fails_its_step(desk):
    with pytest.raises(RunFailed, match=r"step 'b' failed: ExpressionError: 'input\.missing > 1'"):
        await desk.runs(NO_VALUE.replace(", fallback: FALLBACK", ""))

    assert desk.called == ["a", "undo a"]


async def test_its_policy_follows(desk):
    await desk.runs(NO_VALUE.replace("FALLBACK", "work"))

    assert desk.called == ["a", "b"]


async def test_what_is_neither_true_nor_false_is_no_condition(desk):
    with pytest.raises(
        RunFailed, match=r"ExpressionError: 'input\.x': expected true or false, found"
    ):
        await desk.runs("name: w\nsteps: [{id: a, uses: work, when: input.x}]\n", {"x": 1})


SEES_THE_END = """
name: w
steps: [{id: a, uses: HANDLER}]
finally:
  - {id: well, uses: work, when: run.status == "COMPLETED"}
  - {id: ill, uses: work, when: run.status == "FAILED" && run.error.contains("no stock")}
"""


async def test_finally_sees_how_the_run_ends(desk):
    await desk.runs(SEES_THE_END.replace("HANDLER", "work"))
    assert desk.called == ["a", "well"]


async def test_finally_sees_why_the_run_fails(desk):
    with pytest.raises(RunFailed):
        await desk.runs(SEES_THE_END.replace("HANDLER", "break"))
    assert desk.called == ["a", "ill"]


ENDS = """
name: w
steps:
  - {id: first, uses: work, saga: {uses: undo}}
  - {id: hangs, uses: hang}
  - id: stop
    depends_on: first
    when: input.stops
    end: {status: STATUS, reason: "no ${input.what}", output: {by: "${steps.first.output}"}}
  - {id: later, uses: work, depends_on: hangs}
finally:
  - {id: tell, uses: work, when: run.status.lowerAscii() == 'STATUS'}
"""


@pytest.mark.parametrize(("status", "undone"), [("completed", []), ("failed", ["undo first"])])
async def test_a_step_ends_its_run_early(desk, status, undone):
    hung = asyncio.Event()

    async def hang(_) -> None:
        hung.set()
        await asyncio.Event().wait()

    desk.runner.register_handler("hang", hang)
    workflow = parse(ENDS.replace("STATUS", status))
    engine = await desk.runner.running()
    await engine.stores.definitions.register(workflow)
    run = await engine.client.start("w", {"stops": True, "what": "stock"}, run_id=RUN)
    result = await engine.client.result(run)

    assert (result.status.lower(), result.output) == (status, {"by": "first"})
    assert result.error == ("no stock" if status == "failed" else "")
    assert desk.called == ["first", *undone, "tell"]
    view = await desk.view()
    assert {step.id: step.status for step in view.steps} == {
        "first": StepStatus.COMPENSATED if undone else StepStatus.COMPLETED,
        "hangs": StepStatus.CANCELLED,
        "stop": StepStatus.COMPLETED,
        "later": StepStatus.CANCELLED,
        "tell": StepStatus.COMPLETED,
    }
    assert view.reason == ("no stock" if status == "completed" else "")


async def test_an_end_without_a_value_fails_its_step(desk):
    text = "name: w\nsteps: [{id: a, end: {output: {x: '${input.missing}'}}}]\n"

    with pytest.raises(RunFailed, match="step 'a' failed: ExpressionError"):
        await desk.runs(text)
