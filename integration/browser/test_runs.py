"""The list of runs, as somebody uses it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.web.api import OPERATOR


def test_one_logs_in_with_a_token(browser, api):
    with opened(browser, api, token="") as page:
        page.goto("/")
        page.get_by_label("Token").fill("not-the-token-0123456")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("not accepted")

        page.get_by_label("Token").fill(OPERATOR)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        expect(page.get_by_text("oscar")).to_be_visible()

        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Token")).to_be_visible()


def test_a_run_that_is_started_appears(page, api, run):
    page.goto("/")
    expect(page.get_by_role("table")).to_be_visible()
    link = page.get_by_role("link", name=run)
    expect(link).to_have_count(0)

    api("POST", "/runs", {"workflow": "sum", "id": run})

    expect(page.get_by_role("row").filter(has=link)).to_contain_text("Completed")


def test_filters_stand_in_the_address(page, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": f"{run}-bad"})
    api("POST", "/runs", {"workflow": "sum", "id": f"{run}-good"})
    api.until(f"{run}-bad", "FAILED")
    api.until(f"{run}-good", "COMPLETED")
    page.goto("/")
    good = page.get_by_role("link", name=f"{run}-good")
    expect(good).to_be_visible()

    page.get_by_role("link", name="Failed").click()

    expect(page.get_by_role("link", name=f"{run}-bad")).to_be_visible()
    expect(good).to_have_count(0)
    expect(page).to_have_url(re.compile("status=FAILED"))
    page.get_by_label("Workflow").select_option("sum")
    expect(page.get_by_text("No run is like that.")).to_be_visible()

    page.reload()
    expect(page.get_by_role("link", name="Failed")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(page.get_by_role("link", name=f"{run}-bad")).to_be_visible()


def test_a_filter_stands_in_the_address(page, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": f"{run}-bad"})
    api.until(f"{run}-bad", "FAILED")
    page.goto("/")
    bad = page.get_by_role("link", name=f"{run}-bad")
    expect(bad).to_be_visible()

    page.get_by_role("searchbox", name="Filter").fill("state=completed")
    page.keyboard.press("Enter")
    expect(bad).to_have_count(0)
    page.reload()
    expect(page.get_by_role("searchbox", name="Filter")).to_have_value("state=completed")

    page.get_by_role("searchbox", name="Filter").fill("stat=completed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("did you mean 'state'?")


def test_the_focus_stays_where_it_is_when_rows_come(page, api, run):
    api("POST", "/runs", {"workflow": "sum", "id": f"{run}-a"})
    page.goto("/")
    link = page.get_by_role("link", name=f"{run}-a")
    link.focus()

    api("POST", "/runs", {"workflow": "sum", "id": f"{run}-b"})

    expect(page.get_by_role("link", name=f"{run}-b")).to_be_visible()
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{run}-a")).to_be_visible()


def test_a_list_that_is_narrow_fits(browser, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": f"{run}-{'x' * 60}"})
    with opened(browser, api, viewport={"width": 360, "height": 640}) as page:
        page.goto("/")
        expect(page.get_by_role("link", name=run)).to_be_visible()

        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360
