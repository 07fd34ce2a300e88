"""Operators act on many runs by the API: each once, some in each request."""

from __future__ import annotations

import json

import pytest

from integration.web.api import VIEWER
from integration.web.conftest import served
from tests.support.waiting import blocking_eventually


@pytest.fixture
def runs(api, run):
    """Two runs that go on until somebody ends them."""
    started = [f"{run}-1", f"{run}-2"]
    for one in started:
        assert api("POST", "/runs", {"workflow": "long", "id": one}).status == 202
        api.until(one, "RUNNING")
    return started


def acted(api, body):
    """By run: the outcome, and what else is said."""
    return {one.pop("id"): one for one in page_of(api, body)["acted"]}


def page_of(api, body, path="/acts"):
    """What is answered once it is not too often any more."""

    def answered():
        answer = api("POST", path, body)
        return None if answer.status == 429 else answer

    answer = blocking_eventually(answered)
    assert answer.status == 202, answer
    return answer.json


def test_runs_are_stopped_once(api, runs):
    body = {"act": "cancel", "runs": [*runs, "nobody"], "how": {"reason": "no more"}}

    would = acted(api, {**body, "dry_run": True})
    assert {run: one["outcome"] for run, one in would.items()} == {
        runs[0]: "requested",
        runs[1]: "requested",
        "nobody": "refused",
    }
    assert api.get(f"/runs/{runs[0]}")["status"] == "RUNNING"

    first = acted(api, body)
    assert first[runs[0]] == {"outcome": "requested"}
    assert (first["nobody"]["outcome"], first["nobody"]["error_type"]) == ("refused", "RunNotFound")
    for run in runs:
        assert api.until(run, "CANCELLED")["error"] == "no more"
    assert acted(api, body)[runs[1]] == {"outcome": "already"}


def test_runs_are_retried_once(api, runs):
    acted(api, {"act": "terminate", "runs": runs})
    for run in runs:
        api.until(run, "CANCELLED")

    begun = acted(api, {"act": "retry", "runs": runs})

    for run in runs:
        again = api.until(begun[run]["new_id"], "RUNNING")
        assert again["rerun_of"] == run
    same = acted(api, {"act": "rerun", "runs": runs, "how": {"failed": True}})
    assert {run: one["new_id"] for run, one in same.items()} == {
        run: one["new_id"] for run, one in begun.items()
    }
    assert {one["outcome"] for one in same.values()} == {"already"}
    acted(api, {"act": "terminate", "runs": [one["new_id"] for one in begun.values()]})


def test_runs_pause_by_name_of_who_sends_it(api, runs):
    acted(api, {"act": "pause", "runs": runs, "how": {"reason": "later"}})

    def actors():
        paused = [api.get(f"/runs/{run}")["paused"] for run in runs]
        return [why["actor"] for why in paused if why]

    assert blocking_eventually(lambda: len(actors()) == len(runs) and actors()) == ["oscar"] * 2
    acted(api, {"act": "terminate", "runs": runs})


def test_runs_that_a_filter_means_are_acted_on_page_by_page(commands, tokens, tmp_path, run):
    (tmp_path / "w.json").write_text(
        json.dumps({"name": run, "steps": [{"id": "wait", "wait_for": {"signal": "go"}}]})
    )
    commands("register", str(tmp_path))
    started = {f"{run}-{each:03}" for each in range(101)}
    # One of its own: so many requests would hold up those of other tests
    with served(commands, "--tokens", str(tokens)) as (api, _):

        def are(status):
            listed = f"/runs?workflow={run}&limit=500&status={status}"
            blocking_eventually(lambda: len(api.get(listed)["runs"]) == len(started), pause=0.2)

        for one in started:
            page_of(api, {"workflow": run, "id": one}, "/runs")
        are("RUNNING")
        body = {"act": "cancel", "where": f"state=running workflow={run}"}

        first = page_of(api, body)
        second = page_of(api, {**body, "cursor": first["next"]})

        assert (len(first["acted"]), len(second["acted"]), second["next"]) == (100, 1, None)
        assert {one["id"] for one in (*first["acted"], *second["acted"])} == started
        are("CANCELLED")


def test_who_answers_is_who_sends_it(api, run):
    api("POST", "/runs", {"workflow": "approval", "id": run})
    api.until(run, "WAITING_HUMAN")
    body = {"act": "approve", "runs": [run], "how": {"step": "sure"}}

    forged = api("POST", "/acts", {**body, "how": {"step": "sure", "actor": "vera"}})
    assert (forged.status, "who answers is who sends this" in forged.json["detail"]) == (400, True)

    assert acted(api, body) == {run: {"outcome": "requested"}}
    assert api.until(run, "COMPLETED")["steps"][0]["actor"] == "oscar"


def test_runs_hear_a_signal_once(api, run):
    started = [f"{run}-1", f"{run}-2"]
    for one in started:
        api("POST", "/runs", {"workflow": "signalled", "id": one})
        api.until(one, "RUNNING")
    body = {"act": "signal", "runs": started, "how": {"name": "paid", "payload": {"by": "Ada"}}}

    first = acted(api, body)
    for one in started:
        api.until(one, "COMPLETED")

    assert [first[one]["outcome"] for one in started] == ["requested"] * 2
    again = acted(api, body)
    assert [again[one]["outcome"] for one in started] == ["already"] * 2


def test_a_step_that_has_failed_is_answered_in_many_runs(api, run):
    api("POST", "/runs", {"workflow": "ask", "id": run})
    api.until(run, "WAITING_HUMAN")
    body = {"act": "resume", "runs": [run, "nobody"], "how": {"step": "decide", "action": "skip"}}

    first = acted(api, body)
    api.until(run, "COMPLETED")

    assert (first[run], first["nobody"]["outcome"]) == ({"outcome": "requested"}, "refused")
    assert acted(api, body)[run] == {"outcome": "already"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"act": "approve", "runs": ["r"]}, "step"),
        ({"act": "cancel", "runs": ["r"], "how": {"step": "a"}}, "step"),
        ({"act": "delete", "runs": ["r"]}, "delete"),
        ({"act": "signal", "runs": ["r"]}, "name"),
        ({"act": "resume", "runs": ["r"], "how": {"step": "a", "action": "approve"}}, "approve"),
        ({"act": "cancel"}, "either runs or where"),
        ({"act": "cancel", "runs": ["r"], "where": "state=failed"}, "either runs or where"),
        ({"act": "cancel", "where": "stat=failed"}, "column 1"),
        ({"act": "cancel", "where": ""}, "length"),
        ({"act": "cancel", "runs": []}, "length"),
        ({"act": "cancel", "runs": [f"r{each}" for each in range(101)]}, "length"),
    ],
)
def test_what_is_no_act_is_refused(api, body, detail):
    answer = api("POST", "/acts", body)

    assert answer.status == 400
    assert detail in answer.json["detail"]


def test_a_viewer_does_not_act(api, runs):
    body = {"act": "terminate", "runs": runs}

    assert api("POST", "/acts", body, token=VIEWER).status == 403

    acted(api, body)
