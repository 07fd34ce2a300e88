"""Defects of rates are found, each within few worlds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.coordinator.limits.alarm import Alarm
from flowworker.coordinator.limits.ledger import Ledger
from flowworker.coordinator.limits.slots import Slots
from flowworker.core import limiting, rate
from flowworker.stores.limits import LimitStore
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

LIMITED = Focus(limited=True)
QUIET = Focus(limited=True, quiet=True)


def test_one_more_than_a_burst_at_once(monkeypatch):
    plant(monkeypatch, rate.available, "rate.at_once -", "1 + rate.at_once -")

    assert finds("more than a rate allows are let in", QUIET)


def test_a_rate_that_those_who_come_late_may_catch_up_with(monkeypatch):
    plant(monkeypatch, rate.taken, "max(tat, now)", "tat")

    assert finds("more than a rate allows are let in", QUIET)


def test_those_who_have_waited_cost_the_rate_nothing(monkeypatch):
    plant(monkeypatch, limiting.follow, "passed.append(ask)", "passed += [ask] * (ask in asked)")

    assert finds("more go than a rate has let in", QUIET)


def test_a_record_that_is_written_over_what_others_have_let_in(monkeypatch):
    async def blindly(self, record, revision):
        latest, over = await self.load(record.id)
        return await right(self, replace(record, last=latest.last), over)

    right = LimitStore.save
    monkeypatch.setattr(LimitStore, "save", blindly)

    assert finds("forgets | more go than | without a place | taken from | backwards", LIMITED)


def test_an_attempt_that_is_enqueued_before_its_time(monkeypatch):
    right = "again=again):\n                return"
    plant(monkeypatch, Slots.take, right, right.replace("return", "break"))

    assert finds("more go than a rate has let in | runs without a place", LIMITED)


def test_an_alarm_that_never_goes_off(monkeypatch):
    monkeypatch.setattr(Alarm, "set", lambda self, at: None)

    assert finds("a place under a limit stays free", QUIET)


def test_everybody_stands_by_for_ever(monkeypatch):
    async def always(self):
        await self.load()
        return True

    monkeypatch.setattr(Ledger, "is_led_by_others", always)

    assert finds("a place under a limit stays free", QUIET)
