"""Acting on many runs: each once, however often it is asked for, and from wherever."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace

from flowworker.acts import (
    Approve,
    Cancel,
    Pause,
    Rerun,
    Retry,
    Terminate,
    Unpause,
)
from flowworker.client import Client, reading
from flowworker.core.records import Stop, StopReason
from flowworker.core.status import RunStatus
from flowworker.errors import InvalidInput, Unavailable
from flowworker.stores.stores import stores_of
from tests.client.many import ALREADY, REFUSED, REQUESTED, asking, events, outcomes, started, until
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("coordinator")


async def test_runs_are_cancelled_once(client, backend):
    runs = await started(client, 40)

    first = await outcomes(client, runs, Cancel("sold out"))
    await until(client, runs, RunStatus.CANCELLED)
    # When the same is asked for by somebody else, then nothing is sent
    second = await outcomes(Client(stores_of(backend)), runs, Cancel("sold out"))

    assert first == dict.fromkeys(runs, REQUESTED)
    assert second == dict.fromkeys(runs, ALREADY)
    for run in runs:
        [asked] = await events(client, run, "cancel_requested")
        assert asked["data"]["reason"] == "sold out"


@pytest.mark.parametrize(
    ("reason", "act", "outcome"),
    [
        (StopReason.CANCELLED, Cancel(), ALREADY),
        (StopReason.FAILED, Cancel(), ALREADY),  # it would change nothing
        (StopReason.CANCELLED, Terminate(), REQUESTED),
        (StopReason.TERMINATED, Terminate(), ALREADY),
        (StopReason.TERMINATED, Cancel(), ALREADY),
    ],
)
async def test_a_run_that_stops_is_only_asked_to_stop_sooner(client, backend, reason, act, outcome):
    [run] = await started(client, 1)
    runs = stores_of(backend).runs
    found = await runs.load(run)
    assert found is not None
    record, revision = found
    await runs.save(replace(record, stop=Stop(reason)), revision)

    assert await outcomes(client, [run], act, dry_run=True) == {run: outcome}


async def test_runs_pause_and_go_on(client):
    runs = await started(client, 3)

    async def pause(run):
        return (await client.status(run)).paused

    assert await outcomes(client, runs, Unpause()) == dict.fromkeys(runs, ALREADY)
    assert await outcomes(client, runs, Pause("look", "ops")) == dict.fromkeys(runs, REQUESTED)
    for run in runs:
        seen = await eventually(partial(pause, run))
        assert seen is not None
        assert (seen.reason, seen.actor) == ("look", "ops")
    assert await outcomes(client, runs, Pause()) == dict.fromkeys(runs, ALREADY)
    assert await outcomes(client, runs, Unpause()) == dict.fromkeys(runs, REQUESTED)


async def test_what_cannot_be_done_is_said_of_its_run_and_the_others_go_on(client):
    [gone, runs] = ["nobody", await started(client, 2)]

    found = {one.id: one async for one in client.act_on([gone, *runs, "no id"], Cancel())}

    assert [found[run].outcome for run in runs] == [REQUESTED, REQUESTED]
    assert (found[gone].outcome, found[gone].error_type) == (REFUSED, "RunNotFound")
    assert "nobody" in found[gone].error
    assert (found["no id"].outcome, found["no id"].error_type) == (REFUSED, "InvalidInput")


async def test_of_each_run_there_is_one_retry(client, backend):
    runs = await started(client, 3)
    await outcomes(client, runs, Cancel())
    await until(client, runs, RunStatus.CANCELLED)

    first = {one.id: one async for one in client.act_on(runs, Retry())}
    for one in first.values():
        await client.status(one.new_id)
    other = Client(stores_of(backend))
    second = {one.id: one async for one in other.act_on(runs, Retry())}

    assert {one.outcome for one in first.values()} == {REQUESTED}
    assert {one.outcome for one in second.values()} == {ALREADY}
    assert {run: one.new_id for run, one in first.items()} == {
        run: one.new_id for run, one in second.items()
    }
    reruns = [one.rerun_of for one in await client.list() if one.rerun_of]
    assert sorted(reruns) == sorted(runs)
    # And a retry is a rerun of what failed; a rerun of all, or with another input, is another one
    same = [one async for one in client.act_on(runs[:1], Rerun(failed=True), dry_run=True)]
    whole = [one async for one in client.act_on(runs[:1], Rerun(), dry_run=True)]
    given = [one async for one in client.act_on(runs[:1], Rerun(input={"order": 9}), dry_run=True)]
    assert same[0].new_id == first[runs[0]].new_id
    assert (whole[0].outcome, given[0].outcome) == (REQUESTED, REQUESTED)
    assert len({same[0].new_id, whole[0].new_id, given[0].new_id}) == 3


async def test_a_run_that_was_retried_alone_is_not_retried_with_others(client):
    [run] = await started(client, 1)
    await outcomes(client, [run], Cancel())
    await until(client, [run], RunStatus.CANCELLED)

    first = await client.retry(run)
    await client.status(first)
    second = await client.retry(run)
    [one] = [one async for one in client.act_on([run], Retry())]

    assert first != second  # who asks for a single one wants it
    assert (one.outcome, one.new_id) == (ALREADY, first)
    assert (await client.status(second)).rerun_of == run


async def test_a_run_that_goes_on_is_not_retried(client):
    runs = await started(client, 1)

    [one] = [one async for one in client.act_on(runs, Retry())]

    assert one.outcome is REFUSED
    assert "has not ended: it is RUNNING" in one.error


async def test_what_would_become_of_runs_is_said_and_nothing_done(client):
    runs = await started(client, 2)
    asks = await asking(client, 1)

    would = await outcomes(client, [*runs, "nobody"], Cancel(), dry_run=True)
    answered = await outcomes(client, asks, Approve("ok", {"by": "Ada"}), dry_run=True)

    assert would == {runs[0]: REQUESTED, runs[1]: REQUESTED, "nobody": REFUSED}
    assert answered == {asks[0]: REQUESTED}
    assert [(await client.status(run)).status for run in runs] == [RunStatus.RUNNING] * 2
    assert (await client.status(asks[0])).waiting == ("ok",)


async def test_runs_may_be_found_meanwhile(client):
    runs = await started(client, 3)

    async def found():
        for run in (*runs, runs[0]):
            yield run

    assert await outcomes(client, found(), Cancel()) == dict.fromkeys(runs, REQUESTED)


async def test_an_act_that_changes_what_is_looked_for_leaves_nobody_out(client, monkeypatch):
    # Given more runs than are found at a time, in a state that the act ends
    monkeypatch.setattr(reading, "LOOKS", 7)
    runs = await started(client, 40)

    async def one_after_the_other():
        async for run in client.run_ids("state=running"):
            yield run
            await client.result(run, timeout=60)  # it is not like the filter any more

    cancelled = await outcomes(client, one_after_the_other(), Cancel())
    assert cancelled == dict.fromkeys(runs, REQUESTED)
    assert [run async for run in client.run_ids("state=running")] == []

    # And what a retry begins is not retried, though it is like the filter
    found = client.run_ids("workflow=order.fulfil")
    assert len(await outcomes(client, found, Retry(), rate=1000)) == 40


async def test_a_rate_is_more_than_none(client):
    with pytest.raises(InvalidInput, match="a rate of more than 0"):
        await outcomes(client, [], Cancel(), rate=0)


async def test_a_server_that_does_not_answer_ends_it(client, backend, monkeypatch):
    runs = await started(client, 3)

    async def gone(*_, **__):
        raise Unavailable("nobody answers")

    monkeypatch.setattr(backend.commands, "send", gone)

    with pytest.raises(Unavailable, match="nobody answers"):
        await outcomes(client, runs, Cancel())
