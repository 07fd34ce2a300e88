"""Defects of what follows a power failure are found, each within few worlds."""

from __future__ import annotations

import pytest

from flowworker.coordinator.driving.aftermath import Aftermath
from flowworker.coordinator.live import check_server
from flowworker.stores.outbox import Outbox
from simulation.focus import Focus
from tests.simulation.violations import From, finds, plant

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


def test_a_look_that_is_not_taken_again_after_the_next_start(monkeypatch):
    plant(monkeypatch, Aftermath._is_due, "!= incarnation", "is None")
    plant(monkeypatch, Aftermath.look, "now != self._restored", "not self._restored")

    assert finds("lost from the history | nobody will remove it | RUNNING | PENDING", POWER)


def test_requests_that_are_kept_nowhere(monkeypatch):
    async def forgetful(self, history, event_id, data):
        pass

    monkeypatch.setattr(Outbox, "keep", forgetful)

    assert finds("lost from the history", POWER)


def test_what_handlers_emitted_is_not_published_again(monkeypatch):
    plant(monkeypatch, Outbox.kept, "there.isdisjoint(_published_as(key))", "False")

    assert finds("emit/thing.done", POWER)


def test_ends_of_runs_that_nobody_looks_after_any_more(monkeypatch):
    plant(monkeypatch, Aftermath._listed, "in sorted(TERMINAL)", "in ()")

    assert finds("lost from the history", POWER)


def test_decisions_of_before_the_server_s_start_are_published_after_it(monkeypatch):
    plant(monkeypatch, check_server, "tail.incarnation() != live.server", "False")

    worlds = From(25, Focus(power=True, regretful=True))
    assert finds("lost from the history | published after the end", worlds)
