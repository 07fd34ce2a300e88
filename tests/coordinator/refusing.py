"""Where start messages are taken in, refused, and put away."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.json import encode
from flowworker.codec.keys import RETENTION, run_key
from flowworker.coordinator.commands.rejection import Rejected, Rejections
from flowworker.coordinator.commands.starts import Starts
from flowworker.core.status import RunStatus
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from tests.coordinator.support import parts_of

LARGE = encode({"text": "x" * 100_000, "password": "y" * 10_000})


class StaleRuns(RunStore):
    """Records, of which an answer may lack one."""

    def __init__(self, records):
        super().__init__(records)
        self.unseen = ""

    async def load(self, run):
        return None if run == self.unseen else await super().load(run)


class Door:
    """Takes start messages in as a coordinator does, and publishes why it does not."""

    def __init__(self, backend):
        self.backend = backend
        self.clock = ManualClock()
        self.runs = StaleRuns(backend.runs)
        self.stores = dataclasses.replace(stores_of(backend), runs=self.runs)
        metrics = Metrics(CollectorRegistry())
        parts = parts_of(self.stores, self.clock)
        self.gate, self._alarms = parts.gate, parts.alarms
        self.starts = Starts(self.stores, self.gate, self.clock, metrics)
        self.rejections = Rejections(self.stores, self.clock, metrics)
        self._sequence = 0

    def message(self, run):
        self._sequence += 1
        return SimpleNamespace(
            subject="start.one",
            headers={"Nats-Msg-Id": run},
            data=LARGE,
            sequence=self._sequence,
            time=self.clock.now(),
            delivered=1,
        )

    async def take(self, message):
        """Whether it is a run."""
        try:
            await self.starts.take("one", message)
        except Rejected as rejected:
            await self.rejections.publish(rejected, message)
            await self.starts.discard(message)
            return False
        return True

    async def end(self, run):
        record, revision = await self.runs.load(run)
        ended = replace(record, status=RunStatus.COMPLETED)
        await self.runs.save(ended, revision)
        await self.gate.over(ended)
        return ended

    async def left_of(self, run):
        """But for the record that says so, which is removed later."""
        kept = [*await self.backend.payloads.keys(">"), *await self.backend.runs.keys(">")]
        found = await self.runs.load(run)
        known = {run_key(run)} if found is not None and found[0].refused else set()
        return [key for key in kept if run in key.split(".") and key not in known]

    async def forget(self, run):
        """Have the alarm go off that removes such a record."""
        await self.goes_off(run, RETENTION, self.clock.now())

    async def goes_off(self, run, name, time):
        """An alarm that is from that time."""
        delivery = SimpleNamespace(subject=f"timer.{run}.{name}", time=time)
        await self._alarms._handle(delivery)
