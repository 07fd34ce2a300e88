"""Workers that die, answers that get lost, leases that run out: every seed is another disaster.

Everything runs on one event loop and one clock, so a seed that fails fails again.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace

from flowworker.codec.json import decode_step
from flowworker.core.claim import MAX_LOST
from flowworker.core.status import Outcome
from flowworker.errors import Conflict, Unavailable
from flowworker.settings import Settings
from tests.worker.fleet import Fleet

STEPS = [f"s{n}" for n in range(6)]


class LoopHeartbeat:
    """`HeartbeatThread` without a thread: it beats on the main loop, by the clock."""

    clock: Any = None

    def __init__(self, beat, tick, open_link, log):
        self.main = asyncio.get_running_loop()
        self._link: Any = None
        self._open_link = open_link
        self._tasks = {asyncio.create_task(self._live(beat, tick))}

    def start(self, coroutine):
        self._tasks.add(asyncio.create_task(coroutine))

    async def over_link(self, call):
        self._link = self._link or await self._open_link()
        return await call(self._link)

    def on_main(self, callback, *arguments):
        callback(*arguments)

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self, beat, tick):
        while True:
            beat(self)
            await LoopHeartbeat.clock.sleep(tick)


class Watched:
    """The records, unreliable at times, and a judge of every write to a step."""

    def __init__(self, port, clock, chance):
        self._port = port
        self._clock = clock
        self._chance = chance

    def __getattr__(self, name):
        return getattr(self._port, name)

    async def read(self, key):
        await self._trouble()
        return await self._port.read(key)

    async def write(self, key, value, revision):
        await self._trouble()
        before = await self._port.read(key)
        written = await self._port.write(key, value, revision)
        if key.startswith("step."):
            self._check(key, before, value)
        if self._chance(0.05):
            raise Conflict("an adapter that repeated by itself")
        await self._trouble()
        return written

    async def _trouble(self):
        if self._chance(0.2):
            await self._clock.sleep(0.5)
        if self._chance(0.1):
            raise Unavailable("no answer")

    def _check(self, key, before, value):
        new = decode_step(key, value)
        if before is None:
            assert new.lost == 0
            return
        old = decode_step(key, before[0])
        assert old.outcome is Outcome.RUNNING, "a settled attempt was written again"
        if (old.worker, old.lost, old.started_at) == (new.worker, new.lost, new.started_at):
            return
        assert old.lease_until <= self._clock.now(), "a claim was taken while its lease held"
        assert new.lost == old.lost + (old.lease_until > 0), "a lost worker was miscounted"
        if new.outcome is not Outcome.RUNNING:
            assert new.lost == MAX_LOST
            assert new.outcome is Outcome.FAILED


class Shaky:
    """The event log, unreliable at times."""

    def __init__(self, port, clock, chance):
        self._port = port
        self._clock = clock
        self._chance = chance

    def __getattr__(self, name):
        return getattr(self._port, name)

    async def publish(self, *args, **options):
        if self._chance(0.4):
            await self._clock.sleep(1.0)
            raise Unavailable("no answer")
        await self._port.publish(*args, **options)
        if self._chance(0.2):
            raise Unavailable("no answer")


class Disaster:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fleet = Fleet(Settings(lease=10.0, drain=3.0))
        LoopHeartbeat.clock = self.fleet.clock
        self.trouble = True
        runs, events = self.fleet.backend.runs, self.fleet.backend.events

        async def link():
            return Link(self.fleet.backend.runs, broken=self.chance(0.4))

        self.fleet.rewire(
            runs=Watched(runs, self.fleet.clock, self.chance),
            events=Shaky(events, self.fleet.clock, self.chance),
            open_heartbeat=link,
        )
        self.fleet.app.step("work")(self.work)
        self.fleet.app.step("fail")(self.fail)

    def chance(self, probability):
        return self.trouble and self.random.random() < probability

    async def work(self, ctx):
        await self.fleet.clock.sleep(self.random.choice([0.0, 4.0, 15.0, 40.0]))
        return ctx.step_id

    async def fail(self, ctx):
        await self.fleet.clock.sleep(self.random.choice([0.0, 5.0]))
        raise ValueError(ctx.step_id)

    def some_worker(self):
        workers = self.fleet.workers
        return workers.pop(self.random.randrange(len(workers)))

    async def happen(self):
        for step in STEPS:
            uses = self.random.choice(["work", "work", "fail"])
            message = self.fleet.message(uses, step=step)
            await self.fleet.send(message)
            if self.chance(0.3):
                await self.fleet.send(message, again="!")
        for _ in range(60):
            if len(self.fleet.workers) < 3:
                await self.fleet.worker(
                    concurrency=self.random.choice([1, 4]), make_thread=LoopHeartbeat
                )
            await self.fleet.clock.advance(self.random.choice([0.05, 1.0, 5.0]))
            if self.chance(0.25):
                await kill(self.some_worker())
            elif self.chance(0.1):
                draining = asyncio.create_task(self.some_worker().drain())
                await self.fleet.clock.advance(10.0)
                await draining
        self.trouble = False
        await self.fleet.worker(make_thread=LoopHeartbeat)
        await self.fleet.clock.advance(1000.0)


class Link:
    def __init__(self, records, *, broken):
        self._records = records
        self._broken = broken

    async def write(self, key, value, revision):
        if self._broken:
            raise Unavailable("the heartbeats' own connection is gone")
        return await self._records.write(key, value, revision)

    async def in_progress(self, delivery):
        await delivery.in_progress()

    async def close(self):
        pass


async def kill(worker):
    """End it between two instructions, as SIGKILL does: nothing is given back or put back."""
    worker._lanes._open = False
    worker._lanes._refuse = lambda delivery: None
    for lane in worker._lanes._lanes:
        await lane.consumer.stop()
    tasks = list(worker._tasks)
    for task in tasks:
        task.cancel()
    await worker._heartbeats.stop()
    await worker._inflight.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    worker._unsubscribe()
    worker.resources.threads.shutdown()


@pytest.mark.parametrize("seed", range(25))
async def test_every_attempt_ends_once_and_is_told(seed):
    disaster = Disaster(seed)
    fleet = disaster.fleet

    await disaster.happen()

    history = await fleet.history()
    for step in STEPS:
        record, revision = (await fleet.record(step=step)), (await fleet.revision(step=step))
        assert record.outcome in {Outcome.COMPLETED, Outcome.FAILED}
        told = {
            event["data"]["revision"]
            for event in history
            if event["data"].get("step_id") == step and event["type"] != "workflow.step.started"
        }
        assert told == {revision}
        assert record == replace(record, lease_until=0.0)
    steps: Any = fleet.backend.steps
    assert not steps._lane("default", "normal")._groups, "a message is left over"
    await fleet.close()
