"""Defects in what becomes of runs whose workflow pauses: worlds find each of them."""

from __future__ import annotations

import pytest

from flowworker.coordinator.driving.active import ActiveRuns
from flowworker.core import standing
from simulation import world
from simulation.focus import Focus
from tests.simulation.violations import From, finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

HELD, QUIET = Focus(held=True), Focus(held=True, quiet=True)


@pytest.mark.parametrize(
    ("function", "right", "wrong", "found", "focus"),
    [
        pytest.param(
            ActiveRuns.view,
            "not self._holding.owes(record)",
            "True",
            "something begins though its workflow pauses",
            QUIET,
            id="a run that begins though its workflow pauses",
        ),
        pytest.param(
            standing.is_owed,
            " or run.held is not None",
            "",
            "after 600 s",
            HELD,
            id="runs that are not released with their workflow",
        ),
        pytest.param(
            standing.said,
            "max(time_of(last), record.at + _APART)",
            "time_of(last)",
            "after 600 s",
            From(18, QUIET),
            id="two commands of one microsecond",
        ),
    ],
)
def test_one_wrong_expression(monkeypatch, function, right, wrong, found, focus):
    plant(monkeypatch, function, right, wrong)
    monkeypatch.setattr(world, "REST_LIMIT", 600.0)

    assert finds(found, focus)
