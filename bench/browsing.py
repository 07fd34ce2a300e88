"""A real browser at a dashboard, and how long it takes to show what was asked for.

Times are the browser's own, from the act until an element is there that was not there before, as a
frame sees it: with all that the server, the network and the scripts of the page take.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from bench.board import TOKEN, WAIT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from bench.board import Board

CHROMIUM = "/usr/bin/chromium"
OPTIONS: dict[str, Any] = {
    "executable_path": CHROMIUM,
    # No sandbox: it may run as root, and opens no page but ours
    "args": ["--no-sandbox", "--enable-precise-memory-info"],
}

SEEN = """([act, ready]) => new Promise((resolve) => {
  const since = performance.now();
  const before = new Set(document.querySelectorAll(ready));
  const look = () => {
    const found = [...document.querySelectorAll(ready)].some((each) => !before.has(each));
    if (found) resolve(performance.now() - since);
    else requestAnimationFrame(look);
  };
  if (act.startsWith("#")) location.hash = act;
  else document.querySelector(act).click();
  requestAnimationFrame(look);
})"""
"""Milliseconds from an act until an element is there that was not; an act is an address, or what
to click."""

PAINTED = """(ready) => new Promise((resolve) => {
  const look = () => {
    if (document.querySelector(ready)) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
"""Milliseconds from the beginning of the navigation until an element is there."""

LIVE = """([workflow, prefix, count, pause]) => {
  const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));
  const headers = { "Content-Type": "application/json", "Flowworker-Csrf": "1" };
  let last = performance.now(), longest = 0, over = false;
  const frame = (now) => {
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const shown = async (id) => {
    const since = performance.now();
    const body = JSON.stringify({ workflow, id });
    const answer = await fetch("api/v1/runs", { method: "POST", headers, body });
    if (!answer.ok) throw new Error(await answer.text());
    while (!document.querySelector(`a[href="#/runs/${id}"]`)) await wait(10);
    return performance.now() - since;
  };
  const one = (_, at) => wait(at * pause).then(() => shown(`${prefix}-${at}`));
  return Promise.all(Array.from({ length: count }, one)).then((took) => {
    over = true;
    return { took, longest };
  });
}"""
"""Starts runs at a steady rate; milliseconds from each request until its row is shown, and the
longest time between two frames."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, as it is."""
    with sync_playwright() as playwright, playwright.chromium.launch(**OPTIONS) as launched:
        yield launched


@contextmanager
def opened(launched: Browser, board: Board, **options: Any) -> Iterator[Page]:
    """An empty page of somebody who is logged in."""
    base = f"http://{board.host}:{board.port}"
    with launched.new_context(base_url=base, **options) as context:
        context.set_default_timeout(1000 * WAIT_LIMIT)
        assert context.request.post("/api/v1/session", data={"token": TOKEN}).ok
        yield context.new_page()


def first_paint(page: Page, address: str, ready: str) -> float:
    """Milliseconds until an element of a page that is opened anew is there."""
    page.goto("about:blank")
    page.goto(f"/{address}", wait_until="commit")
    return float(page.evaluate(PAINTED, ready))


def seen(page: Page, act: str, ready: str) -> float:
    """Milliseconds from an act, an address (`#…`) or what to click, to its effect."""
    return float(page.evaluate(SEEN, [act, ready]))
