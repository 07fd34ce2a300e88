"""A connection for heartbeats on which things go wrong, and waiting for the thread that uses it."""

from __future__ import annotations

import asyncio
import threading

from flowworker.errors import Unavailable
from tests.support.waiting import eventually

TICK = 0.02
"""Real seconds from one tick of the thread to the next."""


class Link:
    """A link of its own: writes from whatever thread it is used on."""

    def __init__(self, records, script=()):
        self.records = records
        self.script = list(script)
        self.writes = 0
        self.beats = 0
        self.closed = 0
        self.opened = 0
        self.refused = 0

    async def open(self):
        if self.refused:
            self.refused -= 1
            raise Unavailable("nobody there")
        self.opened += 1
        return self

    async def write(self, key, value, revision):
        what = self.script.pop(0) if self.script else "ok"
        if isinstance(what, BaseException):
            raise what
        if what == "hang":
            await asyncio.Event().wait()
        if what == "before":
            raise Unavailable("no answer")
        written = await self.records.write(key, value, revision)
        if what == "after":
            raise Unavailable("no answer in time")
        self.writes += 1
        return written

    async def in_progress(self, delivery):
        self.beats += 1

    async def close(self):
        self.closed += 1


class SlowLink(Link):
    """Its writes say that they have begun, and wait until they may go on."""

    def __init__(self, records):
        super().__init__(records)
        self.begun = threading.Event()
        self.go_on = threading.Event()

    async def write(self, key, value, revision):
        self.begun.set()
        await asyncio.to_thread(self.go_on.wait, 10)
        return await super().write(key, value, revision)


async def run_until_renewed(fleet):
    """Run the handler `wait` until its claim was renewed once."""
    await fleet.worker()
    await fleet.run("wait")
    first = await fleet.revision()
    await fleet.clock.advance(10.5)

    async def renewed():
        return await fleet.revision() == first + 1

    await eventually(renewed)


async def beaten(fleet):
    """Wait until the heartbeat's thread has looked at all claims, from beginning to end."""
    for _ in range(2):
        fleet.metrics.loop_lag.set(-1)
        await eventually(lambda: fleet.sample("event_loop_lag_seconds") >= 0, pause=0.001)
