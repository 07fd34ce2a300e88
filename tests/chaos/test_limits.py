"""More attempts than a limit allows are found, whichever limit, and by every write of records."""

from __future__ import annotations

from typing import Any

import pytest

from bench.chaos import checker, limits
from bench.chaos.evidence import Evidence
from tests.chaos.said import HELD, judged, of_run, reason, record

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


def test_runs_are_limited_as_attempts_are():
    evidence = Evidence(definitions={"w": STEPS}, limits={"w": [{"limit": 1}, {"key": "input.x"}]})
    for revision, (run, status) in enumerate((("a", "RUNNING"), ("b", "PENDING")), 1):
        evidence.runs[run] = {"workflow": "w"}
        evidence.writes[run] = [of_run(status=status, _revision=revision)]
    assert list(limits.problems(evidence)) == []

    evidence.writes["b"].append(of_run(status="COMPENSATING", _revision=3))

    assert list(limits.problems(evidence)) == [
        "w 0 allows 1, and at 3 there were [('a', ''), ('b', '')]"
    ]


def test_nothing_is_said_of_what_was_not_seen():
    writes = (*running("few", MOST), ("r8", "free", "RUNNING"), ("r9", "few", "RUNNING"))

    assert found(*writes)
    assert found(*writes, missed=(MOST + 1, MOST + 1)) == []


def test_that_a_run_waits_for_a_limit_is_true_before_it_begins():
    said = {"": reason("limit", "run.1")}

    assert judged(said, run=of_run(status="PENDING"))[0] == []
    [text] = judged(said, run=of_run())[0]
    assert "), and its run was" in text


@pytest.mark.parametrize("subject", ["chaos-few", "own.1"])
def test_that_a_step_waits_for_a_limit_is_true_while_nobody_has_it(subject):
    said = {"limited": reason("limit", subject)}

    assert judged(said)[0] == []
    [text] = judged(said, record("limited", **HELD))[0]
    assert "), and a worker had it" in text


def test_that_a_step_waits_for_a_limit_of_others_is_found():
    [text] = judged({"limited": reason("limit", "other")})[0]

    assert "), and None instances may go on" in text
