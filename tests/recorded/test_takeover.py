"""A fleet of this release goes on with recorded runs, wherever the one before was when it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from flowworker.client import Client, RunResult
from flowworker.codec.index import entry_of
from flowworker.codec.json import decode_run
from flowworker.stores.stores import stores_of
from tests.recorded.files import Message
from tests.recorded.fleet import SETTINGS, coordinator, worker
from tests.recorded.handlers import app
from tests.recorded.recording import EVENTS, RECORDINGS, Recording
from tests.recorded.restoring import Then, restored
from tests.support.waiting import WAIT_LIMIT

LATER = 60.0
"""Seconds after a run began: what worked at it is gone, and its leases are over."""

UNHURRIED = replace(SETTINGS, partition_lease=60.0)
"""There is one coordinator: that fleets abreast hold each other up is to take no partition away."""

_ABREAST = 8
"""Fleets at a time: most of what they do is to wait."""

UNATTENDED = (
    *("chain-1", "chain-2", "retried-1", "fallen-1", "undone-1", "large-1", "large-2", "wide-1"),
    *("emitting-1", "unserved-1", "lost-2", "returned-1", "seq-000000000001"),
    *("looped-1", "looped-2", "repeated-1", "nested-1", "nested-2", "ended-1"),
    *("ruled-1", "delayed-1", "again-2", "again-3", "again-4"),
)
"""Runs that end without anybody's doing. (Two workers were lost with the step of `lost-1`: if
its last owner were lost as well, it would be given up.)"""


@asynccontextmanager
async def fleet_of_today(
    recording: Recording, run: str, found: list[Message]
) -> AsyncIterator[Client]:
    """A coordinator and a worker that find these records and events of a run and its children."""
    records = {
        each.key: decode_run(each.key, each.data) for each in found if each.key.startswith("run.")
    }
    clock = Then(records[f"run.{run}"].created_at + LATER)
    async with restored(recording, clock, found) as backend:
        for each in records.values():
            await backend.runs.put(entry_of(each).key, b"")
        coordinating = coordinator(backend, "coordinator-2", clock, UNHURRIED)
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


RECORDED = [
    pytest.param(recording, run, id=f"{recording}-{run}")
    for recording in RECORDINGS
    for run in UNATTENDED
    if run in recording.runs()
]


def test_none_of_them_is_missing_in_the_newest_recording():
    assert {*UNATTENDED} <= {*RECORDINGS[-1].runs()}


def is_prepared(message: Message, run: str) -> bool:
    """Whether it is a record of a run that may be driven: until then its command is there."""
    return message.key == f"run.{run}" and decode_run(message.key, message.data).is_prepared


@pytest.mark.slow
@pytest.mark.usefixtures("uncovered")  # tests of the rooms cover what a fleet does
@pytest.mark.parametrize(("recording", "run"), RECORDED)
async def test_wherever_it_was_it_ends_as_it_did(recording: Recording, run: str):
    app.runtime[run].set()
    sent = recording.of_family(run)
    first = next(place for place, each in enumerate(sent, 1) if is_prepared(each, run))
    events = [each for each in recording.of_run(run) if each.subject.startswith(EVENTS)]
    abreast = asyncio.Semaphore(_ABREAST)

    async def end_from(place: int) -> tuple[RunResult, list[str]]:
        async with abreast, fleet_of_today(recording, run, sent[:place]) as client:
            result = await client.result(run, WAIT_LIMIT)
            return result, [event["id"] for event in await client.history(run)]

    expected, published = await end_from(len(sent))
    assert len(published) == len(events)

    for result, ids in await asyncio.gather(*map(end_from, range(first, len(sent)))):
        assert result == expected
        assert len(ids) == len(set(ids))
