"""Simulate many worlds, or one again: `python -m simulation --help`."""

from __future__ import annotations

__all__ = ["main"]

import argparse
import re
import sys
from typing import TYPE_CHECKING

from flowworker.clock import SystemClock
from simulation.campaign import Tally, campaign, live

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from simulation.outcome import Outcome

NO_END = 10**12

LINES = 120
"""Lines of a failing world's trace that are shown, unless all are asked for."""

_WIDE = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if all invariants held, 1 if not."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation",
        description="The real coordinator and worker in worlds of faults drawn from seeds.",
    )
    parser.add_argument("--runs", type=int, help="workflow runs to simulate (default: 100,000)")
    parser.add_argument("--seed", type=int, help="the first world; without --runs the only one")
    parser.add_argument("--seeds", metavar="A..B", help="worlds from A up to, not including, B")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--full", action="store_true", help="show a failing world's whole trace")
    chosen = parser.parse_args(arguments)
    first, end = chosen.seed or 0, NO_END
    if chosen.seeds:
        first, end = (int(seed) for seed in chosen.seeds.split(".."))
    if chosen.seed is not None and chosen.runs is None and not chosen.seeds:
        return _one(chosen.seed, full=chosen.full)
    runs = chosen.runs or (NO_END if chosen.seeds else 100_000)
    return _many(range(first, end), runs, chosen.jobs, full=chosen.full)


def _one(seed: int, *, full: bool) -> int:
    tally = live([seed], keep_trace=True)
    _show_counts("faults", tally.faults)
    _show_counts("seen", tally.seen)
    _show_counts("constructs", tally.constructs)
    if tally.failed:
        _show_failure(tally.failed[0], full=full)
        return 1
    _say(f"trace {tally.digest}")
    _say(f"seed {seed}: {tally.runs} runs in {tally.moments:.0f} simulated seconds, all is well")
    return 0


def _many(seeds: range, runs: int, jobs: int, *, full: bool) -> int:
    clock = SystemClock()
    began = clock.monotonic()

    def show(tally: Tally) -> None:
        rate = tally.runs / (clock.monotonic() - began) * 60
        text = f"{tally.worlds:,} worlds, {tally.runs:,} runs, {rate:,.0f} runs a minute"
        sys.stderr.write(f"\r{text}, {len(tally.failed)} failed ")

    tally = campaign(seeds, runs, jobs, show if sys.stderr.isatty() else lambda _: None)
    seconds = clock.monotonic() - began
    _say(
        f"{tally.worlds:,} worlds with {tally.runs:,} runs in {seconds:.1f} s: "
        f"{tally.runs / seconds * 60:,.0f} runs a minute, "
        f"{tally.moments / 3600:,.1f} simulated hours"
    )
    _show_counts("faults", tally.faults)
    _show_counts("seen", tally.seen)
    _show_counts("constructs", tally.constructs)
    for failed in tally.failed:
        _say(f"seed {failed.seed}: VIOLATION {failed.violations[0]}")
    if not tally.failed:
        _say("no violation")
        return 0
    again = live([min(failed.seed for failed in tally.failed)], keep_trace=True)
    for failed in again.failed:
        _show_failure(failed, full=full)
    return 1


def _show_counts(title: str, counts: Counter[str]) -> None:
    line = f"{title}:"
    for name, count in sorted(counts.items()):
        entry = f" {name.removeprefix('workflow.')} {count:,},"
        if len(line) + len(entry) > _WIDE:
            _say(line)
            line = "   "
        line += entry
    _say(line.rstrip(","))


def _show_failure(failed: Outcome, *, full: bool) -> None:
    """Its trace: what concerns the run at fault, and the lives of the processes."""
    lines = failed.trace
    about = re.search(r"\b(r\d+|seq-\d+)\b", failed.violations[0])
    if about is not None and not full:
        wanted = re.compile(
            rf"\b{about[0]}\b|WATCH|WORLD|starts, its|stands still|is gone|is asked to|its clock"
        )
        lines = tuple(
            line for line in lines if wanted.search(line) and not re.search(r"runs\.keys i", line)
        )
    for line in lines if full else lines[-LINES:]:
        _say(line)
    _say(f"seed {failed.seed}: VIOLATION {failed.violations[0]}")
    _say(f"make sim SEED={failed.seed} shows this world again")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
