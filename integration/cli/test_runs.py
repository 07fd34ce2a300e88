"""The life of runs, through the command line."""

from __future__ import annotations

import json
import time

import pytest

from integration.cli.commands import ended, until
from tests.support.waiting import WAIT_LIMIT, blocking_eventually


def test_a_run_prints_its_result_as_json(dev):
    result = json.loads(dev("start", "sum", "--input", '{"n": 5}', "--wait"))

    assert result["status"] == "COMPLETED"
    assert result["output"] == {"second": {"n": 7}}
    assert result["workflow"] == "sum"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["start", "sum", "--wait"], 0),
        (["start", "broken", "--wait"], 1),
        (["start", "sum", "--input", "{"], 2),
        (["status", "nobody"], 3),
        (["list", "--nats-url", "nats://127.0.0.1:1"], 4),
        (["start", "long", "--wait", "--timeout", "0.1"], 5),
    ],
)
def test_processes_end_with_the_code_that_scripts_rely_on(dev, arguments, code):
    result = dev.process(*arguments)

    assert result.returncode == code
    assert len(result.stdout.splitlines()) == (1 if code < 2 else 0)
    assert len(result.stderr.splitlines()) == (0 if code < 2 else 1)


def test_a_run_is_found_by_its_labels(dev):
    labels = ["--label", "team=a", "--label", "customer=Müller = 1, 2"]
    result = json.loads(dev("start", "sum", *labels, "--wait"))
    dev("start", "sum", "--label", "team=b", "--wait")

    where = 'label.team=a,c label.customer="Müller = 1, 2"'
    [found] = dev.lines("list", "--where", where)
    assert found["id"] == result["id"]
    assert found["labels"] == {"customer": "Müller = 1, 2", "team": "a"}
    assert "team=a" in dev("status", result["id"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["team"], "expected NAME=VALUE, found 'team'"),
        (["team=a", "team=b"], "'team' is given twice"),
        (["a b=c"], "expected a label's name of 1 to 63 letters"),
    ],
)
def test_what_is_no_label(dev, given, problem):
    result = dev.process("start", "sum", *(part for each in given for part in ("--label", each)))

    assert result.returncode == 2
    assert problem in " ".join(result.stderr.split())


def test_an_input_comes_from_a_file(dev, tmp_path):
    (tmp_path / "input.json").write_text('{\n  "n": 40\n}\n')

    result = json.loads(dev("start", "sum", "--input", f"@{tmp_path}/input.json", "--wait"))

    assert result["output"] == {"second": {"n": 42}}


def test_an_input_above_one_message_comes_from_a_file(dev, tmp_path):
    (tmp_path / "input.json").write_text(json.dumps({"n": 5, "text": "x" * 3_000_000}))

    result = json.loads(dev("start", "sum", "--input", f"@{tmp_path}/input.json", "--wait"))

    assert result["status"] == "COMPLETED"


def test_a_definition_that_fits_no_message_is_registered_and_run(dev, tmp_path):
    # Given a file with a definition that is larger than a message may be, and one without
    large = json.loads('{"name": "in.chunks", "steps": [{"id": "first", "uses": "add"}]}')
    large["description"] = "a long story. " * 100_000
    (tmp_path / "large.json").write_text(json.dumps(large))
    (tmp_path / "package.json").write_text('{"name": "shop", "version": "1.0.0"}')
    # When it is validated, then it is fine; and when it is registered, then it can be run
    assert "in.chunks is fine" in dev("validate", str(tmp_path))
    assert dev("register", str(tmp_path)).startswith("registered in.chunks")
    result = json.loads(dev("start", "in.chunks", "--input", '{"n": 5}', "--wait"))
    assert result["output"] == {"first": {"n": 6}}


def test_outputs_that_fit_no_message_are_read_from_the_records(dev):
    result = json.loads(dev("start", "large", "--wait"))

    assert {step: len(out["text"]) for step, out in result["output"].items()} == {
        "left": 700_000,
        "right": 700_000,
    }


