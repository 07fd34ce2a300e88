"""Which times a schedule has: cron expressions, intervals, time zones. Pure.

times     the times of a schedule after a moment
cron      cron expressions, in local time
zones     time zones by name
"""

from __future__ import annotations

__all__ = ["backfill_of", "check_cron", "next_times", "times_of", "zone_of"]

from flowworker.schedules.cron import check_cron
from flowworker.schedules.times import backfill_of, next_times, times_of
from flowworker.schedules.zones import zone_of
