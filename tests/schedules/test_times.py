"""The times of schedules, in particular where the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from flowworker.core.schedule import Schedule
from flowworker.errors import InvalidInput
from flowworker.schedules import backfill_of, check_cron, next_times, times_of, zone_of

NEW_YORK = "America/New_York"
"""The clocks go forward from 2:00 to 3:00 on 2026-03-08, and back from 2:00 to 1:00 on 11-01."""


def shown(schedule: Schedule, after: str, number: int) -> list[str]:
    zone = ZoneInfo(schedule.timezone)
    begin = datetime.fromisoformat(after).replace(tzinfo=zone).timestamp()
    found = islice(times_of(schedule, begin), number)
    return [datetime.fromtimestamp(time, zone).isoformat()[5:] for time in found]


@pytest.mark.parametrize(
    ("cron", "after", "times"),
    [
        # Forward: a time that does not exist is the first moment after the gap
        ("30 2 * * *", "2026-03-07T12:00", ["03-08T03:00:00-04:00", "03-09T02:30:00-04:00"]),
        ("15,45 2 * * *", "2026-03-07T12:00", ["03-08T03:00:00-04:00", "03-09T02:15:00-04:00"]),
        ("0 2,3 * * *", "2026-03-07T12:00", ["03-08T03:00:00-04:00", "03-09T02:00:00-04:00"]),
        (
            "0,30 30 2 * * *",
            "2026-03-07T12:00",
            ["03-08T03:00:00-04:00", "03-08T03:00:30-04:00", "03-09T02:30:00-04:00"],
        ),
        # Forward: one that goes by time as it passes has none in the gap
        ("*/30 * * * *", "2026-03-08T01:15", ["03-08T01:30:00-05:00", "03-08T03:00:00-04:00"]),
        ("30 * * * *", "2026-03-08T01:15", ["03-08T01:30:00-05:00", "03-08T03:30:00-04:00"]),
        # Back: a time that comes twice counts once, the first one
        ("30 1 * * *", "2026-10-31T12:00", ["11-01T01:30:00-04:00", "11-02T01:30:00-05:00"]),
        ("5 30 1 * * *", "2026-10-31T12:00", ["11-01T01:30:05-04:00", "11-02T01:30:05-05:00"]),
        # Back: one that goes by time as it passes has both
        (
            "*/30 * * * *",
            "2026-11-01T00:45",
            [
                *("11-01T01:00:00-04:00", "11-01T01:30:00-04:00", "11-01T01:00:00-05:00"),
                *("11-01T01:30:00-05:00", "11-01T02:00:00-05:00"),
            ],
        ),
    ],
)
def test_where_the_clocks_are_changed(cron, after, times):
    schedule = Schedule("s", cron=cron, timezone=NEW_YORK)
    assert shown(schedule, after, len(times)) == times
    # It makes no difference from where one looks
    zone = ZoneInfo(NEW_YORK)
    moments = [datetime.fromisoformat(f"2026-{time}").timestamp() for time in times]
    for one, following in pairwise(moments):
        assert next(times_of(schedule, one)) == following
        assert next(times_of(schedule, following - 0.5)) == following
    assert all(datetime.fromtimestamp(one, zone) for one in moments)


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        ("0 0 L * *", ["01-31T00:00:00+00:00", "02-28T00:00:00+00:00"]),
        ("0 0 LW * *", ["01-30T00:00:00+00:00", "02-27T00:00:00+00:00"]),
        ("0 0 * * 5#2", ["01-09T00:00:00+00:00", "02-13T00:00:00+00:00"]),
        ("0 0 * * 5L", ["01-30T00:00:00+00:00", "02-27T00:00:00+00:00"]),
        ("0 12 * JAN MON-WED", ["01-05T12:00:00+00:00", "01-06T12:00:00+00:00"]),
        ("*/20 0 0 1 * *", ["01-01T00:00:20+00:00", "01-01T00:00:40+00:00"]),
    ],
)
def test_words_of_cron(cron, times):
    check_cron(cron)
    assert shown(Schedule("s", cron=cron), "2026-01-01T00:00", 2) == times


def test_intervals_count_from_the_begin_or_from_1970():
    assert list(islice(times_of(Schedule("s", every=900.0), 1000.0), 3)) == [1800.0, 2700.0, 3600.0]
    assert next(times_of(Schedule("s", every=900.0), 1800.0)) == 2700.0
    begun = Schedule("s", every=900.0, start_at=1000.0)
    assert list(islice(times_of(begun, 0.0), 2)) == [1000.0, 1900.0]
    assert next(times_of(begun, 5000.0)) == 5500.0


def test_no_time_is_before_the_begin_nor_after_the_end():
    schedule = Schedule("s", cron="0 * * * *", start_at=3600.0, end_at=4 * 3600.0)
    assert list(times_of(schedule, 0.0)) == [3600.0, 7200.0, 10800.0, 14400.0]


def test_the_next_times_have_their_jitter():
    schedule = Schedule("s", every=60.0, jitter=10.0)
    found = next_times(schedule, 0.0, 3)
    assert [60 * n <= time < 60 * n + 10 for n, time in enumerate(found, 1)] == [True] * 3


def test_a_backfill_has_the_times_between_two_moments():
    schedule = Schedule("s", every=60.0, start_at=1_000_000_020.0)
    assert backfill_of(schedule, 120.0, 240.0) == [120.0, 180.0, 240.0]
    ended = Schedule("s", cron="* * * * *", start_at=1e9, end_at=2e9)
    assert backfill_of(ended, 120.0, 180.0) == [120.0, 180.0]

    with pytest.raises(InvalidInput, match="no time between these moments"):
        backfill_of(schedule, 121.0, 122.0)
    with pytest.raises(InvalidInput, match="more than 1,000 times of schedule 's'"):
        backfill_of(schedule, 0.0, 60_000_000.0)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("* * *", "found 3 in '* * *'"),
        ("61 * * * *", "'61' is no minute: expected 0 to 59"),
        ("61 * * * * *", "'61' is no second: expected 0 to 59"),
        ("* * * * 8", "'8' is no day of the week"),
        ("0 0 */L * *", "'*/L' is no day of the month"),
        ("0 0 L/2-3 * *", "'L/2-3' is no day of the month"),
        ("0 0 30 2 *", "has no time: no month has such a day"),
        ("0 0 31 4,6 *", "has no time"),
        ("* " * 200, "at most 200 characters"),
    ],
)
def test_what_is_no_expression(cron, says):
    with pytest.raises(InvalidInput) as caught:
        check_cron(cron)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "../passwd", "/etc", "\0", "Mars/Phobos", "europe", "x" * 500]
)
def test_what_is_no_time_zone(name):
    with pytest.raises(InvalidInput, match="there is no time zone"):
        zone_of(name)


def test_a_time_zone_that_was_meant():
    with pytest.raises(InvalidInput, match="did you mean 'Europe/Berlin'"):
        zone_of("Europe/Berln")
    assert zone_of("UTC") is UTC


def test_an_expression_ends_before_the_calendar_does():
    last = datetime(8000, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    assert list(times_of(Schedule("s", cron="* * * * *"), last - 90.0)) == [last - 60.0, last]
