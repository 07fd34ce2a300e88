"""A real browser, logged in to the dashboard of a real fleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from integration.web.api import OPERATOR, Api
from integration.web.conftest import api, commands, run, tokens

__all__ = ["api", "commands", "run", "tokens"]  # fixtures of the API's tests

expect.set_options(timeout=60_000)  # ms: as long as it takes on a slow machine

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    options: dict[str, Any] = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
    # No sandbox: the tests run as root, and open no page but ours.
    with sync_playwright() as playwright, playwright.chromium.launch(**options) as launched:
        yield launched


@contextmanager
def opened(browser: Browser, api: Api, token: str = OPERATOR, **options: Any) -> Iterator[Page]:
    """The dashboard, logged in; the scripts and styles of its pages must please the browser."""
    base = f"http://{api.host}:{api.port}"
    with browser.new_context(base_url=base, locale="en-GB", **options) as context:
        context.set_default_timeout(60_000)
        if token:
            log_in(context, token)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: _note(errors, said.text))
        yield page
        assert errors == []


def log_in(context: BrowserContext, token: str) -> None:
    answer = context.request.post("/api/v1/session", data={"token": token})
    assert answer.ok


def _note(errors: list[str], said: str) -> None:
    if "Content Security Policy" in said or "Trusted" in said:
        errors.append(said)


@pytest.fixture
def page(browser: Browser, api: Api) -> Iterator[Page]:
    with opened(browser, api) as found:
        yield found
