"""Retry rules from the file to the last attempt: coordinator, worker, queue and records."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flowworker import App, NonRetryableError, RetryAfter, parse
from flowworker.testing import WorkflowTest

RULES = """
name: rules
defaults:
  retry:
    - {on: TimeoutError, max_attempts: 3, interval: 1m}
    - {on: OSError, max_attempts: 4, interval: 1h, factor: 3, non_retryable: PermissionError}
    - {on: RetryAfter, max_attempts: 9, max_duration: 10h}
steps:
  - {id: work, uses: work}
"""


class Refused(ConnectionError):
    pass


SLOW, DOWN = TimeoutError("slow"), Refused("down")


@pytest.mark.parametrize(
    ("errors", "attempts", "elapsed"),
    [
        ([SLOW], 2, timedelta(minutes=1)),
        ([SLOW, SLOW, SLOW], 3, timedelta(minutes=2)),
        ([SLOW, DOWN, SLOW, DOWN], 5, timedelta(hours=4, minutes=2)),
        ([DOWN, DOWN, DOWN], 4, timedelta(hours=13)),
        ([DOWN, SLOW, DOWN, DOWN, DOWN], 5, timedelta(hours=13, minutes=1)),
        ([DOWN, PermissionError("no")], 2, timedelta(hours=1)),
        ([SLOW, ValueError("no rule fits")], 2, timedelta(minutes=1)),
        ([DOWN, NonRetryableError("for good")], 2, timedelta(hours=1)),
        ([RetryAfter(4 * 3600)] * 3, 3, timedelta(hours=8)),
        ([RetryAfter(11 * 3600)], 1, timedelta(0)),
    ],
)
def test_how_often_and_how_long_it_is_tried(errors, attempts, elapsed):
    app = App()
    left = list(errors)

    @app.step("work")
    async def work(ctx):
        if left:
            raise left.pop(0)

    with WorkflowTest(app, parse(RULES)) as flow:
        run = flow.run()

        assert run.step("work").attempts == attempts
        assert flow.elapsed == elapsed
        assert run.completed == (attempts > len(errors))
