"""What `schedule show` says of one."""

from __future__ import annotations

import time

import pytest

from flowworker.cli.schedules import _facts
from flowworker.client.schedules import schedule_view
from flowworker.core.occurrence import ScheduleRecord
from flowworker.core.schedule import Schedule


@pytest.mark.parametrize(("ago", "is_overdue"), [(3_700.0, True), (0.0, False)])
def test_a_time_that_nobody_has_followed_is_overdue(ago, is_overdue):
    passed = time.time() - ago
    record = ScheduleRecord(
        Schedule("s", every=60.0, start_at=passed), "w", passed, passed, f"1@{passed}", passed
    )

    facts = dict(_facts(schedule_view(record)))

    assert ("overdue" in facts) is is_overdue
    if is_overdue:
        assert "no coordinator has followed it" in facts["overdue"]
