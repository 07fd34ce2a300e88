"""What operators do by the API is what the command line does."""

from __future__ import annotations

import pytest

from integration.cli.commands import until
from integration.web.api import VIEWER
from integration.web.conftest import served
from tests.support.waiting import blocking_eventually


def acted(api, path, body):
    answer = api("POST", path, body)
    assert answer.status == 202, answer
    return answer.json


def test_a_run_is_started_once(api, run):
    body = {"workflow": "sum", "input": {"n": 5}, "id": run, "labels": {"for": run}}

    assert acted(api, "/runs", body) == {"id": run}
    assert acted(api, "/runs", body) == {"id": run}
    api.until(run, "COMPLETED")
    assert api.get(f"/runs/{run}/output") == {"second": {"n": 7}}
    assert api.get(f"/runs/{run}")["labels"] == {"for": run}
    assert [found["id"] for found in api.get(f"/runs?where=label.for%3D{run}")["runs"]] == [run]

    taken = api("POST", "/runs", {"workflow": "broken", "id": run})
    assert taken.status == 409
    assert taken.json["type"] == "urn:flowworker:RunIdTaken"


def test_what_would_be_rejected_later_is_refused_now(api):
    assert api("POST", "/runs", {"workflow": "nothing"}).status == 404
    assert api("POST", "/runs", {"workflow": "sum", "input": {"n": "x"}}).status == 400


def test_a_run_is_stopped(api, run):
    for action, started in (("cancel", f"{run}-1"), ("terminate", f"{run}-2")):
        acted(api, "/runs", {"workflow": "long", "id": started})
        api.until(started, "RUNNING")
        answer = acted(api, f"/runs/{started}/{action}", {"reason": "no more"})
        assert answer == {"id": started, "requested": action}
        assert api.until(started, "CANCELLED")["error"] == "no more"
        assert api("POST", f"/runs/{started}/{action}", {}).status == 400


def test_a_run_pauses_and_goes_on(api, run):
    acted(api, "/runs", {"workflow": "long", "id": run})
    api.until(run, "RUNNING")

    asked = acted(api, f"/runs/{run}/pause", {"reason": "look first"})
    assert asked == {"id": run, "requested": "pause"}
    blocking_eventually(lambda: api.get(f"/runs/{run}")["paused"])
    paused = api.get(f"/runs/{run}")["paused"]
    assert (paused["actor"], paused["reason"]) == ("oscar", "look first")
    assert api.get(f"/runs/{run}/why")["reasons"][0]["kind"] == "paused"
    [listed] = [one for one in api.get("/runs")["runs"] if one["id"] == run]
    assert listed["paused"]

    acted(api, f"/runs/{run}/unpause", {})
    blocking_eventually(lambda: api.get(f"/runs/{run}")["paused"] is None)


def test_a_queue_pauses_and_goes_on(api, run):
    paused = api("POST", "/queues/default/pause", {"reason": "look first"})
    try:
        assert paused.status == 200
        assert (paused.json["actor"], paused.json["reason"]) == ("oscar", "look first")
        assert api.get("/pauses")["queues"] == {"default": paused.json}
        acted(api, "/runs", {"workflow": "sum", "id": run})
        blocking_eventually(lambda: reasons(api, run) == [["paused"], ["dependency"]])
    finally:
        assert api("POST", "/queues/default/unpause", {}).status == 204

    api.until(run, "COMPLETED")
    assert api.get("/pauses")["queues"] == {}
    assert api("POST", "/queues/defualt/pause", {}).status == 404


def test_a_workflow_pauses_and_goes_on(api, run):
    paused = api("POST", "/workflows/sum/pause", {"reason": "look first"})
    try:
        assert paused.status == 200
        assert (paused.json["actor"], paused.json["reason"]) == ("oscar", "look first")
        assert api.get("/pauses")["workflows"] == {"sum": paused.json}
        acted(api, "/runs", {"workflow": "sum", "id": run})
        blocking_eventually(lambda: reasons(api, run) == [["paused"], ["dependency"]])
        assert api.get(f"/runs/{run}")["held"] == paused.json
    finally:
        assert api("POST", "/workflows/sum/unpause", {}).status == 204

    api.until(run, "COMPLETED")
    assert api.get("/pauses")["workflows"] == {}
    assert api("POST", "/workflows/smu/pause", {}).status == 404


