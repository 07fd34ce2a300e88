"""Limits by the API: looked at by viewers, set by operators."""

from __future__ import annotations

from functools import partial

import pytest

from integration.web.api import VIEWER
from tests.support.waiting import blocking_eventually


@pytest.fixture
def naps(api, run):
    """A limit that nobody has set, three runs whose only step falls under it, and its name."""
    runs = [f"{run}-{each}" for each in range(3)]
    for one in runs:
        body = {"workflow": "limited", "id": one, "input": {"seconds": 600}}
        assert api("POST", "/runs", body).status == 202
        blocking_eventually(partial(waits, api, one))
    yield runs
    for one in runs:
        api("POST", f"/runs/{one}/terminate", {})
    blocking_eventually(lambda: not waiting(api))
    assert api("DELETE", "/limits/naps").status in {204, 404}


def waits(api, run):
    return any(one["run"] == run for one in waiting(api))


def waiting(api):
    return api.get("/limits/naps/waiting", token=VIEWER)["waiting"]


def test_who_holds_it_and_who_waits(api, naps):
    assert [one["run"] for one in waiting(api)] == naps
    answer = api("PUT", "/limits/naps", {"concurrency": 1})
    assert answer.status == 200, answer

    shown = blocking_eventually(
        lambda: (found := api.get("/limits/naps", token=VIEWER))["holders"] and found
    )

    assert (shown["name"], shown["concurrency"], shown["held"]) == ("naps", 1, 1)
    assert [(one["run"], one["step"]) for one in shown["holders"]] == [(naps[0], "nap")]
    blocking_eventually(lambda: [one["run"] for one in waiting(api)] == naps[1:])
    row = {"name": "naps", "concurrency": 1, "held": 1, "waiting": 2, "rate": ""}
    assert row in api.get("/limits?limit=500", token=VIEWER)["limits"]


def test_it_is_raised_while_it_is_waited_for(api, naps):
    for concurrency in (1, 3):
        assert api("PUT", "/limits/naps", {"concurrency": concurrency}).status == 200

    blocking_eventually(lambda: api.get("/limits/naps")["held"] == 3)


def test_a_rate_beside_places_or_alone(api, naps):
    both = {"concurrency": 1, "rate": "1/d", "burst": 2}
    shown = api("PUT", "/limits/naps", both).json
    assert (shown["concurrency"], shown["rate"], shown["burst"]) == (1, "1/d", 2)

    shown = api("PUT", "/limits/naps", {"rate": "100/s"}).json
    assert (shown["concurrency"], shown["rate"], shown["burst"]) == (0, "100/s", 10)
    blocking_eventually(lambda: not waiting(api))


def test_who_waits_is_listed_page_by_page(api, naps):
    first = api.get("/limits/naps/waiting?limit=2")
    second = api.get(f"/limits/naps/waiting?limit=2&cursor={first['next']}")

    assert [one["run"] for one in first["waiting"]] == naps[:2]
    assert ([one["run"] for one in second["waiting"]], second["next"]) == (naps[2:], None)


def test_they_are_listed_page_by_page(api, run):
    made = [f"{run}-{each}" for each in range(3)]
    for one in made:
        assert api("PUT", f"/limits/{one}", {"concurrency": 2}).status == 200

    page, found = api.get("/limits?limit=1"), []
    found += page["limits"]
    while page["next"]:
        page = api.get(f"/limits?limit=1&cursor={page['next']}")
        found += page["limits"]

    assert [one["name"] for one in found if one["name"] in made] == made
    for one in made:
        assert api("DELETE", f"/limits/{one}").status == 204
        assert api("GET", f"/limits/{one}").json["type"] == "urn:flowworker:NotFound"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/limits/a.b", {"concurrency": 1}, 400),
        ("PUT", "/limits/x", {"concurrency": 0}, 400),
        ("PUT", "/limits/x", {"concurrency": 1001}, 400),
        ("PUT", "/limits/x", {}, 400),
        ("PUT", "/limits/x", {"rate": "often"}, 400),
        ("PUT", "/limits/x", {"rate": "2000/s"}, 400),
        ("PUT", "/limits/x", {"concurrency": 1, "burst": 2}, 400),
        ("PUT", f"/limits/own.{'0' * 32}", {"concurrency": 1}, 400),
        ("GET", "/limits?cursor=a.b", None, 400),
        ("GET", "/limits/nobody", None, 404),
        ("DELETE", "/limits/nobody", None, 404),
    ],
)
def test_what_is_refused(api, method, path, body, status):
    assert api(method, path, body).status == status


@pytest.mark.parametrize(("method", "body"), [("PUT", {"concurrency": 1}), ("DELETE", None)])
def test_viewers_set_nothing(api, method, body):
    assert api(method, "/limits/x", body, token=VIEWER).status == 403
