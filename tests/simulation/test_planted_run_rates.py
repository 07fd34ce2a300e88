"""Defects of rates of runs are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.commands.rejection import Rejections
from flowworker.coordinator.limits.alarm import Alarm
from flowworker.coordinator.limits.gate import Gate
from flowworker.core import limiting, rate
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

PACED = Focus(paced=True)
QUIET = Focus(paced=True, quiet=True)


def test_one_run_more_than_a_burst_at_once(monkeypatch):
    plant(monkeypatch, rate.available, "rate.at_once -", "1 + rate.at_once -")

    assert finds("more runs than a rate allows are let in", QUIET)


def test_a_rate_that_does_not_move_on(monkeypatch):
    plant(monkeypatch, rate.taken, "count * rate.interval", "0")

    assert finds("more runs than a rate allows are let in", PACED)


def test_a_run_that_begins_before_its_time(monkeypatch):
    right = "                    return False"
    plant(monkeypatch, Gate._go_on, right.strip(), "break")

    assert finds("more runs begin than a rate has let in", QUIET)


def test_a_start_that_is_refused_though_the_rate_was_not_used_up(monkeypatch):
    plant(
        monkeypatch, limiting.follow, "len(passed) >= room", "len(passed) + ask.waits >= room - 1"
    )

    assert finds("a start is refused that a rate would have let in", QUIET)


def test_a_start_that_is_to_come_again_when_a_whole_burst_may(monkeypatch):
    plant(monkeypatch, rate.next_at, "tat - (rate.at_once - 1) * rate.interval", "tat")

    assert finds("a start is to come again later than it may", QUIET)


def test_a_start_that_does_not_learn_when_to_come_again(monkeypatch):
    plant(monkeypatch, Gate._go_on, "use.strategy, opens_at", "use.strategy")

    assert finds("a start is refused, and not when to come again", QUIET)


def test_an_answer_that_leaves_out_when_to_come_again(monkeypatch):
    right = "retry_at=rejected.retry_at,\n    )\n    event"
    plant(monkeypatch, Rejections.publish, right, ")\n    event")

    assert finds("a start is refused otherwise than was decided", QUIET)


def test_an_alarm_that_never_goes_off(monkeypatch):
    monkeypatch.setattr(Alarm, "set", lambda self, at: None)

    assert finds("a place for a run stays free", QUIET)
