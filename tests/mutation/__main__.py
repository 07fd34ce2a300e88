"""`python -m tests.mutation core`: which mutants of a room does no test notice?

Exit code 1 if one lives that is not allowed to, or if one is allowed that is noticed or gone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.mutation.mutants import mutants_of
from tests.mutation.trial import Trials

ROOT = Path(__file__).parents[2]
ALLOWED = Path(__file__).with_name("allowed.txt")
TESTS = {
    "core": ["tests/core"],
    "coordinator": ["tests/coordinator", "tests/client", "tests/runner"],
    "worker": ["tests/worker", "tests/runner"],
}
"""The tests that are to notice, by room."""
ONLY_GUARDS = {"coordinator", "worker"}
"""Rooms of which only what decides is broken: what they do, they do to the servers, and the tests
with a real server are too slow to notice each lost effect."""


def allowed() -> dict[str, str]:
    """Reasons by mutant. A line that is indented is the reason for the one above it."""
    found: dict[str, str] = {}
    key = ""
    for line in ALLOWED.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            found[key] = f"{found[key]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            key = line
            found[key] = ""
    return found


def main() -> int:
    """Try the mutants of a room, or of some of its modules."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("room", choices=TESTS)
    parser.add_argument("modules", nargs="*", help="names of modules; all if none is given")
    parser.add_argument("--verbose", action="store_true", help="tell every mutant")
    chosen = parser.parse_args()
    known = allowed()
    if unreasoned := [key for key, reason in known.items() if not reason]:
        raise SystemExit(f"no reason is given in {ALLOWED.name} for: {'; '.join(unreasoned)}")
    tried = 0
    living: list[str] = []
    met: set[str] = set()
    package = ROOT / "flowworker"
    paths = sorted((package / chosen.room).rglob("*.py"))
    names = [
        path.relative_to(package).as_posix()
        for path in paths
        if not chosen.modules or path.stem in chosen.modules
    ]
    with (
        tempfile.TemporaryDirectory(prefix="mutation-") as folder,
        Trials(ROOT, Path(folder), TESTS[chosen.room]) as trials,
    ):
        trials.cover(chosen.room)
        trials.control([f"flowworker/{name}" for name in names])
        for name in names:
            before = len(living), tried
            source = trials.source(f"flowworker/{name}")
            for mutant in mutants_of(source, name, guards=chosen.room in ONLY_GUARDS):
                tried += 1
                lives = trials.survives(f"flowworker/{name}", mutant)
                if chosen.verbose:
                    print("lives  " if lives else "noticed", mutant.key, flush=True)
                if lives and mutant.key in known:
                    met.add(mutant.key)
                elif lives:
                    living.append(mutant.key)
                    print(f"LIVES {name}:{mutant.lines.start} {mutant.key}", flush=True)
            reported = f"{tried - before[1]} mutants, {len(living) - before[0]} live"
            print(f"{name}: {reported}", flush=True)
    stale = [key for key in known if key.partition(" ")[0] in names and key not in met]
    for key in stale:
        print(f"STALE {key}: it is noticed or gone; take it out of {ALLOWED.name}")
    print(f"{tried} mutants, {len(living)} live, {len(met)} live and may, {len(stale)} stale")
    return 1 if living or stale else 0


if __name__ == "__main__":
    sys.exit(main())
