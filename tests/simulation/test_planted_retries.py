"""Defects of retry rules are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.core import failure, policy
from simulation.focus import Focus
from tests.simulation.violations import From, plant, violation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

QUIET = Focus(quiet=True)


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found", "worlds"),
    [
        pytest.param(
            policy.next_try,
            "spent[index] >= rule.max_attempts",
            "sum(spent) >= rule.max_attempts",
            "a stop that nobody asked for",
            From(204, QUIET),
            id="a rule counts what another one fitted",
        ),
        pytest.param(
            policy.next_try,
            "spent[index] >= rule.max_attempts",
            "spent[index] > rule.max_attempts",
            "a retry that no rule allows",
            QUIET,
            id="a rule allows one more attempt than it says",
        ),
        pytest.param(
            failure.attempt_failed,
            "fact.since, what.spent",
            "0.0, what.spent",
            "since when it is tried was forgotten",
            QUIET,
            id="the time begins anew with each attempt",
        ),
        pytest.param(
            policy._is_named,
            "error.type in names or any(base in names for base in error.bases)",
            "error.type in names",
            "a retry that no rule allows",
            QUIET,
            id="a rule does not see the bases of an error",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found, worlds):
    plant(monkeypatch, function, right, wrong)

    assert found in violation(worlds)
