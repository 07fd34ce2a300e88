"""That no more attempts and runs are at work than limits allow, by every write of every record.

A step's record says RUNNING from its claim until its attempt is over, whatever becomes of the
worker meanwhile, and a run's says what it does; so in the order of revisions no moment may have
more of them than a limit allows. Judged are limits for all: which value a key came to is not known
here.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.chaos.case import Json
from bench.chaos.evidence import Evidence

NAMED = {"chaos-few": 3}
"""How many each limit allows that has a name."""

_AT_WORK = {"RUNNING", "WAITING_HUMAN", "COMPENSATING"}


def problems(evidence: Evidence) -> Iterator[str]:
    """One for each limit that was exceeded."""
    for limit, (most, steps) in _limits(evidence).items():
        running: set[tuple[str, str]] = set()
        for revision, where, runs in _changes(evidence, steps):
            if where is None:
                running.clear()  # what has ended meanwhile is not known
            elif not runs:
                running.discard(where)
            else:
                running.add(where)
            if len(running) > most:
                yield f"{limit} allows {most}, and at {revision} there were {sorted(running)}"
                break


def _limits(evidence: Evidence) -> dict[str, tuple[int, set[tuple[str, str]]]]:
    """How many each limit allows, and what falls under it: of a loop, its instances."""
    found = {
        f"{workflow} {number}": (own["limit"], {(workflow, "")})
        for workflow, limits in evidence.limits.items()
        for number, own in enumerate(limits)
        if "key" not in own
    }
    for workflow, steps in evidence.definitions.items():
        for step, defined in steps.items():
            where = (workflow, f"{step}/" if "for_each" in defined else step)
            for name in defined.get("limits", ()):
                found.setdefault(name, (NAMED[name], set()))[1].add(where)
            for number, own in enumerate(defined.get("concurrency", ())):
                if "key" not in own:
                    found[f"{workflow} {step} {number}"] = (own["limit"], {where})
    return found


def _changes(
    evidence: Evidence, steps: set[tuple[str, str]]
) -> list[tuple[int, tuple[str, str] | None, bool]]:
    """In their order: revision, run and step, whether it runs from then on.

    Where a witness missed something there is no step.
    """
    found: list[tuple[int, tuple[str, str] | None, bool]] = [
        (until, None, False) for _, until in evidence.missed
    ]
    for run, writes in evidence.writes.items():
        workflow = evidence.runs.get(run, {}).get("workflow", "")
        found += [
            (write["_revision"], (run, write["step"]), _runs(write))
            for write in writes
            if (workflow, "".join(write["step"].partition("/")[:2])) in steps
        ]
    return sorted(found, key=lambda change: change[0])


def _runs(write: Json) -> bool:
    return write["outcome"] == "RUNNING" if write["step"] else write["status"] in _AT_WORK
