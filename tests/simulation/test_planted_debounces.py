"""Defects of starts that replace each other are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.commands.debouncing import Debouncing
from flowworker.coordinator.commands.starts import Starts
from flowworker.core import debounce
from flowworker.stores.debounces import DebounceStore
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

DEBOUNCED = Focus(debounced=True)
QUIET = Focus(debounced=True, quiet=True)


def test_a_run_that_begins_though_another_has_come(monkeypatch):
    right = "if record.origin == origin else None"
    plant(monkeypatch, debounce.begun, right, "")

    assert finds("though another has come | not known to be the last", DEBOUNCED)


def test_a_start_that_does_not_wait_for_others(monkeypatch):
    plant(monkeypatch, debounce.taken_over, "now + says.period", "now + says.period / 2")

    assert finds("a run begins though others may come", QUIET)


def test_those_that_are_counted_on_behind_one_that_has_begun(monkeypatch):
    right = "goes_on = bool(record.run) and not record.begun"
    plant(monkeypatch, debounce.taken_over, right, "goes_on = bool(record.run)")

    assert finds("begins though others may come | is replaced that has begun", QUIET)


def test_a_timeout_that_is_counted_from_the_last_one(monkeypatch):
    plant(monkeypatch, debounce.taken_over, "first + says.timeout", "now + says.timeout")
    plant(monkeypatch, Debouncing.may_begin, "left > EARLY", "left > 0")

    assert finds("a run begins late that nobody follows", QUIET)


def test_a_late_message_that_takes_the_place_of_a_later_start(monkeypatch):
    monkeypatch.setattr(debounce, "is_behind", lambda *_: False)

    assert finds("an earlier start takes the place of a later one", DEBOUNCED)


def test_a_record_that_is_written_over_whatever_is_there(monkeypatch):
    async def blindly(self, record, revision):
        _, latest = await self.load(record.id)
        return await right(self, record, latest)

    right = DebounceStore.save
    monkeypatch.setattr(DebounceStore, "save", blindly)

    words = "an earlier start takes | forgotten that a run has begun | though another has come"
    assert finds(f"{words} | is replaced that has begun", Focus(debounced=True, faults=("slow",)))


def test_a_start_that_gives_no_place_to_those_behind_it(monkeypatch):
    async def nobody(self, record):
        pass

    monkeypatch.setattr(Debouncing, "replace", nobody)

    assert finds("a run begins though another has come", QUIET)


def test_a_start_that_takes_a_place_before_it_is_a_run(monkeypatch):
    async def early(self, record, workflow):
        made = await right(self, record, workflow)
        if made.debounce:
            await self._come(made, begins=False)
        return made

    right = Debouncing.delayed
    monkeypatch.setattr(Debouncing, "delayed", early)
    faults = "death", "refused", "unanswered"

    assert finds("replaced by nobody", Focus(debounced=True, tightened=True, faults=faults))


def test_a_start_that_says_when_it_begins_and_may(monkeypatch):
    plant(monkeypatch, Starts._new, "start.begins_at, data", "0.0, data")

    found = "a start says when it begins, and waits for others"
    assert finds(found, Focus(debounced=True, constructs=True))
