"""Steps that are repeated, on the whole engine in one process."""

from __future__ import annotations

from datetime import timedelta

from flowworker import App, InMemStore, Runner, parse
from flowworker.core.status import StepStatus
from flowworker.testing import WorkflowTest
from tests.runner.conftest import SETTINGS
from tests.support.waiting import eventually

POLL = parse(
    """
name: poll
output: {state: "${steps.job.output.state}", looked: "${steps.job.iterations}"}
steps:
- id: job
  uses: look
  repeat: {until: 'output.state == "done" || iterations >= input.enough', interval: 10m, max: 5}
  retry: {max_attempts: 2, interval: 1s}
  saga: {uses: undo, with: {found: "${steps.job.output.state}", n: "${steps.job.iterations}"}}
- {id: after, uses: publish, depends_on: [job]}
"""
)


def desk(done_after: int) -> tuple[App, list[tuple[int, int]], list[dict[str, object]]]:
    """Handlers, how they were called, and what was undone; the second look fails at first."""
    app, looks, undone = App(), [], []

    @app.step("look")
    def look(ctx) -> dict[str, str]:
        looks.append((ctx.iteration, ctx.attempt))
        if (ctx.iteration, ctx.attempt) == (2, 1):
            raise ConnectionError("busy")
        return {"state": "done" if ctx.iteration >= done_after else "running"}

    @app.step("undo")
    def undo(ctx) -> None:
        undone.append(dict(ctx.input))

    @app.step("publish")
    def publish(ctx, publishes: bool = True) -> str:
        if not publishes:
            raise ValueError("the press is broken")
        return "published"

    return app, looks, undone


def test_a_step_is_run_again_until_what_it_waits_for_is_so():
    app, looks, _ = desk(done_after=3)
    with WorkflowTest(app, POLL) as flow:
        run = flow.run({"enough": 99})

        assert run.output == {"state": "done", "looked": 3}
        assert looks == [(1, 1), (2, 1), (2, 2), (3, 1)]
        assert flow.elapsed == timedelta(minutes=20, seconds=1)
        kinds = [event["type"].removeprefix("workflow.step.") for event in run.history]
        assert kinds[1:5] == ["started", "iterated", "started", "attempt_failed"]
        assert kinds.count("iterated") == 3
        assert kinds.count("completed") == 2


def test_beyond_its_limit_it_has_failed():
    app, looks, undone = desk(done_after=99)
    with WorkflowTest(app, POLL) as flow:
        run = flow.run({"enough": 99})

        assert run.error == (
            "step 'job' failed: RepeatLimit: 'until' did not hold after 5 iterations"
        )
        assert looks[-1] == (5, 1)
        assert undone == []


def test_it_is_undone_once_with_what_it_came_to():
    app, _, undone = desk(done_after=99)
    with WorkflowTest(app, POLL) as flow:
        run = flow.run({"enough": 3, "publishes": False})

        assert run.status == "FAILED"
        assert run.step("job").status == "COMPENSATED"
        assert undone == [{"found": "running", "n": 3}]


def test_a_run_is_cancelled_between_two_iterations():
    app, looks, undone = desk(done_after=99)
    with WorkflowTest(app, POLL) as flow:
        run = flow.start({"enough": 99})
        flow.advance(timedelta(minutes=5))
        assert run.step("job").status == "REPEATING"
        assert run.step("job").iterations == 1

        run.cancel("enough")
        run.wait()

        assert run.status == "CANCELLED"
        assert run.step("job").status == "CANCELLED"
        assert looks == [(1, 1)]
        assert undone == []


async def test_another_process_goes_on_where_one_died_between_two_iterations(survive):
    app, looks, _ = desk(done_after=3)
    quick = parse(
        "name: quick\n"
        "steps: [{id: job, uses: look, retry: 2,\n"
        '  repeat: {until: output.state == "done", interval: "${input.pause}"}}]\n'
    )
    async with InMemStore(settings=SETTINGS) as store, Runner(store=store, app=app) as runner:
        runner.register(quick)
        run = await runner.execute("quick", {"pause": 1})
        client = (await runner.running()).client

        async def is_between() -> bool:
            return (await client.status(run)).steps[0].status is StepStatus.REPEATING

        await eventually(is_between)
        after = await survive(store)
    looks.clear()

    async with Runner(store=after, app=app) as other:
        assert (await other.resume_execution(run, quick))["job"] == {"state": "done"}
    assert looks == [(2, 1), (2, 2), (3, 1)]


def test_a_group_is_repeated_and_each_iteration_is_a_run_of_its_own():
    app, runs = App(), []

    @app.step("count")
    def count(ctx, n: int) -> int:
        runs.append(ctx.run_id)
        return n

    text = """
name: poll
steps:
- id: both
  with: {n: "${input.n}"}
  repeat: {until: output.n * iterations >= 6, interval: 1h}
  steps:
  - {id: a, uses: count, with: {n: "${input.n}"}}
  - {id: b, uses: count, with: {n: "${steps.a.output}"}, depends_on: [a]}
  output: {n: "${steps.b.output}"}
- {id: last, uses: count, depends_on: [both], with: {n: "${steps.both.iterations}"}}
"""
    with WorkflowTest(app, parse(text)) as flow:
        run = flow.run({"n": 2})

        assert run.output == {"last": 3}
        assert flow.elapsed == timedelta(hours=2)
        assert len(set(runs)) == 4


def test_each_instance_of_a_loop_is_repeated_by_itself():
    app, looks = App(), []

    @app.step("look")
    def look(ctx, n: int) -> int:
        looks.append((n, ctx.iteration))
        return ctx.iteration

    text = """
name: loop
output: {found: "${steps.each.output}"}
steps:
- id: each
  uses: look
  for_each: {items: input.counts}
  with: {n: "${item}"}
  repeat: {until: output >= item, interval: 1m}
"""
    with WorkflowTest(app, parse(text)) as flow:
        run = flow.run({"counts": [2, 1, 3]})

        assert run.output == {"found": [2, 1, 3]}
        assert sorted(looks) == [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
        assert flow.elapsed == timedelta(minutes=2)


def test_an_instance_between_two_iterations_is_stopped_with_its_loop():
    app = App()

    @app.step("look")
    def look(ctx, n: int) -> int:
        if n == 0:
            raise ValueError("gone")
        return n

    text = """
name: loop
steps:
- id: each
  uses: look
  for_each: {items: input.counts, max_parallel: 3}
  with: {n: "${item}"}
  retry: {max_attempts: 2, interval: 1m}
  repeat: {until: output < 0, interval: 1h}
"""
    with WorkflowTest(app, parse(text)) as flow:
        run = flow.run({"counts": [1, 0, 2]})

        assert run.status == "FAILED"
        assert "TooManyFailures" in run.error
        assert flow.elapsed == timedelta(minutes=1)
