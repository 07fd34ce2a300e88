"""Defects of schedules are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.schedules.turns import Schedules
from flowworker.core import scheduling
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

SCHEDULED = Focus(scheduled=True)
_DRAFT = scheduling._Draft


def test_a_time_at_which_a_run_has_not_ended_begins_another_one(monkeypatch):
    plant(monkeypatch, _DRAFT.admit, "not (self._running or self._waiting)", "not self._waiting")

    assert finds("two runs of a schedule at once", SCHEDULED)


def test_a_turn_that_passes_all_times_that_have_come(monkeypatch):
    plant(monkeypatch, _DRAFT.pass_by, "self._passed = time", "self._passed = at")

    assert finds("a time is passed by", SCHEDULED)


def test_a_run_that_begins_before_the_record_names_it(monkeypatch):
    right = Schedules._save

    async def late(self, before, after, revision):
        begins = len(after.running) > len(before.running)
        return revision if begins else await right(self, before, after, revision)

    monkeypatch.setattr(Schedules, "_save", late)

    assert finds("a run begins that its schedule does not name", SCHEDULED)
