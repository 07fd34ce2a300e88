"""A namespace in memory with workers on it, and what stands in for the coordinator."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace as with_fields
from typing import Any

import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from flowworker.codec.json import encode
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.core.ids import attempt_key, idempotency_key
from flowworker.core.payload import EMPTY, Inline, inline
from flowworker.core.records import RunRecord, StepRecord
from flowworker.core.status import Kind, Outcome, RunStatus
from flowworker.errors import Conflict
from flowworker.handlers.app import App
from flowworker.memory import memory_backend
from flowworker.ports import Backend, StepAddress
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import Stores, stores_of
from flowworker.telemetry.metrics import Metrics
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from flowworker.worker.worker import Worker
from tests.support.histories import bodies
from tests.support.waiting import advance_until, eventually


class Fleet:
    """One namespace, its workers, and the messages that a coordinator would send."""

    def __init__(self, settings: Settings, clock: Any = None, namespace: str = "flowworker"):
        self.settings = settings
        self.clock = clock or ManualClock()
        self.backend: Backend = memory_backend(namespace, settings=settings, clock=self.clock)
        self.runs = self._runs = RunStore(self.backend.runs)
        self.app = App()
        self.workers: list[Worker] = []
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)

    def rewire(self, **ports: Any) -> None:
        """Let workers that start from now on use other ports."""
        self.backend = with_fields(self.backend, **ports)

    @property
    def stores(self) -> Stores:
        return stores_of(self.backend, self.settings)

    async def worker(
        self, app: App | None = None, concurrency: int | None = None, **options: Any
    ) -> Worker:
        options.setdefault("metrics", self.metrics)
        settings = self.settings
        if concurrency is not None:
            settings = replace(settings, concurrency=concurrency)
        stores = stores_of(self.backend, settings)
        worker = Worker(stores, app or self.app, self.clock, **options)
        await worker.start()
        self.workers.append(worker)
        return worker

    def message(self, uses: str, run: str = "r1", step: str = "s", **fields: Any) -> StepMessage:
        fields = {"kind": Kind.RUN, "turn": 1, "number": 1, "version": "v1", **fields}
        given = fields.pop("input", {})
        outputs = fields.pop("outputs", {})
        if isinstance(given, dict):
            pairs = tuple((name, as_payload(value)) for name, value in outputs.items())
            given = StepInput(inline(encode(given)), pairs)
        key = idempotency_key(run, step, fields["kind"])
        return StepMessage(
            run, "order.fulfil", step, uses, input=given, idempotency_key=key, **fields
        )

    async def send(self, message: StepMessage, again: str = "") -> None:
        """Enqueue it; `again` makes it another message for the queue."""
        await self.send_raw(encode(message), message, again)

    async def send_raw(self, data: bytes, message: StepMessage, again: str = "") -> None:
        await self._begin(message)
        address = StepAddress(message.queue, message.priority, message.run, message.step)
        key = attempt_key(message.run, message.step, message.attempt, message.lost)
        await self.backend.steps.enqueue(address, data, key + again)

    async def _begin(self, message: StepMessage) -> None:
        """A run has a record as long as it exists."""
        record = RunRecord(message.run, message.workflow, "h", RunStatus.RUNNING, EMPTY, 0.0)
        with contextlib.suppress(Conflict):
            await self._runs.save(record, 0)

    async def run(self, uses: str, **fields: Any) -> StepMessage:
        """Send a message and let happen what happens without any time passing."""
        message = self.message(uses, **fields)
        await self.send(message)
        await settle()
        return message

    async def cancel(self, run: str = "r1", step: str = "s") -> None:
        """Send a cancel notice, as a coordinator does."""
        body = msgspec.json.encode({"step": step})
        await self.backend.notifier.publish(f"{self.backend.namespace}.cancel.{run}", body)
        await settle()

    async def write(self, record: StepRecord, revision: int = 0, queue: str = "default") -> int:
        return await self.runs.save_step(queue, record, revision)

    async def record(self, run: str = "r1", step: str = "s", queue: str = "default") -> StepRecord:
        found = await self.runs.load_step(queue, run, step)
        assert found is not None, "no record"
        return found[0]

    async def revision(self, run: str = "r1", step: str = "s", queue: str = "default") -> int:
        found = await self.runs.load_step(queue, run, step)
        return 0 if found is None else found[1]

    async def output(self, run: str = "r1", step: str = "s") -> Any:
        payload = (await self.record(run, step)).output
        assert isinstance(payload, Inline), payload
        return msgspec.json.decode(payload.data)

    async def history(self, run: str = "r1") -> list[dict[str, Any]]:
        return [msgspec.json.decode(raw) for raw in await bodies(self.backend.events, run)]

    async def types(self, run: str = "r1") -> list[str]:
        return [event["type"].removeprefix("workflow.") for event in await self.history(run)]

    async def ended(self, run: str = "r1", step: str = "s") -> StepRecord:
        """The record of an attempt that ends in real time."""

        async def is_over() -> bool:
            found = await self.runs.load_step("default", run, step)
            return found is not None and found[0].outcome is not Outcome.RUNNING

        await eventually(is_over)
        await settle()
        return await self.record(run, step)

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"flowworker_{name}", labels) or 0.0

    async def close(self) -> None:
        for worker in self.workers:
            draining = asyncio.ensure_future(worker.drain())
            if isinstance(self.clock, ManualClock):
                await advance_until(self.clock, draining.done, 60.0)
            await draining
        await self.backend.close()


def as_payload(value: Any) -> Any:
    return value if isinstance(value, msgspec.Struct) else inline(encode(value))


def running(
    clock: Any, run: str = "r1", step: str = "s", *, lease: float = 30.0, **fields: Any
) -> StepRecord:
    """The claim of another worker."""
    fields = {"kind": Kind.RUN, "turn": 1, "number": 1, "worker": "other", **fields}
    return StepRecord(
        run=run,
        step=step,
        outcome=Outcome.RUNNING,
        lease_until=clock.now() + lease,
        started_at=clock.now(),
        **fields,
    )
