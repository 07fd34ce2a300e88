"""Acting on several runs by one command, also by one that is killed in the midst of it."""

from __future__ import annotations

import json
import shlex
import signal
import uuid

import pytest

from flowworker.cli.many import SHOWN
from integration.cli.commands import ended, until
from tests.support.terminals import on_terminal


def started(dev, count, name="long"):
    work = ("--input", '{"seconds": 600}')  # none ends while it is acted on
    runs = [dev("start", name, *work).strip() for _ in range(count)]
    for run in runs:
        until(dev, run, "RUNNING")
    return runs


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


@pytest.fixture
def flow(dev, tmp_path):
    """A workflow of its own, whose runs go on until somebody ends them."""
    name = f"nap-{uuid.uuid4().hex[:8]}"
    path = tmp_path / "nap.json"
    path.write_text(json.dumps({"name": name, "steps": [{"id": "nap", "uses": "sleep"}]}))
    dev("register", str(path))
    return name


def test_runs_that_a_filter_means_are_seen_before_they_are_acted_on(dev, said, flow):
    runs = started(dev, 7, flow)
    where = ("--where", f"state=running workflow={flow}")

    code, lines, beside = said("cancel", *where, "--dry-run")
    assert code == 0
    assert sorted(lines) == sorted(f"cancel of run {run} would be requested" for run in runs)
    assert beside[0] == f"cancel: 7 runs like 'state=running workflow={flow}', newest first:"
    assert beside[1].split()[:3] == [runs[-1], flow, "RUNNING"]
    assert beside[6:] == ["  and 2 more", "cancel, as it would be: 7 requested"]

    assert "give --yes" in dev.error("cancel", *where, code=2)  # nobody is there to be asked
    code, lines, beside = said("cancel", *where, "--yes", "--reason", "sold out")
    assert (code, len(lines), beside[-1]) == (0, 7, "cancel: 7 requested")
    for run in runs:
        assert until(dev, run, "CANCELLED")["error"] == "sold out"

    # And a filter that means nothing is no failure
    code, lines, beside = said("cancel", *where, "--yes")
    assert (code, lines) == (0, [])
    assert beside == [f"cancel: no run is like 'state=running workflow={flow}'"]


@pytest.mark.chaos
def test_a_command_with_a_filter_says_which_one_goes_on(dev, flow):
    # Given runs that are cancelled, and a retry of them that is killed in the midst
    runs = started(dev, 10, flow)
    dev("terminate", *runs)
    for run in runs:
        until(dev, run, "CANCELLED")
    where = ("--where", f"workflow={flow} started>-2h")
    with dev.running("retry", *where, "--yes", "--rate", "10") as process:
        goes_on = next(line for line in process.stderr if line.startswith("if this is interrupted"))
        for _ in range(3):
            process.stdout.readline()
        ended(process, signal.SIGKILL)

    # And what it has begun ended in the same way
    begun = [run["id"] for run in dev.lines("list", "--workflow", flow) if run["rerun_of"]]
    dev("terminate", *begun)
    for run in begun:
        until(dev, run, "CANCELLED")

    # When the command that it said is called, then it retries the others, and no retry
    words = shlex.split(goes_on.partition("go on by: ")[2])
    assert words[1:4] == ["retry", "--rate", "10.0"]
    said = {one["id"]: one for one in dev.lines(*words[1:])}
    assert set(said) == set(runs)
    assert {one["outcome"] for one in said.values()} == {"already", "requested"}
    for one in said.values():
        until(dev, one["new_id"], "CANCELLED" if one["outcome"] == "already" else "RUNNING")
    of = [run["rerun_of"] for run in dev.lines("list", "--workflow", flow) if run["rerun_of"]]
    assert sorted(of) == sorted(runs)
    dev("terminate", "--where", f"state=running workflow={flow}", "--yes")


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code", "state"), [("n", 130, "RUNNING"), ("y", 0, "CANCELLED")])
def test_one_is_asked_on_a_terminal(dev, flow, typed, code, state):
    [run] = started(dev, 1, flow)

    shown, found = on_terminal(
        *("cancel", "--where", f"workflow={flow}"),
        typed=f"{typed}\n",
        FLOWWORKER_NATS_URL=dev.url,
    )

    assert "cancel 1 run? [y/N]" in shown
    assert found == code
    until(dev, run, state)
    dev.code("terminate", run)


def test_a_step_is_named_where_several_runs_are_answered(dev):
    usage = dev.error("approve", "one", "other", code=2)

    assert "give --step" in usage
