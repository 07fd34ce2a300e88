"""More than anybody would send on purpose."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from prometheus_client import CollectorRegistry

from bench.chaos.raw import Raw
from flowworker import wiring
from flowworker.embedded import EmbeddedServer
from flowworker.jetstream import ConnectionOptions, open_backend
from flowworker.ports import Records
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from tests.support.waiting import WAIT_LIMIT, eventually

CONTROLS = 2_000


class Closed:
    """Records whose runs that nobody knows are found missing only when that is allowed."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.asked = 0
        self.opened = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def read(self, key: str) -> tuple[bytes, int] | None:
        if key.startswith("run.unknown-"):
            self.asked += 1
            await self.opened.wait()
        return await self._records.read(key)


async def test_a_flood_of_controls_holds_up_no_start(open_fleet):
    with EmbeddedServer() as server:
        async with open_fleet(server) as fleet, Raw.connected(server.url) as raw:
            # Given a coordinator that has its hands full with controls for runs that nobody knows
            for number in range(CONTROLS):
                await raw.client.publish(f"{fleet.namespace}.control.cancel.unknown-{number}")
            await raw.client.flush()
            fleet.start("worker")
            backend = await open_backend(ConnectionOptions(url=server.url), fleet.namespace)
            records = Closed(backend.runs)
            coordinator = wiring.make_coordinator(
                stores_of(dataclasses.replace(backend, runs=records)), Metrics(CollectorRegistry())
            )
            await coordinator.start()

            async def waiting() -> int:
                consumer = "CONSUMER.INFO.FAULTS_COMMANDS.controls"
                return int((await raw.api(consumer))["num_pending"])

            async def looked_at() -> bool:
                return await waiting() == 0

            # When a run is started behind them
            result = await fleet.client.run("diamond", timeout=WAIT_LIMIT)

            # Then it ends while most of them have not even been looked at
            assert result.status == "COMPLETED"
            await eventually(lambda: records.asked)
            assert await waiting() > CONTROLS - 100

            # And they are looked at as well, when that goes on
            records.opened.set()
            await eventually(looked_at)
            assert records.asked >= CONTROLS
            await coordinator.stop()
            await backend.close()
