"""What a campaign reads of the fleet that it left behind: all of it, or nothing."""

from __future__ import annotations

import os
import signal

import nats
import pytest
from nats.js.client import JetStreamContext

from bench.chaos import raw as chaos_raw
from bench.chaos.raw import Raw, Refused
from flowworker.embedded import EmbeddedServer

pytestmark = pytest.mark.slow

MESSAGES = 1200


@pytest.fixture
async def filled(tmp_path, monkeypatch):
    """A server of its own with that many messages; what comes late is late at once."""
    monkeypatch.setattr(chaos_raw, "TIMEOUT", 0.1)
    with EmbeddedServer(store=tmp_path / "nats") as server:
        client = await nats.connect(server.url)
        js = client.jetstream()
        await js.add_stream(name="S", subjects=["s.>"])
        for number in range(MESSAGES):
            await client.publish(f"s.{number}", b"x")
        await client.flush()
        await client.close()
        yield server


def during_fetches(monkeypatch, server, actions):
    """Send the server a signal before the nth request for messages."""
    fetch, count = JetStreamContext.PullSubscription.fetch, 0

    async def counted(*args, **kwargs):
        nonlocal count
        count += 1
        if count in actions:
            os.kill(server.pid, actions[count])
        return await fetch(*args, **kwargs)

    monkeypatch.setattr(JetStreamContext.PullSubscription, "fetch", counted)


async def test_answers_that_come_late_make_no_evidence_smaller(filled, monkeypatch):
    """Records behind the first late answer were taken for lost."""
    during_fetches(monkeypatch, filled, {2: signal.SIGSTOP, 4: signal.SIGCONT})

    async with Raw.connected(filled.url) as raw:
        found = await raw.messages("S", "s.>")

    assert [message.seq for message in found] == list(range(1, MESSAGES + 1))


async def test_a_part_is_no_evidence(filled, monkeypatch):
    monkeypatch.setattr(chaos_raw, "WAIT_LIMIT", 0.3)
    during_fetches(monkeypatch, filled, {2: signal.SIGSTOP})

    async with Raw.connected(filled.url) as raw:
        try:
            with pytest.raises(Refused, match="messages did not come behind 500"):
                await raw.messages("S", "s.>")
        finally:
            os.kill(filled.pid, signal.SIGCONT)
