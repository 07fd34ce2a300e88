"""What a fleet that is measured stands beside: retained runs, runs that wait, schedules.

All are written as a fleet would have left them, without one: a hundred thousand in seconds.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.retained import WORKFLOWS, Message, Retained
from bench.schedules import WORKFLOW as SCHEDULED
from bench.schedules import write as write_schedules
from flowworker.client import Client
from flowworker.codec.index import entry_of
from flowworker.codec.json import encode
from flowworker.codec.keys import run_key, step_key
from flowworker.core.model import Escalation, EscalationStrategy, Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.jetstream.names import Names
from flowworker.stores.runs import RunStore
from flowworker.stores.stores import stores_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.core.records import RunRecord, StepRecord
    from flowworker.ports import Backend

ASKS = Workflow(
    "bench.asks",
    (Step("ask", "bench.fail", escalation=Escalation(EscalationStrategy.WAIT_HUMAN)),),
)
NAMESPACE = "flowworker"
_QUEUE = ASKS.steps[0].queue


async def retained(url: str, count: int) -> dict[str, int]:
    """Runs of one step that have ended; bytes that each kind of message of theirs takes."""
    async with Retained(url, NAMESPACE, time.time()) as writer:
        return await writer.write(0, count)


async def waiting(url: str, backend: Backend, count: int) -> None:
    """Copies of a run that the fleet has brought to where it waits for a human."""
    client, runs = Client(stores_of(backend)), RunStore(backend.runs)
    first = await client.start(ASKS.name)
    async with aclosing(client.watch(first)) as events:
        async for _ in events:
            if (await client.status(first)).status == RunStatus.WAITING_HUMAN:
                break
    client.close()
    found = await runs.load(first)
    assert found is not None
    [(step, _)] = (await runs.load_steps(first)).values()
    messages = _copies(found[0], step, count)
    async with Retained(url, NAMESPACE, time.time()) as writer:
        await writer.send(messages, 3 * count)


def _copies(run: RunRecord, step: StepRecord, count: int) -> Iterator[Message]:
    bucket = Names(NAMESPACE).first.runs
    for number in range(count):
        ours = replace(run, run=f"asks-{number}", created_at=run.created_at - number / 10)
        of_it = replace(step, run=ours.run)
        yield bucket.subject(run_key(ours.run)), b"", encode(ours)
        yield bucket.subject(step_key(_QUEUE, ours.run, of_it.step)), b"", encode(of_it)
        yield bucket.subject(entry_of(ours).key), b"", b""


async def schedules(backend: Backend, count: int) -> None:
    """Whose times are a day away."""
    await write_schedules(backend, 0, count)


DEFINITIONS = (*WORKFLOWS, ASKS, SCHEDULED)
"""What has to be registered before."""
