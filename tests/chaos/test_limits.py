"""More attempts than a limit allows are found, whichever limit, and by every write of records."""

from __future__ import annotations

from typing import Any

from bench.chaos import checker, limits
from bench.chaos.evidence import Evidence
from tests.chaos.said import record

STEPS: dict[str, dict[str, Any]] = {
    "few": {"uses": "do", "limits": ["chaos-few"]},
    "own": {
        "uses": "do",
        "for_each": {"items": [1, 2]},
        "concurrency": [{"limit": 1}, {"key": "item", "limit": 1}],
    },
    "free": {"uses": "do"},
}
MOST = limits.NAMED["chaos-few"]


def found(*writes: tuple[str, str, str], missed: tuple[int, int] | None = None) -> list[str]:
    """What the checker says of runs whose steps were written so, one revision after the other."""
    evidence = Evidence(definitions={"w": STEPS}, missed=[list(missed)] if missed else [])
    for revision, (run, step, outcome) in enumerate(writes, 1):
        evidence.runs[run] = {"workflow": "w", "status": "RUNNING"}
        evidence.writes.setdefault(run, []).append(record(step, outcome, revision))
    said = checker.check(evidence).violations
    return [one.text for one in said if one.kind == checker.LIMITS]


def running(step: str, count: int) -> list[tuple[str, str, str]]:
    return [(f"r{one}", step, "RUNNING") for one in range(count)]


def test_as_many_as_a_limit_allows_are_right():
    over = [(run, step, "COMPLETED") for run, step, _ in running("few", MOST)]

    assert found(*running("few", MOST), *over, *running("few", MOST)) == []
    assert found(*running("few", 1) * 9) == []  # a lease that is renewed
    assert found(*running("free", 50)) == []


def test_one_more_is_wrong():
    [text] = found(*running("few", MOST + 1))

    assert text.startswith(f"chaos-few allows {MOST}, and at {MOST + 1} there were")


def test_instances_of_a_loop_share_the_limit_of_their_step():
    assert (
        found(("r", "own/0", "RUNNING"), ("r", "own/0", "FAILED"), ("r", "own/1", "RUNNING")) == []
    )

    [text] = found(("r", "own/0", "RUNNING"), ("r", "own/1", "RUNNING"))

    assert text.startswith("w own 0 allows 1")


def test_nothing_is_said_of_what_was_not_seen():
    writes = (*running("few", MOST), ("r8", "free", "RUNNING"), ("r9", "few", "RUNNING"))

    assert found(*writes)
    assert found(*writes, missed=(MOST + 1, MOST + 1)) == []
