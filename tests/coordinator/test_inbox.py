"""What becomes of messages that nobody can handle."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from flowworker.clock import SystemClock
from flowworker.coordinator.commands.inbox import Inbox
from flowworker.errors import CorruptRecord, DefinitionError, FlowworkerError, Unavailable


class Message:
    """A delivery that remembers what was answered."""

    subject = "timer.r1.retention"
    delivered = 20

    def __init__(self):
        self.answered = asyncio.get_running_loop().create_future()

    async def ack(self):
        self.answered.set_result("ack")

    async def nak(self, delay=0.0):
        self.answered.set_result(delay)


@pytest.mark.parametrize(
    ("error", "answer", "level"),
    [
        (None, "ack", None),
        (CorruptRecord("run.r1", b"", "damaged"), 60.0, "error"),
        (DefinitionError(["def.x holds another definition"]), 60.0, "error"),
        (Unavailable("away"), 4.0, "warning"),
        (ValueError("a defect"), 4.0, "error"),
    ],
)
async def test_a_message_comes_again_when_that_can_help(logs, error, answer, level):
    async def handle(_delivery):
        if error is not None:
            raise error

    async def consume(on_delivery):
        on_delivery(message)
        return SimpleNamespace(grant=lambda _credit: None)

    message = Message()
    await Inbox(handle, 1, SystemClock()).start(consume)

    assert await message.answered == answer
    assert [line["log_level"] for line in logs.lines] == ([level] if level else [])
    for line in logs.lines:
        assert line["subject"] == message.subject
        if isinstance(error, FlowworkerError):
            assert line["error"] == str(error)
        else:
            assert logs.tracebacks == [line]
