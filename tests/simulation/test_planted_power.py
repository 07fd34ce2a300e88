"""Defects of what follows a power failure are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.coordinator.retention import Retention
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

POWER = Focus(power=True)


def test_a_fleet_that_goes_on_as_if_nothing_was_lost(monkeypatch):
    async def heedless(self, schedulers):
        pass

    monkeypatch.setattr(Aftermath, "look", heedless)

    assert finds("nobody will remove it | RUNNING | PENDING", POWER)


def test_runs_whose_timers_are_not_set_again(monkeypatch):
    async def forgetful(self, runs):
        pass

    monkeypatch.setattr(Retention, "restore", forgetful)

    assert finds("nobody will remove it", POWER)


def test_a_look_that_is_not_taken_again_after_the_next_start(monkeypatch):
    plant(monkeypatch, Aftermath._is_due, "!= incarnation", "is None")
    plant(monkeypatch, Aftermath.look, "now != self._restored", "not self._restored")

    assert finds("nobody will remove it | RUNNING | PENDING", POWER)
