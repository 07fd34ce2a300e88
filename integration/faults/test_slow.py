"""Processes that are slower than what comes in: memory stays bounded, nothing is lost."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bench.chaos.raw import Raw
from flowworker import wiring
from flowworker.codec.subjects import CommandLane
from flowworker.coordinator.commands import intake
from flowworker.coordinator.driving import scheduler
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, open_backend
from flowworker.ports import Records
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from integration.faults.load import all_complete
from integration.faults.slow import IMPATIENT, slow_consumers
from integration.faults.tap import Tap
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.chaos


TAPS = {
    "coordinator": ("FAULTS_COMMANDS", "starts"),
    "worker": ("FAULTS_STEPS", "step-default-normal"),
}


@pytest.mark.parametrize("role", ["coordinator", "worker"])
async def test_a_process_that_stands_still_is_disconnected_and_comes_back(
    open_fleet, monkeypatch, role
):
    # or steps would be small messages
    monkeypatch.setenv("FLOWWORKER_INLINE_LIMIT", "200000")
    monkeypatch.setenv("FLOWWORKER_MESSAGE_LIMIT", "262144")
    with EmbeddedServer(config=IMPATIENT) as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a fleet, and more for one of it than fits into the network
            processes = {one: fleet.start(one) for one in ("coordinator", "worker")}
            await fleet.client.run("diamond", run_id="r-0", timeout=WAIT_LIMIT)
            tap = Tap(raw, *TAPS[role])
            await tap.close()
            given = {"pad": "x" * 120_000}
            names = [f"r-{number}" for number in range(1, 101)]
            starts = [fleet.client.start("diamond", given, run_id=name) for name in names]
            runs = await asyncio.gather(*starts)
            await fleet.until(lambda: tap.holds(len(runs)))

            # When that one asks for it and stands still, until the server has had enough
            stopped = processes[role]
            stopped.send_signal(signal.SIGSTOP)
            await tap.open()
            while not await tap.gave():  # what it had asked for was just over
                await tap.close()
                stopped.send_signal(signal.SIGCONT)
                await fleet.until(tap.is_asked)
                stopped.send_signal(signal.SIGSTOP)
                await tap.open()
            await fleet.until(lambda: slow_consumers(server))
            stopped.send_signal(signal.SIGCONT)

            # Then it is connected again, and all runs complete
            await all_complete(fleet, runs)

            async def is_connected() -> bool:
                return await fleet.readiness(stopped) == 200

            await fleet.until(is_connected)
            assert [process.poll() for process in fleet.processes] == [None, None]


class Slow:
    """Records that are written one at a time, and leisurely."""

    def __init__(self, records: Records, seconds: float) -> None:
        self._records = records
        self._seconds = seconds
        self._turn = asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def write(self, key: str, value: bytes, revision: int) -> int:
        async with self._turn:
            await asyncio.sleep(self._seconds)
        return await self._records.write(key, value, revision)


class Watch:
    """The most that consumers of a stream had in flight, and that waited for them."""

    def __init__(self, raw: Raw, stream: str) -> None:
        self.inflight = self.waiting = 0
        self._raw = raw
        self._stream = stream

    async def run(self) -> None:
        while True:
            found = await self._raw.api(f"CONSUMER.LIST.{self._stream}")
            for one in found["consumers"] or []:
                self.inflight = max(self.inflight, one["num_ack_pending"])
                self.waiting = max(self.waiting, one["num_pending"])
            await asyncio.sleep(0.02)


async def test_a_coordinator_slower_than_its_producers_has_a_bounded_share_in_flight(
    open_fleet, monkeypatch
):
    commands, facts = 50, 5
    monkeypatch.setitem(intake._CREDIT, CommandLane.STARTS, commands)
    monkeypatch.setattr(scheduler, "CREDIT", facts)
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given more starts than a coordinator takes at a time, and one that is slow
            fleet.start("worker")
            starts = [fleet.client.start("diamond", run_id=f"r-{n}") for n in range(200)]
            runs = await asyncio.gather(*starts)
            backend = await open_backend(ConnectionOptions(url=server.url), fleet.namespace)
            slow = dataclasses.replace(backend, runs=Slow(backend.runs, 0.01))
            coordinator = wiring.make_coordinator(stores_of(slow), Metrics(CollectorRegistry()))

            # When it works all off
            watches = [Watch(raw, stream) for stream in ("FAULTS_COMMANDS", "FAULTS_EVENTS")]
            watching_them = [asyncio.create_task(watch.run()) for watch in watches]
            await coordinator.start()
            await all_complete(fleet, runs)
            for task in watching_them:
                task.cancel()

            # Then it had what it granted, give or take acknowledgements on their way
            for watch, credit in zip(watches, (commands, facts), strict=True):
                assert credit <= watch.inflight <= 2 * credit
                assert watch.waiting
            await coordinator.stop()
            await backend.close()
