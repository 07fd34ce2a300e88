"""Defects of schedules are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.schedules.turns import Schedules
from flowworker.core import scheduling
from flowworker.core.occurrence import OccurrenceState
from flowworker.stores.schedules import ScheduleStore
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
    right = ScheduleStore.save

    async def late(self, record, revision):
        begins = any(one.state is OccurrenceState.STARTING for one in record.running)
        return revision if begins else await right(self, record, revision)

    monkeypatch.setattr(ScheduleStore, "save", late)

    assert finds("a run begins that its schedule does not name", SCHEDULED)


def test_a_turn_that_publishes_nothing_of_what_it_has_decided(monkeypatch):
    plant(monkeypatch, Schedules._follow, "record, record.outbox)", "record, ())")

    assert finds("an event of a schedule is lost", SCHEDULED)


def test_a_turn_that_publishes_before_it_has_decided(monkeypatch):
    decided = "record, wake = await self._decide(found, at)"
    published = "await publish_outbox(self._backend, record, record.outbox)"
    plant(monkeypatch, Schedules._follow, decided, f"{decided}; {published}")

    assert finds("an event of a schedule that nobody has decided", SCHEDULED)
