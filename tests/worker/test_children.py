"""How what a handler forked ends; `integration/` has real ones."""

from __future__ import annotations

import os

import pytest

from flowworker.worker.children import end_child_of


@pytest.fixture
def ended(monkeypatch):
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (ValueError("odd"), 1),
        (SystemExit(), 0),
        (SystemExit(3), 3),
        (SystemExit("why"), 1),
    ],
)
def test_a_child_ends_as_its_handler_did(ended, error, code):
    end_child_of(os.getpid() + 1, error)

    assert ended == [code]


@pytest.mark.parametrize("error", [None, SystemExit(3)])
def test_the_worker_itself_goes_on(ended, error):
    end_child_of(os.getpid(), error)

    assert ended == []
