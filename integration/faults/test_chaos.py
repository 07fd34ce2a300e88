"""A campaign in small: every kind of fault once, everything judged by the checker."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.chaos.campaign import Plan, run_campaign
from bench.chaos.report import passed, show

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

FAULTS = (
    "kill worker",
    "kill coordinator",
    "kill server",
    "stop coordinator",
    "stop worker",
    "cut worker",
)


def test_a_short_campaign_finds_nothing(tmp_path):
    plan = Plan(seconds=15.0, rate=6.0, seed=4, faults=FAULTS)

    outcome = run_campaign(plan, tmp_path)

    show(Console(width=120), outcome)
    assert passed(outcome), outcome.verdict.violations
    assert {fault["kind"] for fault in outcome.evidence.faults} == set(FAULTS)
    assert outcome.verdict.counts["runs started"] > 20


def test_a_rolling_restart_loses_nothing_and_repeats_nothing_that_was_finished(tmp_path):
    plan = Plan(seconds=1.0, rate=4.0, seed=5, coordinators=2, workers=2, rolling=True)

    outcome = run_campaign(plan, tmp_path)

    show(Console(width=120), outcome)
    assert passed(outcome), (outcome.verdict.violations, outcome.verdict.finished_again)
    replaced = [fault["kind"] for fault in outcome.evidence.faults]
    assert replaced == [*["drain coordinator"] * 2, *["drain worker"] * 2, "restart server"]
    assert not outcome.deaths
    assert outcome.verdict.counts["runs started"] > 20
