"""What the dashboard takes beside many retained runs, as ratios to beside few of them.

    python -m bench.dashboard --runs 1000 1000000

For each number a server with file storage, a coordinator, a worker and a `flowworker ui`; the runs
are written as records (`bench.retained`). Everything is asked in turn of all of them, so that what
else the machine does falls upon each, and several times: the median counts. First the API is asked,
then a real browser is used (Debian's Chromium). At last, runs are started at a steady rate while
the list of runs is open: from each start until its row is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench.board import Board
from bench.browsing import LIVE, browser, first_paint, opened, seen
from bench.retained import WORKFLOWS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Took = dict[str, list[float]]
"""Milliseconds by question, one each time."""

EVEN, ODD = (workflow.name for workflow in WORKFLOWS)
KEPT = "kept-50"
ROW, STEP = ".rows tbody tr", ".step"
GOLD, VALUE_ERROR = (quote(each) for each in ("label.tier=gold", "state=failed error=ValueError"))
API = {
    "runs, first page": "/runs?limit=50",
    "of a workflow": f"/runs?limit=50&workflow={ODD}",
    "failed": "/runs?limit=50&status=FAILED",
    "with a label, each tenth": f"/runs?limit=50&where={GOLD}",
    "one run": f"/runs/{KEPT}",
    "history of a run": "/runs/first/history",
    "workflows": "/workflows",
    "what runs on which": f"/workflows/{EVEN}/unfinished",
    "workers": "/workers",
    "doctor": "/doctor",
}
CLICKS = {
    "failed": ('a.chip[href*="status=FAILED"]', ROW),
    "of a workflow": (f"#/runs?workflow={ODD}", ROW),
    "with a label, each tenth": (f"#/runs?where={GOLD}", ROW),
    "failed with an error": (f"#/runs?where={VALUE_ERROR}", ROW),
    "all again": ("#/runs", ROW),
    "next page": ('nav.pages a[href*="cursor"]', ROW),
    "one run": (f"#/runs/{KEPT}", STEP),
    "its graph": (f"#/runs/{KEPT}?tab=graph", ".graph"),
    "workflows": ("#/workflows", ".names li"),
    "what runs on which": (f"#/workflows/{EVEN}", ".rows"),
    "fleet": ("#/fleet", ".checks li"),
}
LEAST = 100
"""Runs of which there is a second page."""
A_MINUTE = 200
"""Runs that are started meanwhile."""
WINDOW = {"width": 1280, "height": 800}


def main() -> None:
    """`python -m bench.dashboard`."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--times", type=int, default=5, help="how often each question is asked")
    parser.add_argument("--live", type=int, default=20, help="runs that are started each time")
    given = parser.parse_args()
    if min(given.runs) < LEAST:
        parser.error(f"--runs: expected {LEAST} or more, of which there is a second page")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        boards = [
            stack.enter_context(Board(runs, Path(folder) / str(runs)))
            for runs in sorted(given.runs)
        ]
        for board in boards:
            _begin(board)
        with browser() as launched:
            _say(f"Chromium {launched.version}, CPython {platform.python_version()}")
            _report(boards, _measured(launched, boards, given.times, given.live))
        for board in boards:
            sizes = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in board.memory().items())
            _say(f"{board.runs:,} runs: MB of memory: {sizes}; {board.stored() / 1e6:,.0f} on disk")


def _begin(board: Board) -> None:
    since = time.monotonic()
    board.write()
    wrote = time.monotonic() - since
    taken = ", ".join(f"{kind} {size / board.runs:.0f}" for kind, size in board.taken.items())
    _say(f"{board.runs:,} runs, written in {wrote:.0f} s; bytes of each: {taken}")
    _say(f"nats-server {board.server.version}; a first run was executed in {board.start():.1f} s")


def _measured(launched: Browser, boards: list[Board], times: int, live: int) -> list[Took]:
    """For each board the same questions, in turn."""
    found: list[Took] = [{} for _ in boards]
    for turn in range(times):
        for board, took in zip(boards, found, strict=True):
            for name, path in API.items():
                took.setdefault(f"API: {name}", []).append(_asked(board, path))
            with opened(launched, board, viewport=WINDOW) as page:
                _looked(page, took)
                _lived(page, took, f"live-{turn}", live)
    return found


def _asked(board: Board, path: str) -> float:
    since = time.perf_counter()
    status, answer = board.ask("GET", path)
    assert status == 200, answer
    return 1e3 * (time.perf_counter() - since)


def _looked(page: Page, took: Took) -> None:
    took.setdefault("page of runs, opened", []).append(first_paint(page, "#/runs", ROW))
    for name, (act, ready) in CLICKS.items():
        took.setdefault(f"page: {name}", []).append(seen(page, act, ready))


def _lived(page: Page, took: Took, prefix: str, count: int) -> None:
    seen(page, "#/runs", ROW)
    shown = page.evaluate(LIVE, [EVEN, prefix, count, 60_000 / A_MINUTE])
    took.setdefault(f"a start is shown, {A_MINUTE} a minute", []).extend(shown["took"])
    took.setdefault("longest time between two frames meanwhile", []).append(shown["longest"])


def _report(boards: list[Board], found: list[Took]) -> None:
    _say("| |", " | ".join(f"{board.runs:,} runs" for board in boards), "|")
    _say("| --- |", " | ".join("---" for _ in boards), "|")
    for name in found[0]:
        first, *rest = (statistics.median(took[name]) for took in found)
        cells = [f"{first:.0f} ms", *(f"{each / first:.1f} times" for each in rest)]
        _say(f"| {name} |", " | ".join(cells), "|")


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
