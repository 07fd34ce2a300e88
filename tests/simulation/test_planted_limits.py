"""Defects of limits are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.limits.desk import Desk
from flowworker.coordinator.limits.slots import Slots
from flowworker.coordinator.limits.standing import StepStanding
from flowworker.core import limiting
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


def test_one_more_than_a_limit_allows(monkeypatch):
    plant(monkeypatch, limiting.follow, "len(passed) >= room", "len(passed) > room")

    assert finds("more than a limit allows are let in", LIMITED)


def test_a_record_that_is_written_over_whatever_is_there(monkeypatch):
    async def blindly(self, record, revision):
        _, latest = await self.load(record.id)
        return await right(self, record, latest)

    right = LimitStore.save
    monkeypatch.setattr(LimitStore, "save", blindly)

    assert finds(
        "without a place | taken from an attempt that runs | more than | backwards", LIMITED
    )


def test_a_sweep_that_takes_all_that_hold_a_limit_for_over(monkeypatch):
    async def always(self, holder):
        return True

    monkeypatch.setattr(StepStanding, "is_over", always)

    assert finds("without a place | taken from an attempt that runs", LIMITED)


def test_an_attempt_that_is_enqueued_while_it_waits(monkeypatch):
    right = "again=again):\n                return"
    plant(monkeypatch, Slots.take, right, right.replace("return", "break"))

    assert finds("an attempt runs without a place | more go than a rate", LIMITED)


def test_an_attempt_that_is_over_and_keeps_its_place(monkeypatch):
    async def never(self, over):
        pass

    monkeypatch.setattr(Desk, "over", never)

    assert finds("a place under a limit stays free", QUIET)


def test_a_place_that_was_given_back_and_is_given_to_nobody(monkeypatch):
    plant(monkeypatch, limiting.is_blind, "if not record.awaited:", "if True:")

    assert finds("a place under a limit stays free", QUIET)


def test_that_nobody_waits_is_said_while_others_do(monkeypatch):
    plant(monkeypatch, limiting.follow, "record.awaited and all_known", "record.awaited")

    assert finds("a place under a limit stays free", QUIET)
