"""Schedules, looked at and steered by hand."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.web.api import VIEWER

DAILY = {"workflow": "sum", "cron": "0 2 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def schedule(api, run):
    assert api("POST", "/schedules", {**DAILY, "id": run}).status == 201
    yield run
    assert api("DELETE", f"/schedules/{run}").status in {204, 404}


def test_one_is_created_with_a_form_and_mended(page, api, run):
    page.goto("/#/schedules")
    page.get_by_role("button", name="Create a schedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Id").fill(run)
    dialog.get_by_label("Workflow").select_option("sum")
    dialog.get_by_label("Cron").fill("0 2 * * *")
    dialog.get_by_label("Time zone").fill("Europe/Berln")
    dialog.get_by_label("Input").fill('{"n": 5}')
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_role("alert")).to_contain_text("did you mean 'Europe/Berlin'?")

    dialog.get_by_label("Labels").fill("day=${schedule.time}")
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"#/schedules/{run}$"))
    expect(page.locator(".facts")).to_contain_text("0 2 * * * Europe/Berlin")
    expect(page.locator(".facts")).to_contain_text("day=${schedule.time}")
    times = page.get_by_role("list", name="Next times").get_by_role("listitem")
    expect(times).to_have_count(5)
    expect(times.first).to_contain_text("02:00:00")
    page.goto("/#/schedules?workflow=sum")
    expect(page.get_by_role("row").filter(has_text=run)).to_contain_text("Active")
    page.get_by_label("Workflow").select_option("broken")
    expect(page.get_by_text("No schedule is like that.")).to_be_visible()
    api("DELETE", f"/schedules/{run}")


def test_one_is_paused_and_goes_on_with_the_keyboard(page, schedule):
    page.goto(f"/#/schedules/{schedule}")
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("look first")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused: look first")).to_be_visible()
    expect(page.get_by_text("No time begins a run while it is paused.")).to_be_visible()

    page.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()

    expect(page.locator(".facts")).to_contain_text("Active")
    expect(page.get_by_role("list", name="Next times")).to_be_visible()


def test_a_run_begins_now_and_leads_to_its_page(page, schedule):
    page.goto(f"/#/schedules/{schedule}")
    expect(page.get_by_text("None of its times has come yet.")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()

    row = page.get_by_role("table", name="Last times").get_by_role("row").nth(1)
    expect(row).to_contain_text("Completed")
    row.get_by_role("link").click()

    expect(page).to_have_url(re.compile(f"#/runs/{schedule}-"))
    expect(page.locator(".facts").first).to_contain_text("Completed")


def test_a_time_without_a_run_says_why(page, api, run):
    body = {"id": run, "workflow": "signalled", "every": "1d"}
    assert api("POST", "/schedules", body).status == 201
    first = api("POST", f"/schedules/{run}/trigger", {}).json["run"]
    page.goto(f"/#/schedules/{run}")

    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()

    skipped = page.get_by_role("row").filter(has_text="Skipped")
    expect(skipped).to_contain_text(f"run {first} had not ended")
    expect(skipped.get_by_role("link")).to_have_count(0)
    expect(page.locator(".facts")).to_contain_text("1 skipped")
    api("POST", f"/runs/{first}/terminate", {})
    api("DELETE", f"/schedules/{run}")


def test_times_between_two_moments_begin_runs(page, schedule):
    page.goto(f"/#/schedules/{schedule}")
    page.get_by_role("button", name="Backfill").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From").fill("2030-01-31T08:00:00Z")
    dialog.get_by_label("To").fill("yesterday")
    dialog.get_by_role("button", name="Backfill").click()
    expect(dialog.get_by_role("alert")).to_contain_text("yesterday")
    dialog.get_by_label("To").fill("2030-02-02T08:00:00Z")
    dialog.get_by_role("button", name="Backfill").click()

    for day in ("20300201", "20300202"):
        done = page.get_by_role("row").filter(has_text=f"{schedule}-{day}T010000Z")
        expect(done).to_contain_text("Completed")


def test_one_is_deleted(page, schedule):
    page.goto(f"/#/schedules/{schedule}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page).to_have_url(re.compile("#/schedules$"))
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    expect(page.get_by_role("link", name=schedule)).to_have_count(0)


def test_a_viewer_sees_all_and_is_offered_nothing_on_a_narrow_dark_screen(browser, api, schedule):
    narrow = {"viewport": {"width": 360, "height": 720}, "color_scheme": "dark"}
    with opened(browser, api, VIEWER, **narrow) as page:
        page.goto("/#/schedules")
        page.get_by_role("link", name=schedule).click()

        expect(page.get_by_role("list", name="Next times")).to_be_visible()
        expect(page.get_by_role("group", name="Actions")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.goto("/#/schedules")
        expect(page.get_by_role("link", name=schedule)).to_be_visible()
        expect(page.get_by_role("button", name="Create a schedule")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
