"""What the API shows is what the command line prints."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import pytest

from integration.web.api import VIEWER
from tests.support.waiting import blocking_eventually


@pytest.fixture(scope="module")
def ended(commands):
    """A run that has ended."""
    commands("start", "sum", "--id", "read-me", "--input", '{"n": 1}', "--wait")
    return "read-me"


def test_a_run_is_what_status_prints(api, commands, ended):
    printed = commands.json("status", ended)

    assert api.get(f"/runs/{ended}?values=true&children=true") == printed
    assert api.get(f"/runs/{ended}")["steps"][0]["output"] is None
    assert api.get(f"/runs/{ended}/steps/first") == commands.json(
        "status", ended, "--step", "first"
    )


def test_payloads_are_what_was_written(api, commands, ended):
    assert api.get(f"/runs/{ended}/input") == {"n": 1}
    assert api.get(f"/runs/{ended}/steps/second/input")["n"] == 2
    assert api.get(f"/runs/{ended}/steps/second/output") == {"n": 3}
    assert api.get(f"/runs/{ended}/output") == {"second": {"n": 3}}


def test_a_history_is_what_history_prints(api, commands, ended):
    assert api.get(f"/runs/{ended}/history")["events"] == commands.lines("history", ended)


def test_processes_are_those_that_the_commands_list(api, commands):
    for role in ("workers", "coordinators"):
        blocking_eventually(partial(commands.lines, role), role)
        [found], [printed] = api.get(f"/{role}")[role], commands.lines(role)
        assert found.keys() == printed.keys()
        assert (found["id"], found["pid"]) == (printed["id"], printed["pid"])


def test_findings_are_the_doctors(api, commands):
    found = api.get("/doctor")
    printed = [finding["check"] for finding in map(dict, commands.lines("doctor"))]

    assert [finding["check"] for finding in found["findings"]] == printed
    assert found["ok"]


def test_a_run_that_waits_says_what_for(api, commands, run):
    commands("start", "approval", "--id", run)
    api.until(run, "WAITING_HUMAN")

    def essence(found):
        """Without what depends on the moment."""
        return [
            (step["id"], step["status"], reason["kind"], reason["subjects"], reason["remedy"])
            for step in found["steps"]
            for reason in step["reasons"]
        ]

    found = api.get(f"/runs/{run}/why?children=true", token=VIEWER)
    assert essence(found) == essence(commands.json("why", run))
    assert [kind for _, _, kind, *_ in essence(found)] == ["approval", "dependency"]
    [only] = api.get(f"/runs/{run}/why?step=after")["steps"]
    assert only["reasons"][0]["text"].startswith("waits for sure")


def test_a_graph_has_the_states_of_the_steps(api, commands, ended):
    graph = api.get(f"/runs/{ended}/graph")
    by_id = {node["id"]: node for node in graph["nodes"]}

    steps = [node for node in graph["nodes"] if node["kind"] == "step"]
    assert [(node["step"], node["status"]) for node in steps] == [
        ("first", "COMPLETED"),
        ("second", "COMPLETED"),
    ]
    assert {(by_id[edge["source"]]["step"], edge["label"]) for edge in graph["edges"]} == {
        ("first", ""),
        ("first", "undone by"),
        ("second", "fallback"),
    }
    unseen = [node for node in graph["nodes"] if node["kind"] != "step"]
    assert {node["status"] for node in unseen} == {None}
    assert {node["status"] for node in api.get("/workflows/sum/graph")["nodes"]} == {None}


def test_a_loop_is_folded_in_the_graph(api, commands):
    commands("start", "loop", "--id", "looped", "--wait")

    [node] = api.get("/runs/looped/graph")["nodes"]

    assert node["states"] == {"COMPLETED": 3}


def test_workflows_and_their_versions(api, commands, ended, tmp_path):
    assert "sum" in api.get("/workflows")["workflows"]
    before = api.get("/workflows/sum")
    assert before["input_schema"]["properties"] == {"n": {"type": "integer"}}
    assert [step["id"] for step in before["definition"]["steps"]] == ["first", "second"]
    assert api.get(f"/runs/{ended}/workflow") == before

    for label in ("v1", "v2"):
        path = tmp_path / f"{label}.yaml"
        path.write_text(f"name: edited\nversion: {label}\nsteps: [{{id: only, uses: add}}]\n")
        commands("register", str(path))

    versions = api.get("/workflows/edited/versions")["versions"]
    assert [(one["version"], one["latest"], one["steps"]) for one in versions] == [
        ("v2", True, 1),
        ("v1", False, 1),
    ]
    assert versions[0]["hash"] == api.get("/workflows/edited")["hash"]


def test_unfinished_runs_are_counted_by_what_they_are_pinned_to(api, commands, tmp_path, run):
    hashes = []
    for number, label in enumerate(("v1", "v2")):
        path = tmp_path / f"{label}.yaml"
        path.write_text(f"name: pinned\nversion: {label}\nsteps: [{{id: only, approval: {{}}}}]\n")
        commands("register", str(path))
        hashes.append(api.get("/workflows/pinned")["hash"])
        for count in range(number + 1):
            commands("start", "pinned", "--id", f"{run}-{label}-{count}")
            api.until(f"{run}-{label}-{count}", "WAITING_HUMAN")
    first, second = hashes
    both = [
        {"hash": second, "states": {"WAITING_HUMAN": 2}},
        {"hash": first, "states": {"WAITING_HUMAN": 1}},
    ]
    expected = {"definitions": both, "counted": 3, "more": False}
    assert api.get("/workflows/pinned/unfinished") == expected

    for each in (f"{run}-v1-0", f"{run}-v2-0"):
        commands("approve", each)
        api.until(each, "COMPLETED")

    [left] = api.get("/workflows/pinned/unfinished", token=VIEWER)["definitions"]
    assert left == {"hash": second, "states": {"WAITING_HUMAN": 1}}


def test_a_list_comes_in_pages(api, commands):
    ids = [f"paged-{number}" for number in range(5)]
    for each in ids:
        commands("start", "paged", "--id", each)
    for each in ids:
        api.until(each, "FAILED")

    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = api.get(f"/runs?workflow=paged&status=FAILED&limit=2{cursor}")
        found += page["runs"]
        pages += 1
        cursor = page["next"] and f"&cursor={page['next']}"

    assert pages == 3
    assert found == commands.lines("list", "--workflow", "paged", "--state", "FAILED")
    assert [run["id"] for run in found] == ids[::-1]


def test_a_list_takes_filters(api, commands):
    commands("start", "broken", "--id", "filtered")
    api.until("filtered", "FAILED")
    where = quote('rerun_of="" error!="" started>-1d')

    found = api.get(f"/runs?workflow=broken&where={where}")["runs"]
    assert "filtered" in [run["id"] for run in found]
    assert api.get(f"/runs?workflow=broken&status=COMPLETED&where={where}")["runs"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs/nobody", 404),
        ("/workflows/nothing", 404),
        ("/workflows/nothing/unfinished", 404),
        ("/runs/a.b", 400),
        ("/runs?limit=0", 400),
        ("/runs?limit=1&limit=2", 400),
        ("/runs?states=FAILED", 400),
        ("/runs?status=BAD", 400),
        ("/runs?where=stat%3Dfailed", 400),
        ("/runs?cursor=never", 400),
        ("/runs/read-me/steps/third", 400),
        ("/runs/nobody/why", 404),
        ("/runs/read-me/why?step=third", 400),
        ("/nothing", 404),
    ],
)
def test_what_is_not_there_is_a_problem(api, ended, path, status):
    answer = api("GET", path)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"]


def test_a_method_that_is_not_there_is_a_problem_with_those_that_are(api):
    answer = api("DELETE", "/workers")

    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
