"""Pictures of the dashboard for docs/images/: `make pictures`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from integration.browser.conftest import CHROMIUM, opened
from integration.cli.commands import Commands, url_of
from integration.web.api import TOKENS, Api
from integration.web.conftest import served
from tests.support.waiting import blocking_eventually

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "docs" / "images"
SIZES = {"wide": {"width": 1100, "height": 720}, "narrow": {"width": 360, "height": 720}}
VIEWS = {
    "runs": "#/runs",
    "steps": "#/runs/order-1042?step=charge",
    "graph": "#/runs/order-1041?tab=graph",
    "timeline": "#/runs/order-1042?tab=timeline",
    "approval": "#/runs/order-1044?step=review",
    "workflow": "#/workflows/order.fulfil",
    "schedules": "#/schedules",
    "schedule": "#/schedules/stock-take",
    "limits": "#/limits",
    "limit": "#/limits/pickers",
    "fleet": "#/fleet",
}
ORDERS = {
    "order-1041": {"customer": "Ada", "items": ["lamp", "desk", "chair"], "total": 412},
    "order-1042": {"customer": "Grace", "items": ["shelf"], "total": 80, "card": "foreign"},
    "order-1043": {"customer": "Alan", "items": ["lamp"], "total": 35},
    "order-1044": {"customer": "Edsger", "items": ["desk"], "total": 2400},
    "order-1045": {"customer": "Barbara", "items": ["lamp", "shelf"], "total": 115, "slow": True},
}
LAST = {"customer": "Donald", "items": ["chair"], "total": 60}
LIMITS: dict[str, Any] = {"mail": {"rate": "100/s", "burst": 20}, "pickers": {"concurrency": 10}}
SCHEDULE = {
    "id": "stock-take",
    "workflow": "order.fulfil",
    "cron": "30 6 * * 1-5",
    "timezone": "Europe/Berlin",
    "input": {"customer": "the shop itself", "items": ["lamp"], "total": 0},
}
SETTLED = {"order-1041": "COMPLETED", "order-1042": "FAILED", "order-1044": "WAITING_HUMAN"}


def main() -> None:
    """Write them all."""
    IMAGES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        app, orders = "integration.browser.shop:app", str(HERE / "shop.yaml")
        process = stack.enter_context(
            Commands("").running("dev", "--app", app, "--workflows", orders, "--port", "0")
        )
        tokens = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tokens"
        tokens.write_text(TOKENS)
        commands = Commands(url_of(process))
        api, _ = stack.enter_context(served(commands, "--tokens", str(tokens)))
        blocking_eventually(lambda: "order.fulfil" in api.get("/workflows")["workflows"])
        for name, body in LIMITS.items():
            assert api("PUT", f"/limits/{name}", body).status == 200
        for run, given in ORDERS.items():
            api("POST", "/runs", {"workflow": "order.fulfil", "id": run, "input": given})
        assert api("POST", "/schedules", SCHEDULE).status == 201
        for run, status in SETTLED.items():
            api.until(run, status)
        # Two are at work for the slow one, so that the last one waits
        assert api("PUT", "/limits/pickers", {"concurrency": 2}).status == 200
        api("POST", "/runs", {"workflow": "order.fulfil", "id": "order-1046", "input": LAST})
        blocking_eventually(lambda: api.get("/limits/pickers")["waiting"] == 1)
        playwright = stack.enter_context(sync_playwright())
        options: Any = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        _draw(stack.enter_context(playwright.chromium.launch(**options)), api)


def _draw(browser: Browser, api: Api) -> None:
    for scheme in ("light", "dark"):
        for name, size in SIZES.items():
            options: Any = {"color_scheme": scheme, "viewport": size}
            with opened(browser, api, **options) as page:
                for view, address in VIEWS.items():
                    _take(page, address, IMAGES / f"{view}-{scheme}-{name}.png")
                _show(page, "#/workflows/order.fulfil")
                page.get_by_role("button", name="Start a run").click()
                page.get_by_role("dialog").wait_for()
                _shoot(page, IMAGES / f"start-{scheme}-{name}.png")


def _take(page: Page, address: str, path: Path) -> None:
    _show(page, address)
    _shoot(page, path)


def _show(page: Page, address: str) -> None:
    page.goto(f"/{address}")
    page.get_by_role("heading", level=1).wait_for()
    page.locator(".rows, .virtual, .graph, .facts").first.wait_for()
    if "step=" in address:
        page.locator(".detail .payload, .detail .buttons").first.wait_for()
    page.wait_for_load_state("load")


def _shoot(page: Page, path: Path) -> None:
    page.screenshot(path=path, animations="disabled")


if __name__ == "__main__":
    main()
