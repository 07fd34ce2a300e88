"""What an operator does by hand."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from integration.browser.conftest import opened
from integration.web.api import VIEWER


def test_a_step_that_asks_is_approved(page, api, run):
    api("POST", "/runs", {"workflow": "approval", "id": run})
    api.until(run, "WAITING_HUMAN")
    page.goto(f"/#/runs/{run}?step=sure")

    page.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Sure?")).to_be_visible()
    dialog.get_by_label("Answer").fill("{no json")
    dialog.get_by_role("button", name="Approve").click()
    expect(dialog.get_by_role("alert")).to_contain_text("expected JSON")
    dialog.get_by_label("Answer").fill('{"order": 7}')
    dialog.get_by_label("Reason").fill("fine")
    dialog.get_by_role("button", name="Approve").click()

    expect(dialog).to_have_count(0)
    expect(page.locator(".facts").first).to_contain_text("Completed")
    step = api.get(f"/runs/{run}/steps/sure")
    assert (step["actor"], step["reason"]) == ("oscar", "fine")
    assert step["output"]["value"]["order"] == 7


def test_what_failed_is_run_again(page, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": run})
    api.until(run, "FAILED")
    page.goto(f"/#/runs/{run}")

    page.get_by_role("button", name="Retry").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 of 2 steps run; 1 are kept as they were.")
    dialog.get_by_label("Id of the new run").fill(f"{run}-again")
    dialog.get_by_role("button", name="Start").click()

    expect(page).to_have_url(re.compile(f"{run}-again$"))
    expect(page.locator(".facts").first).to_contain_text("Failed")
    expect(page.get_by_role("link", name="prepare")).to_contain_text(f"kept from {run}")


def test_a_run_is_cancelled(page, api, run):
    api("POST", "/runs", {"workflow": "long", "id": run})
    page.goto(f"/#/runs/{run}")

    page.get_by_role("button", name="Cancel").click()
    page.keyboard.type("not needed")
    page.keyboard.press("Enter")

    expect(page.locator(".facts").first).to_contain_text("Cancelled")
    assert "not needed" in api.get(f"/runs/{run}")["error"]


def test_a_run_pauses_and_goes_on(page, api, run):
    api("POST", "/runs", {"workflow": "long", "id": run})
    api.until(run, "RUNNING")
    page.goto(f"/#/runs/{run}")

    page.get_by_role("button", name="Pause").click()
    page.keyboard.type("look first")
    page.keyboard.press("Enter")
    expect(page.locator(".facts").first).to_contain_text("by oscar: look first")
    page.goto("/#/runs?workflow=long&where=state%3Drunning")
    page.get_by_role("link", name="Paused", exact=True).click()
    expect(page.get_by_label("Filter", exact=True)).to_have_value("state=running paused=yes")
    expect(page.get_by_role("row").filter(has_text=run)).to_contain_text("paused")
    page.get_by_role("link", name="Paused", exact=True).click()
    expect(page.get_by_label("Filter", exact=True)).to_have_value("state=running")

    page.goto(f"/#/runs/{run}")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_queue_pauses_and_goes_on(page, api):
    page.goto("/#/fleet")
    row = page.get_by_role("table", name="Queues").get_by_role("row").filter(has_text="default")
    expect(row).to_contain_text("Open")

    row.get_by_role("button", name="Pause").click()
    page.keyboard.type("look first")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("by oscar")
    expect(row).to_contain_text("look first")
    assert list(api.get("/pauses")["queues"]) == ["default"]

    row.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    expect(row.get_by_role("button", name="Pause")).to_be_visible()
    assert api.get("/pauses")["queues"] == {}


def test_a_workflow_pauses_and_goes_on(page, api, run):
    page.goto("/#/workflows/long")

    page.get_by_role("button", name="Pause").click()
    page.keyboard.type("look first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Paused")).to_contain_text("by oscar: look")
    assert list(api.get("/pauses")["workflows"]) == ["long"]
    api("POST", "/runs", {"workflow": "long", "id": run})
    page.goto(f"/#/runs/{run}")
    expect(page.locator(".facts").first).to_contain_text("Workflow paused")
    page.goto("/#/workflows")
    expect(page.get_by_role("listitem").filter(has_text="long")).to_contain_text("paused")

    page.get_by_role("link", name="long", exact=True).click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog").get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert api.get("/pauses")["workflows"] == {}


def test_a_run_is_started_with_a_form_of_its_schema(page, run):
    page.goto("/#/workflows")
    page.get_by_role("link", name="sum", exact=True).click()
    expect(page.get_by_label("Graph of sum v1")).to_be_visible()

    page.get_by_role("button", name="Start a run").click()
    page.get_by_label("n", exact=True).fill("4")
    page.get_by_label("Id of the run").fill(run)
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"{run}$"))
    expect(page.locator(".facts").first).to_contain_text("Completed")
    page.get_by_role("link", name="Input and output").click()
    expect(page.get_by_label("Input", exact=True)).to_contain_text('"n": 4')


def test_a_run_is_started_with_labels_and_found_by_them(page, run):
    page.goto("/#/workflows/sum")
    page.get_by_role("button", name="Start a run").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("n", exact=True).fill("4")
    dialog.get_by_label("Id of the run").fill(run)
    dialog.get_by_label("Labels").fill("team")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("expected NAME=VALUE, one a line")
    dialog.get_by_label("Labels").fill(f"place = Köln, 2\nof={run}\n")
    dialog.get_by_role("button", name="Start").click()

    expect(page).to_have_url(re.compile(f"{run}$"))
    page.get_by_role("link", name="place=Köln, 2").click()
    expect(page).to_have_url(re.compile("where="))
    expect(page.get_by_role("link", name=run, exact=True)).to_be_visible()


def test_a_viewer_is_offered_nothing_to_do(browser, api, run):
    api("POST", "/runs", {"workflow": "long", "id": run})
    with opened(browser, api, VIEWER) as page:
        page.goto(f"/#/runs/{run}")

        expect(page.get_by_role("link", name="nap")).to_be_visible()
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
