"""A connection that is lost, and comes back."""

from __future__ import annotations

import signal

from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.cli.commands import Commands, ended
from integration.cli.dashboards import greeting, place_in, said_of
from integration.cli.processes import DEV
from integration.web.api import Api
from integration.web.conftest import served


def test_a_lost_connection_shows_and_mends_itself(browser, commands, tokens, run):
    options = ("--tokens", str(tokens))
    with served(commands, *options) as (api, process), opened(browser, api) as page:
        page.goto("/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()

        ended(process, signal.SIGTERM)
        expect(page.get_by_text("trying again")).to_be_visible()

        with served(commands, *options, "--port", str(api.port)):
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            api("POST", "/runs", {"workflow": "sum", "id": run})
            expect(page.get_by_role("link", name=run)).to_be_visible()


def test_the_address_that_dev_prints_logs_in(browser):
    with Commands("").running(*DEV, "--ui-port", "0") as process:
        host, port, token = place_in(said_of(greeting(process))[0])
        with opened(browser, Api(host, port), token="") as page:
            page.goto(f"/#token={token}")

            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            expect(page.get_by_role("heading", name="Runs")).to_be_visible()
            assert page.url == f"http://{host}:{port}/#/runs"
