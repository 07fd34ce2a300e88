"""Defects of limits of runs are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.commands import starts
from flowworker.coordinator.commands.entrance import Entrance
from flowworker.coordinator.limits.gate import Gate
from flowworker.coordinator.limits.queue import Queue
from flowworker.coordinator.limits.run_standing import RunStanding
from flowworker.core import limiting
from flowworker.stores.limits import LimitStore
from simulation.focus import Focus
from tests.simulation.violations import From, finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

GATED = Focus(gated=True)
QUIET = Focus(gated=True, quiet=True)


def test_one_run_more_than_a_limit_allows(monkeypatch):
    plant(monkeypatch, limiting.follow, "len(passed) >= room", "len(passed) > room")

    assert finds("more runs than a limit allows are let in", GATED)


def test_a_run_that_passes_those_of_whom_its_coordinator_does_not_know(monkeypatch):
    plant(monkeypatch, limiting.is_blind, "if not record.awaited:", "if True:")

    assert finds("a run passes one that waits | a place for a run stays free", QUIET)


def test_a_record_that_is_written_over_whatever_is_there(monkeypatch):
    async def blindly(self, record, revision):
        _, latest = await self.load(record.id)
        return await right(self, record, latest)

    right = LimitStore.save
    monkeypatch.setattr(LimitStore, "save", blindly)

    assert finds("without a place | taken from a run that goes on | more runs", GATED)


def test_a_run_that_begins_while_it_waits(monkeypatch):
    right = "                    return False"
    plant(monkeypatch, Gate._go_on, right.strip(), "break")

    assert finds("a run begins without a place", GATED)


def test_a_look_that_takes_all_that_hold_a_limit_for_over(monkeypatch):
    async def always(self, holder):
        return True

    monkeypatch.setattr(RunStanding, "is_over", always)

    assert finds("a limit is taken from a run that goes on", GATED)


def test_a_run_that_has_ended_and_keeps_its_place(monkeypatch):
    async def never(self, record):
        pass

    monkeypatch.setattr(Gate, "over", never)

    assert finds("a place for a run stays free", QUIET)


def test_the_one_that_came_last_is_let_in_first(monkeypatch):
    plant(monkeypatch, Queue.read, "sorted(first)", "sorted(first, reverse=True)")

    assert finds("a run passes one that waits", QUIET)


def test_a_start_that_is_refused_and_goes_on_all_the_same(monkeypatch):
    async def never(self, record, why):
        return why

    monkeypatch.setattr(Gate, "close", never)

    assert finds("a run that has a record was refused | not exactly one", GATED)


def test_a_start_that_goes_on_though_another_process_has_rejected_it(monkeypatch):
    async def never(events, run, delivery):
        return None

    async def at_once(entrance, record):
        await right(entrance, record)
        _, revision = await entrance._runs.load(record.run)
        await entrance._runs.remove(record.run, revision)

    monkeypatch.setattr(starts, "refused_before", never)
    right = Entrance.put_away
    monkeypatch.setattr(Entrance, "put_away", at_once)

    assert finds("a run begins whose start was rejected | defect", From(126, GATED))
