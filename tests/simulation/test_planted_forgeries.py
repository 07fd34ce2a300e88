"""To believe what a sender cannot know is found: worlds have hostile workers."""

from __future__ import annotations

import pytest

from flowworker.codec import senders
from flowworker.stores import runs
from simulation.focus import Focus
from tests.simulation.violations import violation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("uncovered"),
]

FORGED = Focus(forged=True)


def test_a_scheduler_that_believes_everybody(monkeypatch):
    monkeypatch.setattr(senders, "is_consistent", lambda *_: True)
    monkeypatch.setattr(senders, "refusal", lambda *_: "")

    assert violation(FORGED)


def test_a_scheduler_that_does_not_ask_whose_step_it_is(monkeypatch):
    monkeypatch.setattr(senders, "refusal", lambda *_: "")

    assert violation(FORGED)


def test_a_rebuild_that_reads_records_of_any_queue(monkeypatch):
    monkeypatch.setattr(runs, "keys_of_steps", lambda found, _run, _plan: sorted(found))

    assert violation(FORGED)
