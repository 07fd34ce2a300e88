"""Everything that `docs/performance.md` shows, one part after the other: `make bench`.

    python -m bench.suite --quick       each part once, and small: does it still run?
    python -m bench.suite --document    and writes docs/performance.md with its pictures

Each part is a command of its own with a time limit; what it has found goes to `bench/results/`. A
machine that does something else meanwhile shows in the load that stands with the figures.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from bench.document import write_page
from bench.report import say

if TYPE_CHECKING:
    from collections.abc import Sequence


class Part(Struct, frozen=True):
    """A command.

    Attributes:
        module: of the bench.
        arguments: for figures that are worth keeping.
        quick: instead of them, to see whether it runs.
        limit: minutes.
    """

    module: str
    arguments: tuple[str, ...]
    quick: tuple[str, ...]
    limit: float = 10.0


PARTS = (
    Part("bench", ("--runs", "2000"), ("--runs", "100")),
    Part("bench.durability", ("--times", "3"), ("--times", "1", "--runs", "100")),
    Part("bench.shapes", ("--times", "3"), ("--times", "1", "--size", "500")),
    Part(
        "bench.growth",
        ("--retained", "100000", "--waiting", "20000", "--schedules", "10000", "--times", "3"),
        ("--retained", "500", "--waiting", "100", "--schedules", "100", "--times", "1"),
        limit=15.0,
    ),
    Part(
        "bench.startup",
        ("--times", "7", "--processes", "3"),
        ("--times", "1", "--processes", "1", "--rest", "0.5"),
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m bench.suite`."""
    parser = argparse.ArgumentParser(prog="python -m bench.suite", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small: does everything run?")
    parser.add_argument("--document", action="store_true", help="write docs/performance.md")
    options = parser.parse_args(arguments)
    for part in PARTS:
        command = (part.module, *(part.quick if options.quick else part.arguments))
        say(f"\n== python -m {' '.join(command)}\n")
        try:
            subprocess.run([sys.executable, "-m", *command], check=True, timeout=60 * part.limit)
        except subprocess.TimeoutExpired:
            say(f"{part.module} took more than {part.limit:g} minutes and was ended")
            return 1
        except subprocess.CalledProcessError as error:
            say(f"{part.module} ended with {error.returncode}")
            return 1
    if options.document:
        say(f"written to {write_page()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
