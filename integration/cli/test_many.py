"""Acting on several runs by one command, also by one that is killed in the midst of it."""

from __future__ import annotations

import json
import signal

import pytest

from flowworker.cli.many import SHOWN
from integration.cli.commands import ended, until
from tests.support.terminals import on_terminal


def started(dev, count, name="long"):
    runs = [dev("start", name).strip() for _ in range(count)]
    for run in runs:
        until(dev, run, "RUNNING")
    return runs


@pytest.fixture
def said(dev):
    """A command as a process: its exit code, what it printed, and what it said beside that."""

    def run(*arguments):
        result = dev.process(*arguments)
        return result.returncode, result.stdout.splitlines(), result.stderr.splitlines()

    return run


def test_several_runs_are_cancelled_by_one_command(dev, said):
    runs = started(dev, 3)

    code, lines, beside = said("cancel", *runs, runs[0], "--reason", "sold out")

    assert code == 0
    assert sorted(lines) == sorted(f"cancel of run {run} is requested" for run in runs)
    assert beside == ["cancel: 3 requested"]
    for run in runs:
        assert until(dev, run, "CANCELLED")["error"] == "sold out"
    # And again it asks for nothing
    code, lines, beside = said("cancel", *runs)
    assert code == 0
    assert sorted(lines) == sorted(f"cancel of run {run} was requested before" for run in runs)
    assert beside == ["cancel: 3 done before"]


def test_runs_that_refuse_are_named_and_end_it_with_6(dev, said):
    done = json.loads(dev("start", "sum", "--wait"))["id"]
    [run] = started(dev, 1)

    code, lines, beside = said("terminate", run, done, "nobody")

    assert code == 6
    assert lines == [f"terminate of run {run} is requested"]
    refused = f"terminate of run {done} is refused: run {done} has ended already: it is COMPLETED"
    assert refused in beside
    assert any("nobody" in line for line in beside)
    assert beside[-1] == "terminate: 1 requested, 2 refused"


def test_each_run_is_one_object_for_programs(dev):
    [run] = started(dev, 1)

    printed = dev("cancel", run, "nobody", "--json", code=6)

    found = {one["id"]: one for one in map(json.loads, printed.splitlines())}
    assert found[run] == {"id": run, "outcome": "requested"}
    assert (found["nobody"]["outcome"], found["nobody"]["error_type"]) == ("refused", "RunNotFound")
    until(dev, run, "CANCELLED")


def test_what_would_become_of_one_run_is_said(dev):
    [run] = started(dev, 1)

    assert dev("cancel", run, "--dry-run") == f"cancel of run {run} would be requested\n"

    assert dev.json("status", run)["status"] == "RUNNING"
    dev("terminate", run)


@pytest.mark.slow
def test_many_runs_have_a_bar_on_a_terminal_and_those_that_refuse_a_line(dev):
    [run] = started(dev, 1)
    nobody = [f"nobody-{number}" for number in range(SHOWN)]

    shown, code = on_terminal("cancel", run, *nobody, FLOWWORKER_NATS_URL=dev.url)

    assert code == 6
    assert f"0/{SHOWN + 1}" in shown
    assert f"{SHOWN + 1}/{SHOWN + 1}" in shown
    assert "cancel of run nobody-7 is refused" in shown
    assert f"cancel of run {run}" not in shown
    assert f"cancel: 1 requested, {SHOWN} refused" in shown


@pytest.mark.parametrize(
    ("command", "more"), [("cancel", []), ("retry", [])], ids=["cancel", "retry"]
)
@pytest.mark.chaos
def test_a_command_that_is_killed_goes_on_when_it_is_called_again(dev, command, more):
    # Given many runs, and a command that is killed when it has acted on some of them
    runs = started(dev, 12)
    if command == "retry":
        dev("cancel", *runs)
        for run in runs:
            until(dev, run, "CANCELLED")
    act = (command, *runs, *more)
    with dev.running(*act, "--rate", "10") as process:
        acted = [process.stdout.readline().split()[3] for _ in range(3)]
        ended(process, signal.SIGKILL)
    assert set(acted) < set(runs)

    # When it is called again, then it does what is left
    said = {one["id"]: one for one in dev.lines(*act)}
    assert set(said) == set(runs)
    outcomes = {run: one["outcome"] for run, one in said.items()}
    assert all(outcomes[run] == "already" for run in acted)
    assert set(outcomes.values()) == {"already", "requested"}

    # And each run was acted on once
    if command == "cancel":
        for run in runs:
            until(dev, run, "CANCELLED")
            asked = [one["type"].endswith("cancel_requested") for one in dev.lines("history", run)]
            assert asked.count(True) == 1
    else:
        for one in said.values():
            until(dev, one["new_id"], "RUNNING")
        of = [run["rerun_of"] for run in dev.lines("list", "--limit", "1000")]
        assert all(of.count(run) == 1 for run in runs)
        dev("terminate", *(one["new_id"] for one in said.values()))


@pytest.mark.chaos
def test_ctrl_c_says_how_far_it_came_and_what_goes_on(dev):
    runs = started(dev, 6)
    with dev.running("cancel", *runs, "--rate", "1") as process:
        process.stdout.readline()

        beside = ended(process)

    assert process.returncode == 130
    assert beside.startswith("cancel: ")
    assert "are left: the same command goes on with them" in beside
    assert "Traceback" not in beside
    dev("terminate", *runs)


def test_a_step_is_named_where_several_runs_are_answered(dev):
    usage = dev.error("approve", "one", "other", code=2)

    assert "give --step" in usage
