"""Who is slower than what comes in: memory stays bounded, nothing is lost, order holds."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import threading
import time
from contextlib import aclosing
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from bench.chaos.raw import Raw
from flowworker import wiring
from flowworker.client import Client, watching
from flowworker.codec.subjects import CommandLane
from flowworker.coordinator import intake, scheduler
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend, Records
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from integration.faults.load import all_complete
from integration.faults.tap import Tap
from tests.support.waiting import WAIT_LIMIT

pytestmark = pytest.mark.chaos

RUN = "r-1"
NAMESPACE = "slow"
IMPATIENT = 'write_deadline: "1s"\n'
"""The server ends a connection that takes nothing for so long."""


def event(number: int, size: int = 0, kind: str = "workflow.step.started") -> tuple[str, bytes]:
    """Its type and itself."""
    found = {"id": str(number), "type": kind, "data": {"id": RUN, "pad": "x" * size}}
    return kind, json.dumps(found).encode()


async def tell(backend: Backend, numbers: range, size: int = 0) -> None:
    """Publish that many in order."""
    for start in range(numbers.start, numbers.stop, 200):
        some = range(start, min(start + 200, numbers.stop))
        told = [(number, *event(number, size)) for number in some]
        await asyncio.gather(
            *(backend.events.publish(RUN, kind, raw, str(n)) for n, kind, raw in told)
        )


async def tell_end(backend: Backend, number: int) -> None:
    kind, raw = event(number, kind="workflow.completed")
    await backend.events.publish(RUN, kind, raw, str(number))


async def opened(server: EmbeddedServer) -> Backend:
    options = ConnectionOptions(url=server.url)
    return await open_backend(options, NAMESPACE, topology=TopologyOptions(storage="memory"))


class Measured(watching._Buffer):
    """Remembers how much it had at most."""

    most = most_bytes = losses = 0

    def put(self, subject: str, data: bytes) -> None:
        super().put(subject, data)
        Measured.most = max(Measured.most, len(self._events))
        Measured.most_bytes = max(Measured.most_bytes, self._size)

    def lose(self) -> None:
        super().lose()
        Measured.losses += 1


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> type[Measured]:
    Measured.most = Measured.most_bytes = Measured.losses = 0
    monkeypatch.setattr(watching, "_Buffer", Measured)
    return Measured


@pytest.mark.parametrize(
    ("count", "size"), [(11_000, 0), (1_500, 25_000)], ids=["many events", "many bytes"]
)
async def test_whoever_watches_a_run_and_sleeps_gets_all_of_it_in_order(count, size, measured):
    with EmbeddedServer() as server:
        backend = await opened(server)
        teller = await opened(server)
        seen: list[str] = []
        await tell(teller, range(1))

        # When a reader takes some, and sleeps while more is told than may wait, twice
        async with aclosing(Client(stores_of(backend)).watch(RUN)) as events:
            async for found in events:
                seen.append(found["id"])
                if len(seen) in {1, 100}:
                    told = 1 if len(seen) == 1 else 1 + count
                    await tell(teller, range(told, told + count), size)
                if len(seen) == 100:
                    await tell_end(teller, 1 + 2 * count)

        # Then not more than that was kept, and it has seen all in order
        assert seen == [str(number) for number in range(2 + 2 * count)]
        assert measured.losses
        assert measured.most <= watching.BACKLOG
        assert measured.most_bytes <= watching.BACKLOG_BYTES
        await teller.close()
        await backend.close()


async def test_whoever_watches_all_and_sleeps_gets_the_latest_in_order(measured):
    with EmbeddedServer() as server:
        backend = await opened(server)
        teller = await opened(server)
        seen: list[str] = []
        async with aclosing(Client(stores_of(backend)).watch()) as events:
            first = asyncio.ensure_future(anext(events))
            while not first.done():
                await tell(teller, range(1))
                await backend.notifier.publish(f"{NAMESPACE}.workflow.test", event(0)[1])
                await asyncio.wait({first}, timeout=0.1)
            await tell(teller, range(1, 12_000))
            while not seen or seen[-1] != "11999":
                seen.append((await anext(events))["id"])

        expected = [str(number) for number in range(12_000 - watching.BACKLOG, 12_000)]
        assert seen == expected
        assert measured.most == watching.BACKLOG
        await teller.close()
        await backend.close()


async def test_whoever_watches_and_blocks_its_loop_is_disconnected_and_misses_nothing(measured):
    with EmbeddedServer(config=IMPATIENT) as server:
        backend = await opened(server)
        teller = await opened(server)
        await tell(teller, range(1))
        seen: list[str] = []
        rest: asyncio.Task[None] | None = None
        back = asyncio.Event()
        backend.notifier._connection.on_reconnected.append(back.set)  # type: ignore[attr-defined]

        async def publish() -> None:
            there = await opened(server)
            await tell(there, range(1, 1_000), 30_000)
            await there.close()

        async def tell_rest() -> None:
            await back.wait()
            await tell(teller, range(1_000, 1_500))
            await tell_end(teller, 1_500)

        async with aclosing(Client(stores_of(backend)).watch(RUN)) as events:
            async for found in events:
                seen.append(found["id"])
                if len(seen) == 1:
                    # When the loop stands still until the server has had enough
                    thread = threading.Thread(target=lambda: asyncio.run(publish()))
                    thread.start()
                    thread.join()
                    assert slow_consumers(server, 10.0)
                    # ... and more is told as soon as it is connected again
                    rest = asyncio.create_task(tell_rest())

        # Then it has seen all in order
        assert seen == [str(number) for number in range(1_501)]
        assert measured.losses
        assert rest is not None
        await rest
        await teller.close()
        await backend.close()


def slow_consumers(server: EmbeddedServer, patience: float = 0.0) -> int:
    """How many the server says that it has disconnected; waits for the first."""
    until = time.monotonic() + patience
    while True:
        found = server.log_path.read_text().count("Slow Consumer Detected")
        if found or time.monotonic() > until:
            return found
        time.sleep(0.02)


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
    """The most that consumers of a stream had in hand, and that waited for them."""

    def __init__(self, raw: Raw, stream: str) -> None:
        self.in_hand = self.waiting = 0
        self._raw = raw
        self._stream = stream

    async def run(self) -> None:
        while True:
            found = await self._raw.api(f"CONSUMER.LIST.{self._stream}")
            for one in found["consumers"] or []:
                self.in_hand = max(self.in_hand, one["num_ack_pending"])
                self.waiting = max(self.waiting, one["num_pending"])
            await asyncio.sleep(0.02)


async def test_a_coordinator_slower_than_its_producers_has_a_bounded_share_in_hand(
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
                assert credit <= watch.in_hand <= 2 * credit
                assert watch.waiting
            await coordinator.stop()
            await backend.close()
