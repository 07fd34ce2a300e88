"""What becomes of messages whose run is not known yet."""

from __future__ import annotations

from typing import Any

import pytest

from flowworker.coordinator.commands import inbox as inbox_module
from flowworker.coordinator.commands.inbox import Inbox, NotYet
from flowworker.errors import Unavailable
from flowworker.testing import ManualClock


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, text, **_):
        self.lines.append(text)


class TakenDelivery:
    subject = "control.cancel.unknown"

    def __init__(self, delivered, behind=0):
        self.delivered = delivered
        self.behind = behind
        self.delays = []

    async def nak(self, delay):
        self.delays.append(delay)


@pytest.mark.parametrize(
    ("error", "delays", "lines"),
    [
        (NotYet(), [0.125, 0.5, 2.0, 8.0, 16.0, 16.0], 0),
        (Unavailable("no quorum"), [0.125, 0.25, 0.5, 1.0, 2.0, 4.0], 6),
    ],
)
async def test_a_message_that_comes_too_early_comes_again_seldom_and_in_silence(
    monkeypatch, error, delays, lines
):
    log = Log()
    monkeypatch.setattr(inbox_module, "get_logger", lambda: log)

    async def handle(_):
        raise error

    inbox, waited = Inbox(handle, 1, ManualClock()), []
    for delivered in range(1, 7):
        delivery: Any = TakenDelivery(delivered)
        await inbox._take(delivery)
        waited += delivery.delays

    assert waited == delays
    assert len(log.lines) == lines


async def test_many_that_come_too_early_leave_time_for_those_that_nobody_has_seen():
    """What comes again goes first: at once, they would keep others waiting for a minute."""
    clock = ManualClock()

    async def handle(_):
        raise NotYet

    inbox = Inbox(handle, 1, clock, 0.01)

    async def paused(delivered, behind):
        delivery: Any = TakenDelivery(delivered, behind)
        await inbox._take(delivery)
        return delivery.delays[0]

    # Given a thousand of them, one behind the other
    first = [await paused(1, behind) for behind in reversed(range(1_000))]

    # Then none comes again before all have been seen
    assert min(first) == pytest.approx(9.99)
    assert await paused(2, 0) == pytest.approx(10.0)
    # However many there are, it is looked at again when it has been there for a minute
    assert await paused(1, 1_000_000) == 60.0
    # And when most of them are over one comes again soon
    await clock.advance(61.0)
    assert await paused(1, 0) == 0.125
