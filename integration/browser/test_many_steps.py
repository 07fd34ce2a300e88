"""A run of more steps than anybody reads."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from integration.web.api import Api

STEPS = 60


@pytest.fixture
def wide(api: Api, commands, run, tmp_path) -> str:
    """A run of which one step has failed, and those beside it have not."""
    path = tmp_path / "wide.yaml"
    parts = [f"  - {{id: part-{n:02}, uses: add, continue_on_error: true}}" for n in range(STEPS)]
    path.write_text("\n".join(["name: wide", "steps:", *parts, "  - {id: odd, uses: refuse}"]))
    assert commands.process("register", str(path)).returncode == 0
    api("POST", "/runs", {"workflow": "wide", "id": run})
    api.until(run, "FAILED")
    return run


def test_of_many_steps_those_are_shown_that_one_looks_for(page, wide):
    page.goto(f"/#/runs/{wide}")
    steps = page.locator(".step")
    expect(steps.first).to_be_visible()

    page.get_by_role("link", name="1 failed").click()
    expect(steps).to_have_count(1)
    expect(steps).to_contain_text("odd")
    page.reload()
    expect(steps).to_have_count(1)

    page.get_by_role("link", name="All").click()
    page.get_by_role("searchbox", name="Find").type("part-07")
    expect(steps).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("find=part-07"))
    # Whatever is typed before that view has come is overwritten by it
    expect(page.get_by_role("link", name="All")).to_have_attribute("href", re.compile("part-07"))
    page.get_by_role("searchbox", name="Find").fill("nothing like that")
    expect(page.get_by_text("No step is like that.")).to_be_visible()


def test_steps_that_are_alike_are_one_box_that_leads_to_them(page, wide):
    page.goto(f"/#/runs/{wide}?tab=graph")
    box = page.get_by_label(re.compile("^part-00 … part-59, 60 steps"))
    expect(box).to_contain_text("60 completed")
    svg = page.locator(".graph > svg")
    before = float(svg.get_attribute("width") or 0)

    page.get_by_role("button", name="Larger").click()
    expect(page.get_by_label("Size")).to_have_text("125 %")
    assert float(svg.get_attribute("width") or 0) == pytest.approx(1.25 * before)

    box.click()
    expect(page.get_by_role("searchbox", name="Find")).to_have_value("part-")
    expect(page.get_by_role("group", name="60 steps")).to_be_visible()
