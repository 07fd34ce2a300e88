"""A fleet of this release goes on with recorded runs, wherever the one before was when it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from flowworker.client import Client
from flowworker.codec.json import decode_run
from flowworker.stores.stores import stores_of
from tests.recorded.files import Message
from tests.recorded.fleet import SETTINGS, coordinator, worker
from tests.recorded.handlers import app
from tests.recorded.recording import of_run
from tests.recorded.restoring import Then, restored
from tests.support.waiting import WAIT_LIMIT

LATER = 60.0
"""Seconds after a run began: what worked at it is gone, and its leases are over."""

UNATTENDED = (
    *("chain-1", "chain-2", "retried-1", "fallen-1", "undone-1", "large-1", "large-2", "wide-1"),
    *("emitting-1", "unserved-1", "lost-2", "returned-1", "seq-000000000001"),
)
"""Runs that end without anybody's doing. (Two workers were lost with the step of `lost-1`: if
whoever had it last were lost as well, it would be given up.)"""


@asynccontextmanager
async def fleet_of_today(run: str, found: list[Message]) -> AsyncIterator[Client]:
    """A coordinator and a worker that find these records and events of a run."""
    record = next(
        decode_run(each.key, each.data) for each in reversed(found) if each.key == f"run.{run}"
    )
    clock = Then(record.created_at + LATER)
    async with restored(clock, found) as backend:
        index = f"index.{record.status}.{record.workflow}.{run}"
        await backend.runs.put(index, b"")
        coordinating = coordinator(backend, "coordinator-2", clock)
        working = worker(
            backend, "worker-2", app, "default", "rare", "doomed", "brief", clock=clock
        )
        await coordinating.start()
        await working.start()
        try:
            yield Client(stores_of(backend, SETTINGS), clock)
        finally:
            await working.drain()
            await coordinating.stop()


@pytest.mark.slow
@pytest.mark.parametrize("run", UNATTENDED)
async def test_wherever_it_was_it_ends_as_it_did(run: str):
    app.runtime[run].set()
    sent = of_run(run)

    async with fleet_of_today(run, sent) as client:
        expected = await client.result(run, WAIT_LIMIT)
        assert len(await client.history(run)) == len([e for e in sent if ".event." in e.subject])

    for place in range(1, len(sent)):
        async with fleet_of_today(run, sent[:place]) as client:
            result = await client.result(run, WAIT_LIMIT)
            told = [event["id"] for event in await client.history(run)]
        assert result == expected
        assert len(told) == len(set(told))
