"""Measures a chain of steps with real processes on this machine. Asserts nothing."""

from __future__ import annotations

import argparse
import asyncio
import pstats
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, get_args

import uvloop
from rich.console import Console

from bench.chain import measured
from bench.fleet import BenchFleet
from bench.report import Results, show, write_results
from examples.orders.fleet import ProcessEnded
from flowworker.errors import FlowworkerError
from flowworker.jetstream.topology.durability import Durability
from flowworker.tasks import cancel_all

if TYPE_CHECKING:
    from collections.abc import Sequence

HOTTEST = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write JSON."""
    options = parsed(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    try:
        with BenchFleet(
            workers=options.workers,
            durability=options.durability,
            shards=options.shards,
            sync_always=options.sync_always,
            profile=options.profile,
        ) as fleet:
            results = uvloop.run(_measure(fleet, options, console))
            fleet.stop()
            show(console, results)
            if options.profile:
                _show_profile(fleet)
            else:
                console.print(f"written to {write_results(results)}", soft_wrap=True)
    except (FlowworkerError, ProcessEnded, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; everything was stopped\n")
        return 130
    return 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=_positive, default=2000, help="for the throughput")
    parser.add_argument("--steps", type=_positive, default=5, help="in the chain")
    parser.add_argument("--workers", type=_positive, default=2, help="worker processes")
    parser.add_argument("--partitions", type=_positive, default=16, help="of the namespace")
    parser.add_argument("--shards", type=_positive, default=1, help="of the namespace")
    parser.add_argument(
        "--sync-always", action="store_true", help="the server flushes every write to disk"
    )
    parser.add_argument(
        "--durability",
        choices=get_args(Durability),
        default="process",
        help="of the namespace; with `power` the server flushes as with --sync-always, with "
        "`machine` there are three",
    )
    parser.add_argument(
        "--profile",
        choices=["worker", "coordinator"],
        default="",
        help="run one such process under cProfile and print where its time goes; the figures "
        "are not worth keeping then, and are not written",
    )
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1, found {text!r}")
    return int(text)


async def _measure(fleet: BenchFleet, options: argparse.Namespace, console: Console) -> Results:
    """Everything in turn, unless a process of the fleet ends."""
    say = partial(console.print, style="bright_black")
    working = asyncio.create_task(
        measured(fleet, options.runs, options.steps, options.partitions, say)
    )
    watching = asyncio.create_task(fleet.fleet.watch())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else watching.result()
    finally:
        await cancel_all([working, watching])


def _show_profile(fleet: BenchFleet) -> None:
    stats = pstats.Stats(str(fleet.profile_path))
    stats.strip_dirs().sort_stats("tottime").print_stats(HOTTEST)


if __name__ == "__main__":
    sys.exit(main())
