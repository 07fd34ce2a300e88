"""What happens is sent as it happens, and nothing is missed over a lost connection."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from integration.cli.commands import ended
from integration.web.api import OPERATOR, Api
from integration.web.conftest import served
from tests.support.waiting import WAIT_LIMIT


@contextmanager
def listening(api: Api, path: str, last: str = "") -> Iterator[Iterator[tuple[str, Any]]]:
    """A stream as pairs of its events' types and data; the context's end breaks the connection."""
    connection = HTTPConnection(api.host, api.port, timeout=WAIT_LIMIT)
    sent = {"Authorization": f"Bearer {OPERATOR}"} | ({"Last-Event-ID": last} if last else {})
    connection.request("GET", f"/api/v1{path}", headers=sent)
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    assert answer.headers["content-type"].startswith("text/event-stream")

    def frames() -> Iterator[tuple[str, Any]]:
        fields: dict[str, str] = {}
        for raw in answer:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                data = json.loads(fields["data"])
                assert fields.get("id") == data.get("id")
                yield fields.get("event", "message"), data
                fields = {}

    try:
        yield frames()
    finally:
        answer.close()
        connection.close()


def test_a_run_is_followed_to_its_end(api, commands, run):
    api("POST", "/runs", {"workflow": "sum", "id": run})

    with listening(api, f"/runs/{run}/events") as frames:
        found = list(frames)

    assert found.pop() == ("end", {})
    assert [data for _, data in found] == commands.lines("history", run)


def test_who_comes_back_to_a_run_goes_on_where_they_were(api, commands, run):
    api("POST", "/runs", {"workflow": "approval", "id": run})
    with listening(api, f"/runs/{run}/events") as frames:
        seen = [next(frames)[1]]
        while seen[-1]["type"] != "workflow.waiting_human":
            seen.append(next(frames)[1])

    api("POST", f"/runs/{run}/approve", {})
    api.until(run, "COMPLETED")
    with listening(api, f"/runs/{run}/events", seen[-1]["id"]) as frames:
        rest = [data for _, data in frames][:-1]

    history = commands.lines("history", run)
    assert seen + rest == history
    again = api("GET", f"/runs/{run}/events", Last_Event_ID=history[-1]["id"])
    assert again.status == 204


def test_all_runs_are_followed(api, run):
    with listening(api, "/events") as frames:
        api("POST", "/runs", {"workflow": "sum", "id": run})
        first = next(data for _, data in frames if data["data"]["id"] == run)
    api.until(run, "COMPLETED")

    with listening(api, "/events", first["id"]) as frames:
        types: list[str] = []
        while not types or types[-1] != "workflow.completed":
            types += [data["type"] for data in [next(frames)[1]] if data["data"]["id"] == run]

    assert first["type"] not in types
    assert types.count("workflow.step.completed") == 2


def test_who_was_away_too_long_hears_of_it(api):
    with listening(api, "/events", "nobody/knows") as frames:
        assert next(frames) == ("gap", {})


def test_a_run_that_is_not_there_is_a_problem(api):
    assert api("GET", "/runs/nobody/events").status == 404
    assert api("GET", "/events", token="").status == 401
    assert api("HEAD", "/events").status == 405


def test_streams_end_with_the_process(commands, tokens):
    with (
        served(commands, "--tokens", str(tokens)) as (api, process),
        listening(api, "/events", "nobody/knows") as frames,
    ):
        next(frames)
        assert ended(process, signal.SIGTERM) == ""
        assert process.returncode == 0
        assert list(frames) == []