def test_a_failed_run_is_code_1_and_says_how_its_saga_went(dev):
    result = json.loads(dev("start", "broken", "--wait", code=1))

    assert result["status"] == "FAILED"
    assert "ValueError: not today" in result["error"]
    steps = {step["id"]: step for step in dev.json("status", result["id"])["steps"]}
    assert steps["prepare"]["status"] == "COMPENSATED"
    assert steps["break"]["status"] == "FAILED"
    assert steps["break"]["worker"]


def test_a_run_is_seen_in_status_list_history_and_watch(dev):
    assert dev("start", "sum", "--id", "seen-1") == "seen-1\n"
    until(dev, "seen-1", "COMPLETED")

    text = dev("status", "seen-1")
    listed = dev.lines("list", "--state", "completed", "--workflow", "sum")
    history = dev.lines("history", "seen-1")
    watched = dev.lines("watch", "seen-1")

    assert "sum v1" in text
    assert "first   COMPLETED  1 " in text
    assert "seen-1" in [run["id"] for run in listed]
    assert "seen-1" in dev("list")
    assert history[0]["type"] == "workflow.started"
    assert history[-1]["type"] == "workflow.completed"
    assert {event["data"]["id"] for event in history} == {"seen-1"}
    assert watched == history
    assert len(dev("history", "seen-1").splitlines()) == len(history)


def test_a_second_start_with_an_id_is_the_first_run(dev):
    first = json.loads(dev("start", "sum", "--id", "twice-1", "--input", '{"n": 1}', "--wait"))
    second = json.loads(dev("start", "sum", "--id", "twice-1", "--input", '{"n": 1}', "--wait"))
    other = dev.error("start", "sum", "--id", "twice-1", "--input", '{"n": 9}', code=2)

    assert first == second
    assert "run id twice-1 is taken by a run with another input" in other
    assert first["output"] == {"second": {"n": 3}}


def test_a_run_answers_a_second_start_that_its_workflow_would_refuse_by_now(dev, tmp_path):
    # Given a run, and a newer definition that its input does not satisfy
    definition = tmp_path / "stricter.json"
    steps = [{"id": "first", "uses": "add"}]
    definition.write_text(json.dumps({"name": "stricter", "steps": steps}))
    dev("register", str(definition))
    start = ("start", "stricter", "--id", "strict-1", "--input", '{"n": 1}', "--wait")
    first = dev(*start)
    schema = {"required": ["more"]}
    definition.write_text(json.dumps({"name": "stricter", "steps": steps, "input_schema": schema}))
    dev("register", str(definition))
    # When it is started again, then it is that run; a new one is refused
    assert dev(*start) == first
    for arguments in (("--id", "strict-2"), ()):
        refused = dev.error("start", "stricter", *arguments, "--input", '{"n": 1}', code=2)
        assert "more" in refused
    # And a workflow that is unknown by now is not what is wrong
    assert "taken by a run of stricter" in dev.error("start", "gone", "--id", "strict-1", code=2)


@pytest.mark.parametrize(
    ("answer", "status", "output"),
    [
        (["--action", "complete", "--output", '{"by": "hand"}'], 0, {"decide": {"by": "hand"}}),
        (["--action", "skip", "--step", "decide"], 0, {}),
        (["--action", "cancel"], 1, {}),
    ],
)
def test_a_human_answers(dev, answer, status, output):
    run = dev("start", "ask").strip()
    until(dev, run, "WAITING_HUMAN")
    assert f"flowworker resume {run} --step decide" in dev("status", run)

    dev("resume", run, *answer)
    result = dev.json("start", "ask", "--id", run, "--wait", code=status)

    assert result["id"] == run
    assert result["output"] == output