def reasons(api, run):
    steps = api.get(f"/runs/{run}/why")["steps"]
    return [[reason["kind"] for reason in step["reasons"]] for step in steps]


def test_a_step_that_has_failed_is_answered(api, run):
    acted(api, "/runs", {"workflow": "ask", "id": run})
    api.until(run, "WAITING_HUMAN")

    assert api("POST", f"/runs/{run}/approve", {}).status == 400
    acted(api, f"/runs/{run}/resume", {"action": "complete", "output": {"by": "hand"}})

    api.until(run, "COMPLETED")
    assert api.get(f"/runs/{run}/output") == {"decide": {"by": "hand"}}


@pytest.mark.parametrize(("action", "status"), [("approve", "COMPLETED"), ("reject", "FAILED")])
def test_a_step_that_asks_is_answered_by_who_sends_it(api, run, action, status):
    acted(api, "/runs", {"workflow": "approval", "id": run})
    api.until(run, "WAITING_HUMAN")
    blocking_eventually(lambda: api.get(f"/runs/{run}/steps/sure")["prompt"] == "Sure?")

    acted(api, f"/runs/{run}/{action}", {"step": "sure", "reason": "as agreed"})

    step = api.until(run, status)["steps"][0]
    assert (step["actor"], step["reason"]) == ("oscar", "as agreed")


def test_a_signal_is_taken(api, run):
    acted(api, "/runs", {"workflow": "signalled", "id": run})

    acted(api, f"/runs/{run}/signal", {"name": "paid", "payload": {"order": 7}})

    api.until(run, "COMPLETED")
    assert api.get(f"/runs/{run}/output") == {"paid": {"order": 7}}


def test_a_run_is_done_again(api, commands, run):
    acted(api, "/runs", {"workflow": "broken", "id": run})
    api.until(run, "FAILED")

    planned = api.get(f"/runs/{run}/rerun?failed=true")
    assert planned == commands.json("rerun", run, "--failed", "--dry-run")
    assert [step["kept"] for step in planned["steps"]] == [True, False]

    acted(api, f"/runs/{run}/retry", {"id": f"{run}-again"})
    assert until(commands, f"{run}-again", "FAILED")["rerun_of"] == run
    begun = acted(api, f"/runs/{run}/rerun", {"from_step": "prepare", "input": {"n": 3}})
    assert api.until(begun["id"], "FAILED")["rerun_of"] == run
    assert api.get(f"/runs/{begun['id']}/input") == {"n": 3}
    assert api("POST", f"/runs/{run}/rerun", {"from_step": "nothing"}).status == 400


def test_viewers_do_not_act(api):
    answer = api("POST", "/runs", {"workflow": "sum"}, token=VIEWER)

    assert answer.status == 403
    assert "vera is a viewer" in answer.json["detail"]


def test_nobody_acts_on_a_server_that_only_shows(commands, tokens):
    with served(commands, "--tokens", str(tokens), "--read-only") as (api, _):
        assert api("POST", "/runs", {"workflow": "sum"}).status == 403
        assert api.get("/session")["read_only"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b'{"workflow": "sum", "more": 1}', {}, 400),
        (b"{}", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"workflow": "sum"}', {"Content_Type": "text/plain"}, 415),
        (b'{"workflow": "sum", "input": {"x": "' + b"x" * 8 * 1024 * 1024 + b'"}}', {}, 413),
    ],
    ids=["torn", "list", "unknown", "empty", "deep", "text", "large"],
)
def test_a_body_that_is_none_is_refused(api, body, headers, status):
    assert api("POST", "/runs", body, **headers).status == status
