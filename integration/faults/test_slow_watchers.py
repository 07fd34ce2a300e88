"""Who watches and is slower than what comes in: memory stays bounded, order holds."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import aclosing

import pytest

from flowworker.client import Client, watching
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, TopologyOptions, open_backend
from flowworker.ports import Backend
from flowworker.stores.stores import stores_of
from integration.faults.slow import IMPATIENT, slow_consumers
from tests.support.waiting import eventually

pytestmark = pytest.mark.chaos

RUN = "r-1"
NAMESPACE = "slow"


def event(number: int, size: int = 0, kind: str = "workflow.step.started") -> tuple[str, bytes]:
    """Its type and itself."""
    found = {"id": str(number), "type": kind, "data": {"id": RUN, "pad": "x" * size}}
    return kind, json.dumps(found).encode()


async def tell(backend: Backend, numbers: range, size: int = 0) -> None:
    """Publish that many in order."""
    for start in range(numbers.start, numbers.stop, 200):
        some = range(start, min(start + 200, numbers.stop))
        published = [(number, *event(number, size)) for number in some]
        await asyncio.gather(
            *(backend.events.publish(RUN, kind, raw, str(n)) for n, kind, raw in published)
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
async def test_one_who_watches_a_run_and_sleeps_gets_all_of_it_in_order(count, size, measured):
    with EmbeddedServer() as server:
        backend = await opened(server)
        teller = await opened(server)
        seen: list[str] = []
        await tell(teller, range(1))

        # When a reader takes some, and sleeps while more is published than may wait, twice
        async with aclosing(Client(stores_of(backend)).watch(RUN)) as events:
            async for found in events:
                seen.append(found["id"])
                if len(seen) in {1, 100}:
                    published = 1 if len(seen) == 1 else 1 + count
                    measured.losses = 0
                    await tell(teller, range(published, published + count), size)
                    await eventually(lambda: measured.losses)
                if len(seen) == 100:
                    await tell_end(teller, 1 + 2 * count)

        # Then not more than that was kept, and it has seen all in order
        assert seen == [str(number) for number in range(2 + 2 * count)]
        assert measured.most <= watching.BACKLOG
        assert measured.most_bytes <= watching.BACKLOG_BYTES
        await teller.close()
        await backend.close()


async def test_one_who_watches_all_and_sleeps_gets_the_latest_in_order(measured):
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


async def test_one_who_watches_and_blocks_its_loop_is_disconnected_and_misses_nothing(measured):
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
                    # ... and more is published as soon as it is connected again
                    rest = asyncio.create_task(tell_rest())

        # Then it has seen all in order
        assert seen == [str(number) for number in range(1_501)]
        assert measured.losses
        assert rest is not None
        await rest
        await teller.close()
        await backend.close()
