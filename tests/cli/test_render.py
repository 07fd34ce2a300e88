"""How runs and events look, on a terminal and elsewhere."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from click import unstyle

from flowworker.cli.notes import lasted, when
from flowworker.cli.payloads import print_details, print_step
from flowworker.cli.progress import progress
from flowworker.cli.render import event_line, print_run
from flowworker.cli.tables import plain, print_table
from flowworker.client import AttemptView, PayloadView, RunView, StepView
from flowworker.core.status import Kind, Outcome, RunStatus, StepStatus
from flowworker.errors import Unavailable

RUN = RunView(
    id="run-1",
    workflow="order.fulfil",
    version="v2",
    status=RunStatus.FAILED,
    created_at=1_700_000_000.0,
    finished_at=1_700_000_001.5,
    error="step 'charge' failed: Declined: no",
    needs_attention=True,
    failed_compensations=("reserve",),
    steps=(
        StepView("reserve", StepStatus.FAILED, 1, "Gone: away", 1_700_000_000.0, 1_700_000_000.25),
        StepView("charge", StepStatus.RETRYING, 2, "Declined: no", due=1_700_000_009.0),
        StepView("save", StepStatus.WAITING_HUMAN, 1, "Full: no space"),
        StepView("ask", StepStatus.WAITING_HUMAN, 1, prompt="Pay 7 to Ada?"),
        StepView("hear", StepStatus.RUNNING, 1, signal="paid", until=1_700_000_060.0),
        StepView("stop", StepStatus.COMPLETED, 1, reason="a copy"),
        StepView("asked", StepStatus.COMPLETED, 1, actor="Eve", reason="as agreed"),
        StepView("wrap", StepStatus.RUNNING, 1, kind=Kind.FALLBACK, lost=2),
        StepView("send", StepStatus.RUNNING, 1, waits_for="post.send"),
        StepView("book", StepStatus.COMPENSATED, 1, undo_started_at=9.0, undo_finished_at=9.5),
        StepView("ship", StepStatus.PENDING),
    ),
    problems=("step.x: stored bytes cannot be read",),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


Show = Callable[[Callable[[], None]], str]


@pytest.fixture(params=[Terminal, io.StringIO])
def shown(request, monkeypatch) -> Show:
    """What a function writes to stdout, as text without colours."""

    def show(write: Callable[[], None]) -> str:
        stream = request.param()
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("COLUMNS", "200")
        write()
        return stream.getvalue()

    return show


def test_a_run_tells_all_that_is_known_of_it(shown, capsys):
    text = unstyle(shown(lambda: print_run(RUN)))

    for expected in (
        "order.fulfil v2",
        "FAILED",
        "1.500 s",
        "step 'charge' failed: Declined: no",
        "a critical compensation failed",
        "0.250 s",
        "RETRYING",
        "Declined: no (again at ",
        "by its fallback; taken over, 2 lost",
        "waits for a worker that has the handler 'post.send'",
        ", took 0.500 s",
        "flowworker resume run-1 --step save --action retry|cancel|skip|complete",
        "asks: Pay 7 to Ada?",
        "flowworker approve run-1 --step ask\n",
        "flowworker reject run-1 --step ask --reason WHY",
        "answered by Eve: as agreed",
        f"waits for the signal 'paid'; until {when(1_700_000_060.0)}",
        "reason: a copy",
    ):
        assert expected in text
    assert "stored bytes cannot be read" in capsys.readouterr().err


def test_what_is_shown_can_be_pasted_into_a_shell(shown):
    run = replace(RUN, steps=(StepView("ask[1]", StepStatus.WAITING_HUMAN, 1, prompt="Pay?"),))

    assert "flowworker approve run-1 --step 'ask[1]'\n" in shown(lambda: print_run(run))


def test_inputs_outputs_and_tracebacks_stand_below(shown):
    long = PayloadView(900, ["x" * 900], shown=True)
    step = replace(
        RUN.steps[1],
        input=PayloadView(8, {"n": 1}, shown=True),
        output=PayloadView(70_000),
        traceback="Traceback:\n  pay(\x1b[2J)\nDeclined: no\n",
    )
    child = replace(RUN, id="sub-1", children=(), steps=(replace(step, id="inner", output=long),))
    run = replace(RUN, steps=(RUN.steps[0], step), children=(child,), input=long)

    text = shown(lambda: print_details(run))

    assert text.startswith(
        '\ncharge\n  input:  {"n":1}\n  output: 70,000 bytes\n'
        "  Traceback:\n    pay(\\x1b[2J)\n  Declined: no\n\nrun sub-1 (order.fulfil)\n\ninner\n"
    )
    assert "xxx… (900 bytes)" in text
    assert "input:           [" in unstyle(shown(lambda: print_run(run)))


def test_of_many_steps_the_first_are_shown(shown):
    step = replace(RUN.steps[0], input=PayloadView(0, problem="sealed with\nthe key 'k'"))

    text = shown(lambda: print_details(replace(RUN, steps=60 * (step,))))

    assert text.count("cannot be read: sealed with the key 'k'") == 50
    assert text.endswith("10 more: flowworker status run-1 --step STEP\n")


def test_one_step_shows_its_attempts(shown):
    began = 1_699_999_990.25
    ended = AttemptView(
        Kind.RUN, 1, 2, 3, Outcome.FAILED, 1_700_000_000.0, "w-1", "Gone: away", began
    )
    step = replace(RUN.steps[0], traceback="Traceback:\n  Gone\n", attempts=(ended,))

    text = unstyle(shown(lambda: print_step("run-1", step)))

    assert "step:     reserve\nof run:   run-1\nstate:    FAILED\nattempt:  1\n" in text
    assert "\nTraceback:\n  Gone\n" in text
    for expected in ("run/1.3.2", "FAILED", when(began)[11:], "w-1", "Gone: away"):
        assert expected in text.split("ATTEMPT")[1]


def test_when_a_delayed_run_begins(shown):
    run = replace(RUN, status=RunStatus.PENDING, begins_at=1_700_000_060.0)

    assert f"begins:          {when(1_700_000_060.0)}" in shown(lambda: print_run(run))


def test_columns_line_up_where_nobody_draws_tables(monkeypatch):
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)

    print_table(("A", "STATE", "B"), [["x", "COMPLETED", ""], ["long", "F", "last"]], status=1)

    assert stdout.getvalue().splitlines() == [
        "A     STATE      B",
        "x     COMPLETED",
        "long  F          last",
    ]


def test_what_others_wrote_cannot_steer_the_terminal(shown):
    hostile = "\x1b[2J\x07a\nb\r\u202ec"

    text = shown(lambda: print_table(("A", "STATE"), [[hostile, "FAILED"]], status=1))

    assert plain(hostile) == r"\x1b[2J\x07a b \u202ec"
    assert r"\x1b[2J" in text
    assert "\x1b[2J" not in text


def test_times():
    local = datetime.fromtimestamp(1_700_000_000.5, UTC).astimezone()

    assert when(0.0) == ""
    assert when(1_700_000_000.5) == local.strftime("%Y-%m-%d %H:%M:%S.500")
    assert lasted(1.0, 0.0) == ""
    assert lasted(1.0, 3.5) == "2.500 s"
    assert lasted(3.0, 1.0) == "0.000 s"


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {
                "time": "nonsense",
                "source": "/ns/order.fulfil/run-1",
                "type": "workflow.step.retrying",
                "data": {"id": "run-1", "step_id": "a", "attempt": 2, "error": "x\ny", "delay": 0},
            },
            "nonsense run-1 workflow.step.retrying step_id=a attempt=2 error=x y",
        ),
        (
            {"time": "", "source": "/ns/w/r", "type": "order.paid", "data": {"order": 7}},
            ' r order.paid {"order":7}',
        ),
        ({"type": "order.paid", "data": [1]}, "  order.paid [1]"),
        ({}, "  ? null"),
    ],
)
def test_events_are_lines(event, line):
    assert unstyle(event_line(event)) == line


def test_the_workflow_is_named_where_it_is_not_known():
    line = event_line(
        {"time": "t", "source": "/ns/order.fulfil/r", "type": "x"}, with_workflow=True
    )

    assert unstyle(line) == "t order.fulfil r x null"


def test_the_run_is_left_out_where_it_is_known():
    line = event_line({"time": "t", "source": "/a/b/r", "type": "x"}, with_run=False)

    assert unstyle(line) == "t x null"


async def test_progress_shows_the_steps_until_the_end(monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    looks = 0

    class FakeClient:
        async def status(self, run: str) -> RunView:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise Unavailable("away")
            return RUN

    client: Any = FakeClient()
    async with progress(client, "run-1"):
        await asyncio.sleep(0)

    assert looks == 2
    assert "run run-1" in stderr.getvalue()
    assert "RETRYING" in stderr.getvalue()


@pytest.mark.parametrize("seconds", [1e300, -1e15, 1e12])
def test_a_time_that_no_calendar_has_is_shown_as_it_is(seconds):
    assert when(seconds) == f"{seconds:g} s"
