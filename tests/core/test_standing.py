"""Pauses of queues and workflows: which command counts, and which runs are to hear it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flowworker.core.admission import Admission
from flowworker.core.paused import Paused
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.standing import PauseRecord, is_owed, said
from flowworker.core.status import RunStatus

DOWN = Paused("down", "ops")
FIRST, SECOND, THIRD = "7@1000.000000", "8@1000.000000", "2@1000.500000"


def test_what_was_sent_later_counts():
    record = said(None, FIRST, DOWN)
    assert record == PauseRecord(at=1000.0, last=FIRST, paused=DOWN)

    later = said(record, SECOND, None)
    assert later == PauseRecord(at=1000.000001, last=SECOND)
    assert said(later, THIRD, DOWN) == PauseRecord(at=1000.5, last=THIRD, paused=DOWN)


def test_what_is_known_or_was_sent_before_changes_nothing():
    record = PauseRecord(at=1000.5, last=THIRD, followed=True)

    for command in (FIRST, SECOND, THIRD):
        assert said(record, command, DOWN) is record


RUN = RunRecord("r1", "w", "d" * 64, RunStatus.RUNNING, EMPTY, 900.0)
PAUSES = PauseRecord(at=1000.0, last=FIRST, paused=DOWN)
GOES_ON = replace(PAUSES, paused=None)
HELD = {"held": DOWN, "held_at": 999.0}


@pytest.mark.parametrize(
    ("pause", "run", "owed"),
    [
        (PAUSES, {}, True),
        (PAUSES, HELD, True),
        (PAUSES, {"held": DOWN, "held_at": 1000.0}, False),
        (PAUSES, {"held_at": 1001.0}, False),
        (PAUSES, {"paused": DOWN, "steered": 2000.0}, True),
        (PAUSES, {"status": RunStatus.FAILED}, False),
        (PAUSES, {"status": RunStatus.PENDING, "begins_at": 5000.0}, False),
        (PAUSES, {"status": RunStatus.PENDING, "rerun_of": "r0"}, False),
        (PAUSES, {"rerun_of": "r0"}, True),
        (PAUSES, {"status": RunStatus.PENDING, "admission": Admission((), "t1")}, False),
        (PAUSES, {"admission": Admission((), "t1", admitted=True)}, True),
        (GOES_ON, {}, False),
        (GOES_ON, HELD, True),
        (GOES_ON, {"held_at": 999.0}, False),
    ],
)
def test_what_a_run_is_to_hear(pause, run, owed):
    assert is_owed(pause, replace(RUN, **run)) is owed
