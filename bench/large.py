"""What the dashboard takes to show a run of very many steps, and to use it.

    python -m bench.large --steps 10000

A real fleet runs a loop of so many instances, and a workflow of so many steps side by side. Then
their pages are opened in a real browser (Debian's Chromium), scrolled, filtered and zoomed; each
several times, the median counts. Beside the time stands how much of a processor's time the server,
the dashboard and the browser took for it together: no more than that passes on a core that nobody
else has. Memory is that of the page's scripts, after all parts of the run were looked at.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.board import Board
from bench.browsing import PAINTED, browser, first_paint, opened, seen
from flowworker.core.for_each import ForEach
from flowworker.core.model import Step, Workflow

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

Took = dict[str, list[tuple[float, float]]]
"""Seconds by what was done, and those of a processor; one of each for each time."""

LOOP, WIDE, SMALL = "bench.loop", "bench.wide", "even"
NOOP = "bench.noop"
WINDOW = {"width": 1280, "height": 800}
SCROLLED = """(to) => new Promise((resolve) => {
  const list = document.querySelector(".virtual");
  const since = performance.now();
  list.scrollTop = to * list.scrollHeight;
  const look = () => {
    const { top, bottom } = list.getBoundingClientRect();
    const rows = [...list.querySelectorAll("li")].map((row) => row.getBoundingClientRect());
    const middle = (top + bottom) / 2;
    const there = rows.some((row) => row.top <= middle && row.bottom >= middle);
    if (there) resolve(performance.now() - since);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
"""Milliseconds until the rows of another part of the list are in sight."""

FILTERED = """(text) => new Promise((resolve) => {
  const input = document.querySelector(".find input");
  const since = performance.now();
  input.value = text;
  input.dispatchEvent(new Event("input"));
  const look = () => {
    const rows = [...document.querySelectorAll(".step .id")];
    if (rows.length && rows.every((row) => row.textContent.includes(text)))
      resolve(performance.now() - since);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
"""Milliseconds until only steps with that in their names are listed."""

ZOOMED = """() => new Promise((resolve) => {
  const size = () => document.querySelector(".graph > svg")?.getAttribute("width");
  const [since, before] = [performance.now(), size()];
  document.querySelector('button[aria-label="Larger"]').click();
  const look = () => {
    if (size() !== before) resolve(performance.now() - since);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""

HEAP = "() => performance.memory.usedJSHeapSize"


def wide(steps: int) -> Workflow:
    """One step, all others but the last behind it, and the last behind all of these."""
    parts = tuple(Step(f"part-{n:05}", NOOP, ("begin",)) for n in range(steps - 2))
    last = Step("end", NOOP, tuple(part.id for part in parts))
    return Workflow(WIDE, (Step("begin", NOOP), *parts, last))


def loop(items: int) -> Workflow:
    """A loop of so many."""
    return Workflow(LOOP, (Step("each", NOOP, for_each=ForEach(list(range(items)))),))


def main() -> None:
    """`python -m bench.large`."""
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how often each page is opened")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Board(0, Path(folder)) as board:
        small = Workflow(SMALL, tuple(Step(f"s{n}", NOOP) for n in range(10)))
        board.write((small, wide(given.steps), loop(given.steps)))
        board.start()
        for name in (LOOP, WIDE):
            since = time.monotonic()
            board.finish(name.replace(".", "-"), name)
            _say(f"{name}: {given.steps:,} steps were run in {time.monotonic() - since:.0f} s")
        with browser() as launched:
            runs = ("first", "bench-loop", "bench-wide")
            _report(runs, [_measured(launched, board, run, given.times) for run in runs])


def _measured(launched: Browser, board: Board, run: str, times: int) -> tuple[Took, float]:
    took: Took = {}
    heap = 0.0
    for _ in range(times):
        with opened(launched, board, viewport=WINDOW) as page:
            _looked(page, run, took)
            heap = max(heap, float(page.evaluate(HEAP)) / 1e6)
    return took, heap


def _looked(page: Page, run: str, took: Took) -> None:
    def note(name: str, act: Callable[[], Any]) -> None:
        before = spent()
        seconds = act() / 1e3
        took.setdefault(name, []).append((seconds, spent() - before))

    wide = run.endswith("wide")
    note("steps, opened", lambda: first_paint(page, f"#/runs/{run}", ".step"))
    note("scrolled to the middle", lambda: page.evaluate(SCROLLED, 0.5))
    note("scrolled to the end", lambda: page.evaluate(SCROLLED, 1.0))
    if wide:
        note("found by a part of its name", lambda: page.evaluate(FILTERED, "0499"))
    note("one step", lambda: seen(page, ".step", ".detail"))
    note("its input and attempts", lambda: page.evaluate(PAINTED, ".detail .payload"))
    note("graph", lambda: seen(page, f"#/runs/{run}?tab=graph", ".graph"))
    note("graph, larger", lambda: page.evaluate(ZOOMED))
    note("timeline, opened", lambda: first_paint(page, f"#/runs/{run}?tab=timeline", ".bar"))
    page.wait_for_function("document.querySelectorAll('.bar').length > 0")
    note("timeline, scrolled", lambda: page.evaluate(SCROLLED, 1.0))
    note("history", lambda: seen(page, f"#/runs/{run}?tab=history", ".event"))
    note("history, scrolled", lambda: page.evaluate(SCROLLED, 1.0))


def spent() -> float:
    """Seconds of processor time that our children have used, and theirs."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        pid = int(path.parent.name)
        parents[pid] = int(fields[1])
        used[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours = {os.getpid()}
    for pid in sorted(parents):
        if parents[pid] in ours:
            ours.add(pid)
    return sum(used.get(pid, 0.0) for pid in ours)


def _report(runs: tuple[str, ...], found: list[tuple[Took, float]]) -> None:
    _say("| s, and s of a processor |", " | ".join(runs), "|")
    _say("| --- |", " | ".join("---" for _ in runs), "|")
    for name in max((took for took, _ in found), key=len):
        cells = [_cell(took.get(name, [])) for took, _ in found]
        _say(f"| {name} |", " | ".join(cells), "|")
    _say("| memory of the scripts |", " | ".join(f"{heap:.0f} MB" for _, heap in found), "|")


def _cell(each: list[tuple[float, float]]) -> str:
    return "; ".join(f"{statistics.median(one):.2f}" for one in zip(*each, strict=True))


def _say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
