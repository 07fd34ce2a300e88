"""The dashboard without a mouse, without sight, in few colours, on a small screen.

`checks.js` looks for faults in what the browser has computed; what it calls AA is of WCAG 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integration.browser.conftest import opened

CHECKS = (Path(__file__).parent / "checks.js").read_text("utf-8")
WALKS = 5
"""Through all controls of a view, until none came meanwhile."""

NAMELESS = re.compile(
    r"^\s*- (button|link|textbox|searchbox|checkbox|combobox|img|table|dialog):?$", re.MULTILINE
)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1100, "height": 720}},
    "dark and narrow": {"color_scheme": "dark", "viewport": {"width": 360, "height": 640}},
}


@pytest.fixture(scope="module")
def views(api) -> dict[str, str]:
    """Addresses, and what is there when a view has all that it shows."""
    bad, waits = "access-bad", "access-waits"
    api("POST", "/runs", {"workflow": "broken", "id": bad, "input": {"n": 41}})
    api("POST", "/runs", {"workflow": "signalled", "id": waits})
    api("PUT", "/limits/access", {"concurrency": 1})
    api.until(bad, "FAILED")
    return {
        "#/runs": ".rows tbody tr",
        f"#/runs/{waits}?step=paid": ".detail .why",
        f"#/runs/{bad}?step=break": ".detail .payload",
        f"#/runs/{bad}?tab=graph": ".graph a",
        f"#/runs/{bad}?tab=timeline": ".bar",
        f"#/runs/{bad}?tab=values": ".payload",
        f"#/runs/{bad}?tab=history": ".event",
        "#/workflows": ".names li",
        "#/workflows/broken": ".rows",
        "#/schedules": ".pages",
        "#/limits": ".rows tbody tr",
        "#/limits/access": ".facts",
        "#/fleet": ".checks li",
    }


def shown(page: Page, views: dict[str, str]) -> Iterator[str]:
    """Each view in turn, as a whole."""
    for address, ready in views.items():
        page.goto(f"/{address}")
        page.locator(ready).first.wait_for()
        yield address


def faults(page: Page, check: str) -> list[str]:
    found: list[str] = page.evaluate(f"() => {{ {CHECKS}; return {check}(); }}")
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_a_view_has_names_contrast_and_room(browser, api, views, look):
    found = []
    with opened(browser, api, reduced_motion="reduce", **LOOKS[look]) as page:
        for view in shown(page, views):
            for check in ("structure", "contrast", "width", "motion"):
                found += [(view, check, fault) for fault in faults(page, check)]
            nameless = NAMELESS.findall(page.locator("body").aria_snapshot())
            found += [(view, "nameless", each) for each in nameless]
    assert found == []


def walked(page: Page) -> tuple[list[Any], int]:
    """Where the focus goes with each Tab, and how many controls there are.

    Again if some came meanwhile: the view did not have all that it shows.
    """
    for _ in range(WALKS):
        count = page.evaluate(f"() => {{ {CHECKS}; return controls(); }}")
        page.get_by_role("link", name="Skip to the content").focus()
        reached = [page.evaluate(f"() => {{ {CHECKS}; return focused(); }}")]
        for _ in range(count - 1):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(f"() => {{ {CHECKS}; return focused(); }}"))
        if page.evaluate(f"() => {{ {CHECKS}; return unknown(); }}") == 0:
            return reached, count
    raise AssertionError(f"the controls of {page.url} change all the time")


def test_every_control_is_reached_by_the_keyboard_in_order(page, views):
    for view in shown(page, views):
        reached, count = walked(page)
        assert [at for at, _, _ in reached] == list(range(count)), (view, reached)
        assert [what for _, seen, what in reached[1:] if not seen] == [], view


def test_a_dialog_keeps_the_focus_and_gives_it_back(page, views):
    page.goto("/#/runs/access-waits")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Cancel this run")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    assert faults(page, "structure") == []
    for _ in range(5):
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        assert page.evaluate(inside)

    page.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(cancel).to_be_focused()


def test_a_run_is_started_without_a_mouse(page, api, views, run):
    page.goto("/#/workflows/sum")
    page.get_by_role("button", name="Start a run").press("Enter")
    dialog = page.get_by_role("dialog", name="Start sum")
    expect(dialog).to_be_visible()
    assert faults(page, "structure") == []
    dialog.get_by_label("Id of the run").fill(run)

    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=run)).to_be_visible()


def test_a_link_leads_past_what_stands_above(page, views):
    page.goto("/#/fleet")
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()

    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()