def test_a_human_orders_another_try(dev):
    run = dev("start", "ask").strip()
    until(dev, run, "WAITING_HUMAN")
    events = len(dev.lines("history", run))

    dev("resume", run, "--action", "retry")
    deadline = time.monotonic() + WAIT_LIMIT
    while len(dev.lines("history", run)) < events + 4:
        assert time.monotonic() < deadline
    until(dev, run, "WAITING_HUMAN")
    dev("terminate", run)

    assert until(dev, run, "CANCELLED")["error"]


@pytest.mark.parametrize("command", ["cancel", "terminate"])
def test_a_run_is_stopped(dev, command):
    run = dev("start", "long").strip()
    until(dev, run, "RUNNING")

    reported = dev.json(command, run, "--reason", "no longer wanted")
    ended = until(dev, run, "CANCELLED")

    assert reported == {"id": run, "requested": command}
    assert ended["error"] == "no longer wanted"
    assert "has ended already: it is CANCELLED" in dev.error(command, run, code=2)


def test_a_run_pauses_and_goes_on(dev):
    run = dev("start", "long").strip()
    until(dev, run, "RUNNING")

    reported = dev.json("pause", run, "--reason", "look first", "--actor", "ops")
    until_said(dev, run, "by ops: look first")
    dev("unpause", run)
    until_said(dev, run, "")
    dev("terminate", run)

    assert reported == {"id": run, "requested": "pause"}


def until_said(dev, run, why):
    """Wait until a run pauses for that reason, or not any more."""

    def said() -> bool:
        shown = dev("status", run)
        return why in shown and bool(why) == ("paused:" in shown)

    blocking_eventually(said, what=why)


def test_a_timeout_is_code_5_and_the_run_goes_on(dev):
    dev("start", "long", "--id", "late-1")
    until(dev, "late-1", "RUNNING")

    line = dev.error("start", "long", "--id", "late-1", "--wait", "--timeout", "0.3", code=5)

    assert "it goes on" in line
    assert dev.json("status", "late-1")["status"] == "RUNNING"
    dev("terminate", "late-1")


@pytest.mark.parametrize(
    ("arguments", "code", "reported"),
    [
        (["start", "nosuch"], 3, "no workflow 'nosuch' is registered"),
        (["start", "sum", "--input", '{"n": "five"}'], 2, '$.n: "five" is not of type "integer"'),
        (["start", "sum", "--input", "[1]"], 2, "expected a JSON object"),
        (["start", "sum", "--id", "a.b"], 2, "expected a run id"),
        (["start", "no good"], 2, "expected a workflow name"),
        (["status", "nobody"], 3, "no run nobody exists"),
        (["history", "nobody"], 3, "no run nobody exists"),
        (["watch", "nobody"], 3, "no run nobody exists"),
        (["cancel", "nobody"], 3, "no run nobody exists"),
        (["resume", "nobody", "--action", "skip"], 3, "no run nobody exists"),
        (["status", "a.b"], 2, "expected a run id"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(dev, arguments, code, reported):
    assert reported in dev.error(*arguments, code=code)


def test_an_input_above_the_limit_of_payloads_is_refused(dev, tmp_path):
    (tmp_path / "big.json").write_text(json.dumps({"text": "x" * (64 << 20)}))

    line = dev.error("start", "sum", "--input", f"@{tmp_path}/big.json", code=2)

    assert "67,108,876 bytes and may have 67,108,864 (payload_limit)" in line


def test_another_namespace_knows_nothing_of_this_one(dev):
    for _ in range(2):  # to look creates nothing
        line = dev.error("list", "--namespace", "other", code=3)
        assert "there is no namespace 'other' on this server; there are 'flowworker'; " in line
    dev.error("start", "sum", "--namespace", "other", code=3)


def test_an_interrupted_wait_says_which_run_it_was(dev):
    with dev.running("start", "long", "--id", "left-alone", "--wait") as waiting:
        until(dev, "left-alone", "RUNNING")
        stderr = ended(waiting)
    dev("terminate", "left-alone")

    assert waiting.returncode == 130
    assert "run left-alone goes on; see `flowworker status left-alone`\n" in stderr
    assert "Traceback" not in stderr
