"""Defects of labels are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.codec import facts
from flowworker.coordinator.schedules.runs import ScheduledRuns
from flowworker.coordinator.steps.children import Children
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]


def test_a_run_that_loses_its_labels_when_it_goes_on(monkeypatch):
    plant(monkeypatch, facts.begun_run, "labels=data.labels,", "")

    assert finds("the labels of a run changed", Focus(quiet=True))


def test_a_child_with_the_labels_of_its_parent(monkeypatch):
    plant(monkeypatch, Children.start, "labels=order.labels", "labels=run.labels")

    assert finds("other labels than its definition gives", Focus(quiet=True, constructs=True))


def test_a_run_of_a_schedule_with_the_moment_at_which_it_began(monkeypatch):
    plant(
        monkeypatch,
        ScheduledRuns._new,
        "self._asked(schedule, one.time)",
        "self._asked(schedule, one.due)",
    )

    assert finds("a run has labels of another time", Focus(scheduled=True))
