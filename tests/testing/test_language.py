"""What definitions say beside handlers, in a user's test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import App, InvalidInput, RunStatus, Standstill, StepStatus, parse
from flowworker.testing import WorkflowTest, fails, returns

APP = App()
APP.step("work")(lambda ctx, n=0: {"n": n})
APP.step("clean")(lambda ctx: ctx.run(ctx.emit("cleaned")))


def tried(text):
    return WorkflowTest(APP, parse(text))


def test_steps_that_sleep_let_time_pass():
    text = """
    name: w
    steps:
      - {id: pause, sleep: 3h}
      - {id: after, uses: work, depends_on: [pause]}
    """
    with tried(text) as flow:
        run = flow.run()

        assert run.completed
        assert flow.elapsed == timedelta(hours=3)
        assert run.step("pause").status is StepStatus.COMPLETED
        assert (run.step("pause").attempts, run.step("after").attempts) == (0, 1)


def test_a_run_that_sleeps_beside_a_step_that_waits_for_a_human_rests_when_it_has_slept():
    text = """
    name: w
    steps:
      - {id: pause, sleep: 3h}
      - {id: ask, uses: work, escalation: {strategy: wait_human}}
    """
    with tried(text) as flow:
        flow.replace("work", fails())
        run = flow.run()

        assert run.waiting == ("ask",)
        assert run.step("pause").status is StepStatus.COMPLETED
        assert flow.elapsed == timedelta(hours=3)
        assert run.resume("skip").completed


def test_values_are_passed_by_expressions():
    text = """
    name: w
    input_schema: {type: object, properties: {n: {type: integer, default: 3}}}
    steps:
      - {id: first, uses: work, with: {n: "${input.n + 1}"}}
      - {id: second, uses: work, with: {n: "${steps.first.output.n * 2}"}, depends_on: [first]}
    output: {twice: "${steps.second.output.n}"}
    """
    with tried(text) as flow:
        run = flow.run()

        assert run.output == {"twice": 8}
        assert run.step("second").calls[0].input == {"n": 8}


def test_what_runs_finally_is_run_and_checked_for_its_handler():
    text = "{name: w, steps: [{id: a, uses: work}], finally: [{id: z, uses: clean}]}"
    with tried(text) as flow:
        flow.replace("work", fails())
        run = flow.run()

        assert run.status is RunStatus.FAILED
        assert run.step("z").status is StepStatus.COMPLETED
        assert run.emitted == [("cleaned", None)]
        flow.replace("clean", returns())


def test_a_run_may_begin_later():
    with tried("{name: w, steps: [{id: a, uses: work}]}") as flow:
        run = flow.start(delay="2d")
        assert run.status is RunStatus.PENDING
        assert run.wait().completed
        assert flow.elapsed == timedelta(days=2)
        assert flow.run(at=flow.now + timedelta(hours=1)).completed
        assert flow.elapsed == timedelta(days=2, hours=1)


SHIPPED = """
name: w
steps:
  - {id: pause, sleep: 3h}
  - {id: shipped, wait_for: {signal: shipped, match: signal.parcel == "p1", timeout: 2d}}
  - {id: after, uses: work, with: {n: "${steps.shipped.output.n}"}, depends_on: [shipped]}
"""


def test_a_run_rests_while_it_waits_for_a_signal():
    with tried(SHIPPED) as flow:
        run = flow.run()
        assert (run.waiting, run.status) == (("shipped",), RunStatus.RUNNING)
        assert flow.elapsed == timedelta(hours=3)

        assert run.signal("shipped", {"parcel": "p2"}).waiting == ("shipped",)
        run.signal("shipped", {"parcel": "p1", "n": 7})
        assert run.step("after").output == {"n": 7}
        assert (run.completed, run.waiting) == (True, ())


def test_a_signal_that_nobody_sends_in_time_fails_its_step():
    with tried(SHIPPED) as flow:
        run = flow.run().wait_for_end()

        assert run.status is RunStatus.FAILED
        assert "Timeout" in run.step("shipped").error
        assert flow.elapsed == timedelta(days=2)


def test_a_signal_for_a_run_that_never_gets_one_is_missed():
    with tried(SHIPPED.replace(", timeout: 2d", "")) as flow:
        run = flow.run()
        with pytest.raises(Standstill, match="run run-1 waits for somebody: shipped"):
            run.wait_for_end()


ASKED = """
name: w
steps:
  - {id: pause, sleep: 3h}
  - {id: ask, approval: {prompt: "Go on?", schema: {required: [n]}, timeout: 2d}, depends_on: pause}
  - {id: after, uses: work, with: {n: "${steps.ask.output.n}"}, depends_on: [ask]}
"""


def test_a_run_rests_while_a_step_asks_and_goes_on_when_it_is_answered():
    with tried(ASKED) as flow:
        run = flow.run()
        assert (run.waiting, run.status) == (("ask",), RunStatus.WAITING_HUMAN)
        assert flow.elapsed == timedelta(hours=3)

        with pytest.raises(InvalidInput, match='"n" is a required property'):
            run.approve(output={})
        assert run.approve(output={"n": 7}, reason="as agreed").completed
        assert run.step("after").output == {"n": 7}


def test_what_is_rejected_fails():
    with tried(ASKED) as flow:
        run = flow.run().reject("not now")

        assert run.status is RunStatus.FAILED
        assert run.error == "step 'ask' failed: Rejected: not now"


def test_a_question_that_nobody_answers_in_time_fails_its_step():
    with tried(ASKED) as flow:
        run = flow.run().wait_for_end()

        assert "Timeout" in run.step("ask").error
        assert flow.elapsed == timedelta(days=2, hours=3)
