"""One run per order, all at the same time, through `flowworker.client.Client`."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput, ResultTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from examples.orders.rows import Row
    from flowworker.client import Client

WORKFLOW = "order.fulfil"
TIMEOUT = 60.0


class Outcome(Struct, frozen=True):
    """What became of an order; `attempts` counts handler calls, `took` seconds."""

    row: Row
    outcome: str
    error: str = ""
    attempts: int = 0
    retries: int = 0
    fallbacks: int = 0
    took: float = 0.0
    paid: int = 0

    @property
    def as_expected(self) -> bool:
        """Whether the author of the file was right."""
        return self.outcome == self.row.expected


class Audience(Protocol):
    """A subscriber that shows what is going on."""

    def saw(self, event: dict[str, Any]) -> None:
        """An event of some run, as a CloudEvent."""

    def ended(self, outcome: Outcome) -> None:
        """A run is over."""


async def fulfil(client: Client, rows: Sequence[Row], audience: Audience) -> list[Outcome]:
    """Start a run for every row, and wait until all are over."""
    watching = asyncio.create_task(_watch(client, audience))
    try:
        return await asyncio.gather(*(_fulfil(client, row, audience) for row in rows))
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(client: Client, audience: Audience) -> None:
    async with aclosing(client.watch()) as events:
        async for event in events:
            audience.saw(event)


async def _fulfil(client: Client, row: Row, audience: Audience) -> Outcome:
    # The run id is the idempotency key: an order that stands in the file twice is one run.
    await client.start(WORKFLOW, row.input(), run_id=row.run_id)
    outcome = await _end_of(client, row)
    audience.ended(outcome)
    return outcome


async def _end_of(client: Client, row: Row) -> Outcome:
    try:
        result = await client.result(row.run_id, TIMEOUT)
    except InvalidInput as error:
        return Outcome(row, "rejected", str(error))
    except ResultTimeout as error:
        return Outcome(row, "unfinished", str(error))
    events = await client.history(row.run_id)
    count = Counter(event["type"].removeprefix("workflow.") for event in events)
    if result.status is RunStatus.COMPLETED:
        outcome = "fallback" if count["step.fallback"] else "completed"
    else:
        outcome = "compensated" if count["step.compensated"] else "failed"
    times = [datetime.fromisoformat(event["time"]) for event in events]
    return Outcome(
        row,
        outcome,
        result.error,
        attempts=count["step.completed"] + count["step.attempt_failed"] + count["step.compensated"],
        retries=count["step.retrying"],
        fallbacks=count["step.fallback"],
        took=(max(times) - min(times)).total_seconds(),
        paid=result.output.get("report", {}).get("paid", 0),
    )
