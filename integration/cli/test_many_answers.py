"""Answers and signals to several runs by one command."""

from __future__ import annotations

import shlex
import signal
import uuid
from functools import partial

import pytest

from integration.cli.commands import ended, until
from tests.support.waiting import blocking_eventually


def started_as(dev, count, name, status="RUNNING"):
    runs = [dev("start", name).strip() for _ in range(count)]
    for run in runs:
        until(dev, run, status)
    return runs


def test_runs_that_a_filter_means_are_sent_a_signal_once(dev, said, tmp_path):
    name = f"hears-{uuid.uuid4().hex[:8]}"
    (tmp_path / "w.yaml").write_text(
        f"{{name: {name}, steps: [{{id: hear, wait_for: {{signal: go}}}}]}}"
    )
    dev("register", str(tmp_path))
    runs = started_as(dev, 3, name)
    where = ("--where", f"workflow={name}", "--yes")

    code, lines, beside = said("signal", "go", '{"by": "Ada"}', *where, "--rate", "100")

    assert (code, len(lines)) == (0, 3)
    for run in runs:
        assert until(dev, run, "COMPLETED")["steps"][0]["status"] == "COMPLETED"
    # And the command that goes on is the same one, and finds that all is done
    [goes_on] = [line for line in beside if line.startswith("if this is interrupted")]
    again = shlex.split(goes_on.split("go on by: ", 1)[1])
    assert again[-3:] == ["--", "go", '{"by": "Ada"}']
    _, _, beside = said(*again[1:])
    assert beside[-1] == "signal: 3 done before"
    # And of runs that are named, what is said anew is not
    _, _, beside = said("signal", "go", "--run", runs[0], "--run", runs[1])
    assert beside[-1] == "signal: 2 refused"


def test_a_step_that_has_failed_is_answered_in_several_runs(dev, said):
    runs = started_as(dev, 2, "ask", "WAITING_HUMAN")
    answer = ("resume", *runs, "--action", "skip")

    assert said(*answer)[0] == 2
    _, _, beside = said(*answer, "--step", "decide")
    assert beside[-1] == "resume: 2 requested"
    for run in runs:
        until(dev, run, "COMPLETED")
    assert said(*answer, "--step", "decide")[2][-1] == "resume: 2 done before"


def is_asked(dev, run, step):
    return [one["id"] for one in dev.json("status", run)["steps"] if one["prompt"]] == [step]


@pytest.mark.chaos
def test_an_approval_that_is_killed_and_given_again_at_once_is_given_once(dev, tmp_path):
    name = f"asks-{uuid.uuid4().hex[:8]}"
    ok, sure = ("{id: ok, approval: {prompt: Ship?}}", "{id: sure, approval: {prompt: Sure?}")
    steps = f"[{ok}, {sure}, depends_on: [ok]}}]"
    (tmp_path / "w.yaml").write_text(f"{{name: {name}, steps: {steps}}}")
    dev("register", str(tmp_path))
    runs = started_as(dev, 12, name, "WAITING_HUMAN")
    act = ("approve", *runs, "--step", "ok")

    with dev.running(*act, "--rate", "20") as process:
        process.stdout.readline()
        ended(process, signal.SIGKILL)
    said = dev.lines(*act)

    assert {one["outcome"] for one in said} <= {"already", "requested"}
    for run in runs:
        blocking_eventually(partial(is_asked, dev, run, "sure"))
        kinds = [one["type"].rpartition(".")[2] for one in dev.lines("history", run)]
        assert (kinds.count("human_decided"), kinds.count("rejected")) == (1, 0)
    dev("terminate", *runs)
