"""Schedules by the API: looked at by viewers, steered by operators."""

from __future__ import annotations

import pytest

from integration.web.api import OPERATOR, VIEWER
from integration.web.conftest import served
from tests.support.waiting import blocking_eventually

DAILY = {"workflow": "sum", "input": {"n": 5}, "cron": "0 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def schedule(api, run):
    """One whose times come when nobody tests."""
    answer = api("POST", "/schedules", {**DAILY, "id": run})
    assert answer.status == 201, answer
    yield run
    assert api("DELETE", f"/schedules/{run}").status in {204, 404}


def acted(api, path, body):
    answer = api("POST", path, body)
    assert answer.status == 200, answer
    return answer.json


def test_one_shows_what_it_says_and_its_next_times(api, schedule):
    shown = api.get(f"/schedules/{schedule}", token=VIEWER)

    assert (shown["state"], shown["workflow"], shown["cron"]) == ("ACTIVE", "sum", "0 2 * * *")
    assert len(shown["next"]) == 5
    listed = api.get("/schedules?workflow=sum&limit=500", token=VIEWER)["schedules"]
    assert shown in listed
    assert shown not in api.get("/schedules?workflow=broken")["schedules"]


def test_they_are_listed_page_by_page(api, run):
    made = [f"{run}-{each}" for each in range(3)]
    for one in made:
        assert api("POST", "/schedules", {**DAILY, "id": one, "workflow": "paged"}).status == 201

    first = api.get("/schedules?workflow=paged&limit=2")
    second = api.get(f"/schedules?workflow=paged&limit=2&cursor={first['next']}")

    assert [one["id"] for one in first["schedules"]] == made[:2]
    assert ([one["id"] for one in second["schedules"]], second["next"]) == (made[2:], None)
    for one in made:
        assert api("DELETE", f"/schedules/{one}").status == 204
    assert api.get("/schedules?workflow=paged") == {"schedules": [], "next": None}


def test_one_is_paused_goes_on_and_is_deleted(api, schedule):
    paused = acted(api, f"/schedules/{schedule}/pause", {"reason": "look first"})
    assert (paused["state"], paused["paused"], paused["next"]) == ("PAUSED", "look first", [])

    again = acted(api, f"/schedules/{schedule}/unpause", {})
    assert (again["state"], len(again["next"])) == ("ACTIVE", 5)

    assert api("DELETE", f"/schedules/{schedule}").status == 204
    assert api("GET", f"/schedules/{schedule}").json["type"] == "urn:flowworker:NotFound"


def test_a_run_begins_at_once(api, schedule):
    begun = acted(api, f"/schedules/{schedule}/trigger", {})

    assert api.until(begun["run"], "COMPLETED")["workflow"] == "sum"
    assert api.get(f"/runs/{begun['run']}/output") == {"second": {"n": 7}}
    last = blocking_eventually(lambda: api.get(f"/schedules/{schedule}")["recent"])
    assert [(one["run"], one["state"]) for one in last] == [(begun["run"], "COMPLETED")]


def test_a_time_that_is_skipped_says_why(api, run):
    body = {"id": run, "workflow": "signalled", "every": "1d", "overlap": "skip"}
    assert api("POST", "/schedules", body).status == 201
    first = acted(api, f"/schedules/{run}/trigger", {})

    second = acted(api, f"/schedules/{run}/trigger", {})

    assert second["state"] == "SKIPPED"
    assert second["reason"] == f"run {first['run']} had not ended"
    assert api.get(f"/schedules/{run}")["skipped"] == 1
    assert api("POST", f"/runs/{first['run']}/terminate", {}).status == 202
    assert api("DELETE", f"/schedules/{run}").status == 204


def test_times_between_two_moments_begin_runs(api, schedule):
    body = {"from": "2030-01-30T00:00:00Z", "to": "2030-02-01T00:00:00Z", "overlap": "allow_all"}

    runs = acted(api, f"/schedules/{schedule}/backfill", body)["runs"]

    assert runs == [f"{schedule}-20300130T010000Z", f"{schedule}-20300131T010000Z"]
    for one in runs:
        api.until(one, "COMPLETED")


def test_what_is_no_schedule_is_refused(api, schedule):
    for body, status, said in (
        ({**DAILY, "id": schedule}, 409, "exists"),
        ({**DAILY, "id": "other", "workflow": "nothing"}, 404, "no workflow"),
        ({**DAILY, "id": "other", "timezone": "Europe/Berln"}, 400, "did you mean"),
        ({**DAILY, "id": "other", "every": 60}, 400, "both"),
        ({**DAILY, "id": "no.id"}, 400, "regex"),
        ({**DAILY, "id": "other", "when": "now"}, 400, "unknown field"),
    ):
        answer = api("POST", "/schedules", body)
        assert (answer.status, said in answer.json["detail"]) == (status, True), answer
    far = {"from": "2000-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}
    answer = api("POST", f"/schedules/{schedule}/backfill", far)
    assert (answer.status, "more than 1,000 times" in answer.json["detail"]) == (400, True)
    for path in ("pause", "unpause", "trigger"):
        assert api("POST", f"/schedules/nobody/{path}", {}).status == 404


def test_a_viewer_steers_none(api, schedule):
    for method, path in (
        ("POST", "/schedules"),
        ("POST", f"/schedules/{schedule}/pause"),
        ("POST", f"/schedules/{schedule}/trigger"),
        ("DELETE", f"/schedules/{schedule}"),
    ):
        assert api(method, path, {}, token=VIEWER).status == 403
    assert api.get(f"/schedules/{schedule}")["state"] == "ACTIVE"


def test_what_another_site_could_have_a_browser_send_steers_none(api, schedule):
    login = api("POST", "/session", {"token": OPERATOR}, token="")
    cookie = login.headers["set-cookie"].partition(";")[0]

    for method, path in (("DELETE", f"/schedules/{schedule}"), ("POST", "/schedules")):
        answer = api(method, path, {}, token="", Cookie=cookie)
        assert (answer.status, "flowworker-csrf" in answer.json["detail"]) == (403, True)
    assert api.get(f"/schedules/{schedule}")["state"] == "ACTIVE"


def test_a_server_that_only_shows_steers_none(commands, tokens, schedule):
    with served(commands, "--tokens", str(tokens), "--read-only") as (shown, _):
        assert shown("DELETE", f"/schedules/{schedule}").status == 403
        assert shown.get(f"/schedules/{schedule}")["state"] == "ACTIVE"
