"""Runs are found by filters, newest first, page by page."""

from __future__ import annotations

import pytest

from flowworker.client import Client, finding
from flowworker.codec.index import entry_of
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput
from flowworker.stores.stores import stores_of
from tests.support import backends

ENDED = RunStatus.COMPLETED


@pytest.fixture
async def client():
    """A client of a fleet that has runs whose ids say nothing of when they were created."""
    async with backends.memory() as backend:
        client = Client(stores_of(backend))
        now = client._clock.now()
        runs = stores_of(backend).runs
        for age, (run, status) in enumerate(
            [("b-3", RunStatus.RUNNING), ("a-2", ENDED), ("d-4", ENDED), ("c-1", RunStatus.RUNNING)]
        ):
            over = now - age if status is ENDED else 0.0
            record = RunRecord(run, "shop", "h", status, EMPTY, now - 5 - age, finished_at=over)
            await runs.save(record, 0)
            await runs.index(entry_of(record))
        yield client


async def found(client, where, limit=10, cursor=""):
    page = await client.find(where, limit, cursor)
    return [run.id for run in page.runs], page


async def test_newest_first_page_by_page_whatever_their_ids(client):
    first, page = await found(client, "", 3)
    rest, last = await found(client, "", 3, page.cursor)

    assert (first, rest) == (["b-3", "a-2", "d-4"], ["c-1"])
    assert (bool(page.cursor), last.cursor) == (True, "")
    assert [run.id for run in await client.list(limit=2)] == ["b-3", "a-2"]


async def test_filters(client):
    assert (await found(client, "state=running workflow=shop"))[0] == ["b-3", "c-1"]
    assert (await found(client, "state=completed,failed started>-1h"))[0] == ["a-2", "d-4"]
    assert (await found(client, "workflow=other"))[0] == []
    with pytest.raises(InvalidInput, match="filter, column 1: there is no 'stat'"):
        await client.find("stat=running")
    with pytest.raises(InvalidInput, match="limit must be at least 1, found 0"):
        await client.find(limit=0)


async def test_what_only_records_know_is_looked_up_for_so_many_runs_a_page(client, monkeypatch):
    monkeypatch.setattr(finding, "LOOKS", 2)
    monkeypatch.setattr(finding, "_TOGETHER", 1)

    first, page = await found(client, "ended>-1h", 1)
    second, further = await found(client, "ended>-1h", 2, page.cursor)

    assert (first, page.looked_at) == (["a-2"], 2)
    assert (second, further.looked_at, further.cursor) == (["d-4"], 2, "")


async def test_what_cannot_be_read_does_not_hide_the_rest(client):
    await client._stores.backend.runs.put("run.a-2", b"damaged")

    assert (await found(client, ""))[0] == ["b-3", "a-2", "d-4", "c-1"]
    assert (await found(client, "ended>-1h"))[0] == ["d-4"]
