"""`python -m bench.chaos`: a campaign, and exit status 1 if anything was found; `make chaos`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.chaos.campaign import Plan, run_campaign
from bench.chaos.report import passed, show, show_takeovers, write
from bench.chaos.takeover import measure_all
from flowworker.errors import FlowworkerError

if TYPE_CHECKING:
    from collections.abc import Sequence

CALM = 20.0
"""Seconds before and after a rolling restart, to compare with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, keep what is needed to look into what was found."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    folder = Path(options.keep or tempfile.mkdtemp(prefix="flowworker-chaos-"))
    plan = Plan(
        seconds=CALM if options.rolling else options.minutes * 60,
        runs=options.runs,
        rate=options.rate,
        nodes=options.nodes,
        seed=options.seed,
        workers=options.workers,
        coordinators=options.coordinators,
        rolling=options.rolling,
    )
    console.print(f"logs, notes and evidence: {folder}", soft_wrap=True)
    try:
        if options.takeover:
            show_takeovers(console, measure_all(folder, options.takeover))
            return 0
        outcome = run_campaign(plan, folder)
    except (FlowworkerError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything was stopped\n")
        return 130
    show(console, outcome)
    write(outcome, folder / "report.json")
    return 0 if passed(outcome) else 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults go on")
    parser.add_argument("--runs", type=int, default=100_000, help="start no more than that many")
    parser.add_argument("--rate", type=float, default=15.0, help="runs started per second")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="NATS servers")
    parser.add_argument("--seed", type=int, default=1, help="of load and faults")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--coordinators", type=int, default=2)
    parser.add_argument(
        "--takeover", type=int, metavar="SAMPLES", help="measure how long takeovers take instead"
    )
    parser.add_argument(
        "--rolling", action="store_true", help="replace everything once, one by one, instead"
    )
    parser.add_argument("--keep", help="folder for logs, notes and evidence; a temporary one")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
