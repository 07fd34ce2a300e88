"""Limits, looked at and set by hand."""

from __future__ import annotations

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.web.api import VIEWER
from tests.support.waiting import blocking_eventually


@pytest.fixture
def naps(api, run):
    """Runs whose only step waits for a limit that nobody has set."""
    runs = [f"{run}-{each}" for each in range(2)]
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
    return api.get("/limits/naps/waiting")["waiting"]


def test_one_that_nobody_has_set_is_found_by_the_run_that_waits_and_set(page, naps):
    page.goto(f"/#/runs/{naps[0]}?step=nap")
    why = page.get_by_label("Why it does not move").or_(page.locator(".why")).first
    expect(why).to_contain_text("waits for limit 'naps', which is not set")
    why.get_by_role("link", name="Look at it").click()
    expect(page).to_have_url(re.compile("#/limits/naps$"))
    expect(page.get_by_text("Nobody has set it")).to_be_visible()
    waits = page.get_by_role("table", name="Steps that wait")
    expect(waits.get_by_role("row")).to_have_count(3)

    page.get_by_role("button", name="Set", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Concurrency").fill("1")
    page.keyboard.press("Enter")

    holds = page.get_by_role("table", name="Steps that hold it")
    expect(holds.get_by_role("link", name=naps[0])).to_be_visible()
    expect(waits.get_by_role("link", name=naps[1])).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("Of1")
    holds.get_by_role("link", name="nap", exact=True).click()
    expect(page).to_have_url(re.compile(rf"#/runs/{naps[0]}\?step=nap$"))


def test_one_is_set_with_a_form_changed_and_deleted(page, run):
    page.goto("/#/fleet")
    page.get_by_role("link", name="Limits").click()
    page.get_by_role("button", name="Set a limit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(run)
    dialog.get_by_label("Concurrency").fill("3")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"#/limits/{run}$"))
    expect(page.locator(".facts")).to_contain_text("Of3")
    expect(page.get_by_text("No step waits for it.")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    expect(dialog.get_by_label("Concurrency")).to_have_value("3")
    dialog.get_by_label("Concurrency").fill("5")
    dialog.get_by_role("button", name="Set").click()
    expect(page.locator(".facts")).to_contain_text("Of5")

    page.get_by_role("link", name="Limits").first.click()
    expect(page.get_by_role("row").filter(has_text=run)).to_contain_text("5")
    page.get_by_role("link", name=run).click()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert").first).to_contain_text(f"no limit '{run}' is set")


def test_a_rate_is_set_and_kept_when_the_number_of_places_is_changed(page, run):
    page.goto("/#/limits")
    page.get_by_role("button", name="Set a limit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(run)
    dialog.get_by_label("Rate").fill("100/s")
    dialog.get_by_label("Burst").fill("20")
    page.keyboard.press("Enter")

    expect(page.locator(".facts")).to_contain_text("Ofany")
    expect(page.locator(".facts")).to_contain_text("Rate100/s, 20 at once")
    page.get_by_role("button", name="Change").click()
    dialog.get_by_label("Concurrency").fill("5")
    dialog.get_by_role("button", name="Set").click()
    expect(page.locator(".facts")).to_contain_text("Of5")
    expect(page.locator(".facts")).to_contain_text("Rate100/s, 20 at once")

    page.get_by_role("link", name="Limits").first.click()
    expect(page.get_by_role("row").filter(has_text=run)).to_contain_text("100/s")
    page.get_by_role("link", name=run).click()
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert").first).to_contain_text(f"no limit '{run}' is set")


def test_a_viewer_sees_all_and_is_offered_nothing_on_a_narrow_dark_screen(browser, api, naps):
    assert api("PUT", "/limits/naps", {"concurrency": 1}).status == 200
    narrow = {"viewport": {"width": 360, "height": 720}, "color_scheme": "dark"}
    with opened(browser, api, VIEWER, **narrow) as page:
        page.goto("/#/limits")
        expect(page.get_by_role("link", name="naps")).to_be_visible()
        expect(page.get_by_role("button", name="Set a limit")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

        page.get_by_role("link", name="naps").click()
        holds = page.get_by_role("table", name="Steps that hold it")
        expect(holds.get_by_role("link", name=naps[0])).to_be_visible()
        expect(page.get_by_role("group", name="Actions")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
