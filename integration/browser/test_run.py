"""One run, as somebody looks at it."""

from __future__ import annotations

from playwright.sync_api import expect

from integration.cli.commands import APP
from integration.web.conftest import UNSERVED


def test_a_run_is_followed_as_it_moves(page, api, run):
    api("POST", "/runs", {"workflow": "signalled", "id": run})
    page.goto(f"/#/runs/{run}")
    step = page.get_by_role("link", name="paid")
    expect(step).to_contain_text("waits for the signal paid")

    api("POST", f"/runs/{run}/signal", {"name": "paid"})

    expect(step).to_contain_text("Completed")
    expect(page.locator(".facts").first).to_contain_text("Completed")
    page.get_by_role("link", name="History").click()
    events = page.get_by_role("group", name="events")
    expect(events.get_by_text("signalled", exact=True)).to_be_visible()


def test_a_step_that_failed_says_why(page, api, run):
    api("POST", "/runs", {"workflow": "broken", "id": run, "input": {"n": 41}})
    page.goto(f"/#/runs/{run}")

    page.get_by_role("link", name="break").click()

    detail = page.get_by_label("Step break")
    expect(detail.get_by_text("ValueError: not today").first).to_be_visible()
    detail.get_by_text("Traceback", exact=True).click()
    expect(detail.get_by_text('raise ValueError("not today")')).to_be_visible()
    expect(detail.get_by_label("Input")).to_contain_text('"n": 41')


def test_a_step_that_does_not_move_says_what_it_waits_for(page, api, commands, run):
    assert commands.process("register", str(UNSERVED)).returncode == 0
    api("POST", "/runs", {"workflow": "unserved", "id": run})
    page.goto(f"/#/runs/{run}")
    steps = page.locator(".step")
    far, behind = steps.first, steps.last
    expect(far).to_contain_text("no worker is there that serves queue 'nowhere'")
    expect(behind).to_contain_text("waits for far")

    far.click()
    reasons = page.get_by_role("region", name="Why far does not move")
    expect(reasons).to_contain_text("start a worker with --queue nowhere")

    with commands.running("worker", "--app", APP, "--queue", "nowhere"):
        expect(page.locator(".facts").first).to_contain_text("Completed")
    expect(reasons).to_have_count(0)


def test_a_step_whose_worker_died_says_so(page, api, commands, run):
    assert commands.process("register", str(UNSERVED)).returncode == 0
    with commands.running("worker", "--app", APP, "--queue", "far-away") as process:
        api("POST", "/runs", {"workflow": "lonely", "id": run})
        page.goto(f"/#/runs/{run}")
        step = page.locator(".step").first
        expect(step).to_contain_text("Running")
        step.click()

        process.kill()

        reasons = page.get_by_role("region", name="Why nap does not move")
        expect(reasons).to_contain_text("was lost with it")
        expect(reasons).to_contain_text("start a worker with --queue far-away")


def test_texts_of_users_are_no_markup(page, api, run):
    text = "<img src=x onerror=alert(1)><b id=bold>bold</b>"
    api("POST", "/runs", {"workflow": "long", "id": run, "input": {"text": text}})
    api("POST", f"/runs/{run}/cancel", {"reason": text})
    api.until(run, "CANCELLED")

    page.goto(f"/#/runs/{run}?tab=values")

    expect(page.get_by_text(text).first).to_be_visible()
    expect(page.locator("#bold")).to_have_count(0)


def test_a_run_that_is_not_there_is_said_to_be(page):
    page.goto("/#/runs/nowhere")

    expect(page.get_by_role("alert")).to_contain_text("nowhere")
