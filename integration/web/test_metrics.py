"""What a server of the API counts, as a scrape reads it."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.ports import free_port
from integration.web.api import OPERATOR
from integration.web.conftest import served
from tests.support.waiting import blocking_eventually


@pytest.fixture(scope="module")
def scraped(commands, tokens):
    """A server, and a way to read what it has counted."""
    port = free_port()
    with served(commands, "--tokens", str(tokens), "--http-port", str(port)) as (api, _):

        def read(name, **labels):
            """The value of one series, 0 if it is not there."""
            with urlopen(f"http://127.0.0.1:{port}/metrics") as page:
                families = list(text_string_to_metric_families(page.read().decode()))
            samples = [one for family in families for one in family.samples]
            found = [s.value for s in samples if (s.name, s.labels) == (name, labels)]
            return sum(found)

        yield api, read


def test_requests_are_counted_by_what_was_asked_for(scraped):
    api, read = scraped

    def requests(endpoint, status):
        return read("flowworker_http_requests_total", endpoint=endpoint, status=str(status))

    before = requests("getRun", 404)
    for run in ("nobody", "no-one"):
        api("GET", f"/runs/{run}")
    api("GET", "/nothing/of/the/kind")
    api("TEAPOT", "/workers")
    api("GET", "/workers", Host="elsewhere.example")

    assert requests("getRun", 404) - before == 2
    assert read("flowworker_http_request_seconds_count", endpoint="getRun") >= 2
    assert requests("other", 404) == 1
    assert requests("other", 405) == 1
    assert requests("other", 421) == 1
    assert read("flowworker_http_requests_total", endpoint="getRun", status="200") == 0


def test_who_asks_too_often_is_counted(scraped):
    api, read = scraped

    statuses = [api("GET", "/doctor").status for _ in range(40)]

    assert 429 in statuses
    many = read("flowworker_http_requests_total", endpoint="examine", status="429")
    assert many == statuses.count(429)


def test_streams_that_are_open_are_counted(scraped):
    api, read = scraped
    url = f"http://{api.host}:{api.port}/api/v1/events"

    with urlopen(Request(url, headers={"Authorization": f"Bearer {OPERATOR}"})) as stream:
        assert stream.status == 200
        assert blocking_eventually(lambda: read("flowworker_http_streams") == 1)

    assert blocking_eventually(lambda: read("flowworker_http_streams") == 0)
