"""Pauses of queues: which command counts."""

from __future__ import annotations

from flowworker.core.paused import Paused
from flowworker.core.standing import PauseRecord, said

DOWN = Paused("down", "ops")
FIRST, SECOND, THIRD = "7@1000.000000", "8@1000.000000", "2@1000.500000"


def test_what_was_sent_later_counts():
    record = said(None, FIRST, DOWN)
    assert record == PauseRecord(at=1000.0, last=FIRST, paused=DOWN)

    later = said(record, SECOND, None)
    assert later == PauseRecord(at=1000.0, last=SECOND)
    assert said(later, THIRD, DOWN) == PauseRecord(at=1000.5, last=THIRD, paused=DOWN)


def test_what_is_known_or_was_sent_before_changes_nothing():
    record = PauseRecord(at=1000.5, last=THIRD, followed=True)

    for command in (FIRST, SECOND, THIRD):
        assert said(record, command, DOWN) is record
