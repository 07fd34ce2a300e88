"""Acting on many runs by hand: select, look, act, and follow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.web.api import VIEWER


@pytest.fixture
def runs(api, run):
    started = [f"{run}-{each}" for each in range(3)]
    for one in started:
        api("POST", "/runs", {"workflow": "long", "id": one})
        api.until(one, "RUNNING")
    return started


def test_selected_runs_are_cancelled_after_a_look(page, api, runs):
    page.goto("/#/runs?workflow=long")
    for run in runs:
        page.get_by_label(f"Select {run}").check()
    chosen = page.get_by_role("group", name="Selected runs")
    expect(chosen).to_contain_text("3 selected")
    # Given one that ends meanwhile
    api("POST", f"/runs/{runs[2]}/terminate", {})
    api.until(runs[2], "CANCELLED")

    chosen.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Cancel 3 runs")).to_be_visible()
    expect(dialog).to_contain_text("Of them, 2 would be asked, 1 are done before, 0 refuse.")
    dialog.get_by_label("Reason").fill("sold out")
    dialog.get_by_role("button", name="Cancel").click()

    working = page.get_by_role("group", name="Progress")
    expect(working).to_contain_text("Cancel: 3 of 3, 1 done before")
    expect(chosen).to_have_count(0)
    for run in runs[:2]:
        assert api.until(run, "CANCELLED")["error"] == "sold out"
    working.get_by_role("button", name="Dismiss").click()
    expect(working).to_have_count(0)


def test_selected_runs_are_sent_a_signal_that_is_described_first(page, api, run):
    started = [f"{run}-{each}" for each in range(2)]
    for one in started:
        api("POST", "/runs", {"workflow": "signalled", "id": one})
        api.until(one, "RUNNING")
    page.goto("/#/runs?workflow=signalled")
    for one in started:
        page.get_by_label(f"Select {one}").check()

    page.get_by_role("group", name="Selected runs").get_by_role("button", name="Signal").click()
    form = page.get_by_role("dialog", name="Signal", exact=True)
    form.get_by_label("Name").fill("paid")
    form.get_by_label("Payload").fill('{"by": "Ada"}')
    form.get_by_role("button", name="Look").click()
    preview = page.get_by_role("dialog", name="Signal 2 runs")
    expect(preview).to_contain_text("Of them, 2 would be asked, 0 are done before, 0 refuse.")
    preview.get_by_role("button", name="Signal").click()

    for one in started:
        api.until(one, "COMPLETED")
        assert api.get(f"/runs/{one}/steps/paid/output") == {"by": "Ada"}


def test_those_that_refuse_stay_selected_and_say_why(page, api, runs):
    page.goto("/#/runs?workflow=long")
    for run in runs:
        page.get_by_label(f"Select {run}").check()
    chosen = page.get_by_role("group", name="Selected runs")

    chosen.get_by_role("button", name="Retry").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 refuse")
    expect(dialog).to_contain_text("has not ended: it is RUNNING")
    dialog.get_by_role("button", name="Retry").click()

    expect(page.get_by_role("group", name="Progress")).to_contain_text("3 refused")
    expect(chosen).to_contain_text("3 selected")
    api("POST", "/acts", {"act": "terminate", "runs": runs})


def test_all_that_a_filter_means_are_selected(page, api, run):
    started = [f"{run}-{each:02}" for each in range(51)]
    for one in started:
        api("POST", "/runs", {"workflow": "signalled", "id": one})
    api.until(started[-1], "RUNNING")
    page.goto("/#/runs?workflow=signalled&status=RUNNING")
    chosen = page.get_by_role("group", name="Selected runs")

    page.get_by_label("Select all on this page").check()
    expect(chosen).to_contain_text("50 selected")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    expect(chosen).to_contain_text("50 selected")
    page.get_by_role("link", name="Newest").click()
    chosen.get_by_role("button", name="Select all on all pages").click()
    expect(chosen).to_contain_text(re.compile(r"5[1-9] selected"))

    chosen.get_by_role("button", name="Terminate").click()
    page.get_by_role("dialog").get_by_role("button", name="Terminate").click()

    for one in started:
        api.until(one, "CANCELLED")
    # And another filter has another selection
    expect(chosen).to_have_count(0)


def test_a_viewer_selects_nothing(browser, api, runs):
    with opened(browser, api, VIEWER) as page:
        page.goto("/#/runs?workflow=long")
        expect(page.get_by_role("link", name=runs[0])).to_be_visible()

        expect(page.get_by_role("checkbox", name=re.compile("^Select"))).to_have_count(0)
    api("POST", "/acts", {"act": "terminate", "runs": runs})
