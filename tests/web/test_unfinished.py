"""What runs on which definition, and how many runs are looked at for that."""

from __future__ import annotations

from flowworker.clock import SystemClock
from flowworker.codec.index import entry_of
from flowworker.core.payload import EMPTY
from flowworker.core.records import RunRecord
from flowworker.core.status import RunStatus
from flowworker.stores.stores import stores_of
from flowworker.web import unfinished
from tests.support import backends

ENDED = RunStatus.COMPLETED


async def save(runs, name, definition, status=RunStatus.RUNNING, *, workflow="shop", age=0.0):
    at = SystemClock().now() - age
    over = at if status is ENDED else 0.0
    record = RunRecord(name, workflow, definition, status, EMPTY, at, finished_at=over)
    await runs.save(record, 0)
    return record


async def test_runs_that_go_on_are_counted_by_definition_and_state_the_newest_first(monkeypatch):
    async with backends.memory() as backend:
        stores = stores_of(backend)
        for number, status in enumerate([RunStatus.RUNNING, RunStatus.PENDING, ENDED]):
            entry = entry_of(await save(stores.runs, f"new-{number}", "b", status))
            await stores.runs.index(entry)
        for number in range(2):
            old = await save(stores.runs, f"old-{number}", "a", age=60 + number)
            await stores.runs.index(entry_of(old))
        other = await save(stores.runs, "other", "c", workflow="else")
        await stores.runs.index(entry_of(other))
        # One that has ended, and is still listed as it was before
        moved = await save(stores.runs, "moved", "b", ENDED, age=30)
        await stores.runs.index(entry_of(moved)._replace(status=RunStatus.RUNNING))

        every = await unfinished.count(stores, "shop")
        monkeypatch.setattr(unfinished, "LOOKS", 4)
        some = await unfinished.count(stores, "shop")

    assert [(each.hash, each.states) for each in every.definitions] == [
        ("a", {RunStatus.RUNNING: 2}),
        ("b", {RunStatus.PENDING: 1, RunStatus.RUNNING: 1}),
    ]
    assert (every.counted, every.more) == (4, False)
    assert [each.hash for each in some.definitions] == ["b", "a"]
    assert (some.counted, some.more) == (3, True)
