"""A worker on the in-memory backend, and what stands in for the coordinator."""

from __future__ import annotations

from dataclasses import replace as with_fields
from typing import Any

import pytest

from flowworker.codec.json import encode
from flowworker.codec.messages import StepInput, StepMessage
from flowworker.core.ids import attempt_key, idempotency_key
from flowworker.core.payload import Inline, inline
from flowworker.core.status import Kind, Priority
from flowworker.memory import memory_backend
from flowworker.ports import Backend, StepAddress
from flowworker.settings import Settings
from flowworker.stores.runs import RunStore
from flowworker.testing import ManualClock
from flowworker.testing.clock import settle
from flowworker.worker.loop import Worker
from flowworker.worker.registry import App

import msgspec


class Fleet:
    """One namespace in memory, its workers, and the messages that a coordinator would send."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = ManualClock()
        self.backend: Backend = memory_backend(settings=settings, clock=self.clock)
        self.runs = RunStore(self.backend.runs)
        self.app = App()
        self.workers: list[Worker] = []

    def rewire(self, **ports: Any) -> None:
        self.backend = with_fields(self.backend, **ports)

    async def worker(self, app: App | None = None, **options: Any) -> Worker:
        worker = Worker(self.backend, app or self.app, self.settings, self.clock, **options)
        self.workers.append(worker)
        await worker.start()
        return worker

    def message(self, uses: str, run: str = "r1", step: str = "s", **fields: Any) -> StepMessage:
        fields = {"kind": Kind.RUN, "turn": 1, "attempt": 1, "version": "v1", **fields}
        given = fields.pop("input", {})
        if isinstance(given, dict):
            outputs = fields.pop("outputs", {})
            given = StepInput(
                inline(encode(given)),
                tuple((name, as_payload(value)) for name, value in outputs.items()),
            )
        return StepMessage(
            run=run,
            workflow="order.fulfil",
            step=step,
            uses=uses,
            input=given,
            idempotency_key=idempotency_key(run, step, fields["kind"]),
            **fields,
        )

    async def send(self, message: StepMessage, *, again: str = "") -> None:
        await self.send_raw(encode(message), message, again=again)

    async def send_raw(self, data: bytes, message: StepMessage, *, again: str = "") -> None:
        address = StepAddress(message.queue, message.priority, message.run, message.step)
        key = attempt_key(
            message.run, message.step, message.kind, message.turn, message.attempt, message.lost
        )
        await self.backend.steps.enqueue(address, data, key + again)

    async def run(self, uses: str, **fields: Any) -> StepMessage:
        message = self.message(uses, **fields)
        await self.send(message)
        await settle()
        return message

    async def record(self, run: str = "r1", step: str = "s", queue: str = "default"):
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
        return [msgspec.json.decode(raw) for raw in await self.backend.events.history(run)]

    async def types(self, run: str = "r1") -> list[str]:
        return [event["type"].removeprefix("workflow.") for event in await self.history(run)]


def as_payload(value: Any) -> Any:
    return value if isinstance(value, msgspec.Struct) else inline(encode(value))


@pytest.fixture
def settings() -> Settings:
    return Settings(lease=30.0, handler_grace=10.0, drain=5.0)


@pytest.fixture
async def fleet(settings: Settings):
    fleet = Fleet(settings)
    yield fleet
    for worker in fleet.workers:
        import asyncio

        draining = asyncio.ensure_future(worker.drain())
        while not draining.done():
            await fleet.clock.advance(60.0)
            await asyncio.sleep(0.001)
        await draining
    await fleet.backend.close()
