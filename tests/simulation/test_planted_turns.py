"""Defects of shares are found, each within few worlds; and what is right holds in narrow gates."""

from __future__ import annotations

import pytest

from flowworker.coordinator.limits import width
from flowworker.coordinator.limits.slots import Slots
from flowworker.core import fairness
from simulation.campaign import live
from simulation.focus import Focus
from tests.simulation.violations import finds, plant

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered", "narrow"),
]

LIMITED = Focus(limited=True)
QUIET = Focus(limited=True, quiet=True)


@pytest.fixture
def narrow(monkeypatch):
    """A world has few attempts at a time: so that some wait, few get into a lane."""
    monkeypatch.setattr(width, "_LEAST", 1)
    monkeypatch.setattr(width, "_PER_SLOT", 1)


def test_worlds_with_narrow_gates():
    for focus in (LIMITED, QUIET):
        assert not live(range(1000, 1020), focus=focus).failed


def test_a_scale_that_runs_backwards(monkeypatch):
    plant(monkeypatch, fairness.after, "Turns(virtual, {", "Turns(virtual // 2, {")

    assert finds("turns run backwards", LIMITED)


def test_a_key_that_is_let_in_and_does_not_move_on(monkeypatch):
    plant(monkeypatch, fairness.after, "virtual + share.stride", "virtual")

    assert finds("a turn is given and not taken", LIMITED)


def test_an_attempt_that_is_enqueued_before_its_turn(monkeypatch):
    right = "again=again):\n                return"
    plant(monkeypatch, Slots.take, right, right.replace("return", "break"))

    assert finds("an attempt runs without a place | more go than a rate", LIMITED)
