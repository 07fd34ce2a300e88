"""What an operator says to runs and steps that wait, fail or go on, by the buttons for it."""

from __future__ import annotations

import re

from playwright.sync_api import expect


def state_of(page):
    return page.locator(".facts").first


def test_a_run_is_terminated(page, api, run):
    api("POST", "/runs", {"workflow": "long", "id": run})
    api.until(run, "RUNNING")
    page.goto(f"/#/runs/{run}")

    page.get_by_role("button", name="Terminate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Nothing is undone.")
    dialog.get_by_label("Reason").fill("enough")
    dialog.get_by_role("button", name="Terminate").click()

    expect(state_of(page)).to_contain_text("Cancelled")
    kinds = [event["type"] for event in api.get(f"/runs/{run}/history")["events"]]
    assert "workflow.cancelled" in kinds
    assert "enough" in api.get(f"/runs/{run}")["error"]


def test_a_step_that_asks_is_rejected(page, api, run):
    api("POST", "/runs", {"workflow": "approval", "id": run})
    api.until(run, "WAITING_HUMAN")
    page.goto(f"/#/runs/{run}?step=sure")

    page.get_by_role("button", name="Reject").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reject").click()
    expect(dialog).to_be_visible()  # a reason has to be given
    dialog.get_by_label("Reason").fill("not at this price")
    dialog.get_by_role("button", name="Reject").click()

    expect(dialog).to_have_count(0)
    expect(state_of(page)).to_contain_text("Failed")
    assert "not at this price" in api.get(f"/runs/{run}")["error"]


def test_a_step_that_failed_is_tried_again_and_then_completed_by_hand(page, api, run):
    api("POST", "/runs", {"workflow": "ask", "id": run})
    api.until(run, "WAITING_HUMAN")
    page.goto(f"/#/runs/{run}?step=decide")
    attempts = page.get_by_role("table", name="Attempts that have ended")
    expect(attempts.get_by_role("row")).to_have_count(2)  # with the head

    page.get_by_role("button", name="Try again").click()
    page.get_by_role("dialog").get_by_role("button", name="Try").click()
    expect(attempts.get_by_role("row")).to_have_count(3)

    page.get_by_role("button", name="Complete").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Output").fill('{"by": "hand"}')
    dialog.get_by_role("button", name="Complete").click()

    expect(state_of(page)).to_contain_text("Completed")
    assert api.get(f"/runs/{run}/steps/decide/output") == {"by": "hand"}


def test_a_step_that_failed_is_skipped(page, api, run):
    api("POST", "/runs", {"workflow": "ask", "id": run})
    api.until(run, "WAITING_HUMAN")
    page.goto(f"/#/runs/{run}?step=decide")

    page.get_by_role("button", name="Skip").click()
    page.get_by_role("dialog").get_by_role("button").filter(has_text="Go").click()

    expect(state_of(page)).to_contain_text("Completed")
    assert api.get(f"/runs/{run}/steps/decide")["status"] == "SKIPPED"


def test_a_signal_is_sent_with_a_payload(page, api, run):
    api("POST", "/runs", {"workflow": "signalled", "id": run})
    page.goto(f"/#/runs/{run}?step=paid")

    page.get_by_role("button", name="Send the signal").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Payload").fill('{"amount": 3}')
    dialog.get_by_role("button", name="Send").click()

    expect(state_of(page)).to_contain_text("Completed")
    assert api.get(f"/runs/{run}/steps/paid/output")["amount"] == 3


def test_a_run_is_run_again_from_one_of_its_steps(page, api, run):
    api("POST", "/runs", {"workflow": "sum", "id": run, "input": {"n": 1}})
    api.until(run, "COMPLETED")
    page.goto(f"/#/runs/{run}?step=second")

    page.get_by_role("button", name="Rerun from here").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 of 2 steps run; 1 are kept as they were.")
    dialog.get_by_label("Id of the new run").fill(f"{run}-again")
    dialog.get_by_role("button", name="Start").click()

    expect(page).to_have_url(re.compile(f"{run}-again$"))
    expect(state_of(page)).to_contain_text("Completed")
    expect(page.locator(".step").first).to_contain_text(f"kept from {run}")
    assert api.get(f"/runs/{run}-again")["rerun_of"] == run


def test_what_runs_on_a_version_is_a_link_to_these_runs(page, api, run):
    api("POST", "/runs", {"workflow": "approval", "id": run})
    api.until(run, "WAITING_HUMAN")
    page.goto("/#/workflows/approval")

    versions = page.get_by_role("table", name="Versions")
    versions.get_by_role("link", name=re.compile(r"\d+ waiting")).click()

    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page.get_by_role("link", name=run)).to_be_visible()
