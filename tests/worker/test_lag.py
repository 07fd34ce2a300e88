"""How a blocked event loop is seen from another thread."""

from __future__ import annotations

import asyncio
from typing import cast

from prometheus_client import CollectorRegistry, Gauge

from flowworker.clock import Clock
from flowworker.telemetry.log import get_logger
from flowworker.testing.clock import settle
from flowworker.worker.lag import LagProbe
from tests.support.logs import ANY


class Watch:
    def __init__(self):
        self.elapsed = 0.0

    def monotonic(self):
        return self.elapsed


async def test_a_blocked_loop_is_reported_once_for_as_long_as_it_is(logs):
    watch, asked = Watch(), []
    gauge = Gauge("lag", "", registry=CollectorRegistry())
    loop = asyncio.get_running_loop()

    def suspects(task):
        asked.append(task)
        return ["rude"]

    probe = LagProbe(cast("Clock", watch), suspects, gauge, get_logger())

    def ask_at(elapsed):
        watch.elapsed = elapsed
        probe.ask(loop)
        return len(logs.having("warning", seconds=ANY, handlers=["rude"]))

    assert [ask_at(at) for at in (0.0, 0.9, 1.1, 5.0)] == [0, 0, 1, 1]
    await settle()  # it answers
    assert [ask_at(at) for at in (6.0, 6.9, 7.1, 9.0)] == [1, 1, 2, 2]
    assert asked == [asyncio.current_task()] * 2
