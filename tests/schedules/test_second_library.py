"""Ten years of six time zones, as a second library has them that shares no code with the first.

The two differ where the clocks are changed, as the documentation of both says: there ours does what
`test_times` holds it to, so days on which that happens are left out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from flowworker.core.schedule import Schedule
from flowworker.schedules import times_of

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"),
    "America/Santiago",
)
"""Among them one whose summer is the north's winter, one that is changed at midnight, one whose
clocks are changed by half an hour, and one that is apart by three quarters of one."""
CRONS = (
    *("0 0 * * *", "30 2 * * *", "15 1-4 * * MON-FRI", "0 5,17 * * 2-6", "45 23 L * *"),
    *("0 12 13 * FRI", "5 4 1,15 * *", "0 9 * * 1#2", "0 18 * * 5L", "59 23 31 12 *"),
)
BEGIN, END = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2030))


def second(cron: str, zone: ZoneInfo) -> Iterator[float]:
    its = cron.replace("5L", "L5")
    for time in croniter(its, BEGIN.astimezone(zone), ret_type=datetime):
        yield time.timestamp()


def is_usual(time: float, zone: ZoneInfo) -> bool:
    """Whether the clocks are not changed around that time."""
    day = datetime.fromtimestamp(time, zone)
    around = (day.astimezone(UTC) + timedelta(hours=hours) for hours in (-26, 26))
    return len({one.astimezone(zone).utcoffset() for one in around}) == 1


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", CRONS)
def test_ten_years(cron, zone):
    local, end = ZoneInfo(zone), END.timestamp()
    ours = times_of(Schedule("s", cron=cron, timezone=zone), BEGIN.timestamp())

    def usual(times: Iterator[float]) -> list[float]:
        return [time for time in takewhile(lambda one: one < end, times) if is_usual(time, local)]

    found = usual(ours)
    assert found == usual(second(cron, local))
    assert len(found) >= 10


def test_a_day_with_seconds():
    ours = times_of(Schedule("s", cron="*/7 * 3 * * *"), BEGIN.timestamp())
    others = croniter("* 3 * * * */7", BEGIN, ret_type=float)  # it has the seconds last
    assert [next(ours) for _ in range(1000)] == [next(others) for _ in range(1000)]
