"""What becomes of messages whose run is not known yet."""

from __future__ import annotations

from typing import Any

import pytest

from flowworker.coordinator.commands import inbox as inbox_module
from flowworker.coordinator.commands.inbox import Inbox, NotYet
from flowworker.errors import Unavailable


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, text, **_):
        self.lines.append(text)


class TakenDelivery:
    subject = "control.cancel.unknown"

    def __init__(self, delivered):
        self.delivered = delivered
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

    inbox, waited = Inbox(handle, 1), []
    for delivered in range(1, 7):
        delivery: Any = TakenDelivery(delivered)
        await inbox._take(delivery)
        waited += delivery.delays

    assert waited == delays
    assert len(log.lines) == lines
