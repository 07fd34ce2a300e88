"""Starts for which there is no place: what becomes of those that somebody has late, and of runs."""

from __future__ import annotations

from contextlib import suppress

import pytest
from msgspec.structs import replace

from flowworker.codec.index import entry_of
from flowworker.codec.keys import START
from flowworker.codec.limits import WaitingRun
from flowworker.coordinator.commands.rejection import Rejected
from flowworker.coordinator.limits.gate import TurnedAway
from flowworker.coordinator.limits.run_standing import RunStanding
from flowworker.coordinator.limits.verdict import Verdict
from flowworker.core.admission import RunConcurrency
from flowworker.core.event_types import EventType
from flowworker.core.limit import Strategy
from flowworker.core.model import Step, Workflow
from flowworker.core.status import RunStatus
from flowworker.errors import Unavailable
from flowworker.stores.limits import Place
from flowworker.stores.sealing import INPUT
from tests.coordinator.refusing import LARGE, Door

FIRST, SECOND = "first", "second"
SCHEMA = {"properties": {"password": {"secret": True}, "by": {"default": "hand"}}}
HELD_UP = 30.0


@pytest.fixture
async def door(backend, client):
    skips = RunConcurrency(1, "", Strategy.SKIP)
    one = Workflow("one", (Step("a", "h"),), concurrency=(skips,), input_schema=SCHEMA)
    await client.register(one)
    made = Door(backend)
    assert await made.take(made.message(FIRST))
    yield made
    await made.gate.stop()


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("held_up", [0.0, HELD_UP])
async def test_who_has_the_message_of_a_refused_start_late_makes_no_run_of_it(
    door, held_up, forgotten
):
    message = door.message(SECOND)
    assert not await door.take(message)
    assert await door.left_of(SECOND) == []

    # Given another process that was handed the message before, and that there is room by now
    await door.end(FIRST)
    await door.clock.advance(held_up)
    if forgotten:
        await door.forget(SECOND)

    assert not await door.take(message)
    assert await door.left_of(SECOND) == []


async def test_who_sees_an_old_history_makes_no_run_of_a_refused_start(door, monkeypatch):
    message = door.message(SECOND)
    assert not await door.take(message)
    await door.end(FIRST)

    async def empty(run):
        return []

    monkeypatch.setattr(door.backend.events, "history", empty)
    message.delivered = 2

    assert not await door.take(message)


async def test_the_next_start_of_an_id_makes_a_run_where_one_was_refused(door):
    first, second = door.message(SECOND), door.message(SECOND)
    assert not await door.take(first)
    await door.end(FIRST)

    with pytest.raises(Unavailable, match="was of a start that was refused"):
        await door.take(second)
    assert await door.take(second)

    record, _ = await door.runs.load(SECOND)
    assert record.status is RunStatus.RUNNING


async def test_an_earlier_start_takes_no_id_from_a_later_one_that_was_refused(door):
    first, second = door.message(SECOND), door.message(SECOND)
    assert not await door.take(second)
    await door.end(FIRST)
    assert not await door.take(first)
    assert await door.left_of(SECOND) == []


@pytest.mark.parametrize("forgotten", [False, True])
async def test_who_is_late_with_a_refused_start_keeps_nothing_that_nobody_would_remove(
    door, monkeypatch, forgotten
):
    message = door.message(SECOND)
    assert not await door.take(message)
    await door.clock.advance(HELD_UP)
    if forgotten:
        await door.forget(SECOND)

    async def fails(record, revision):
        raise Unavailable("a node without its peers")

    with monkeypatch.context() as patch, suppress(Unavailable):
        patch.setattr(door.runs, "save", fails)
        await door.take(message)
    assert not await door.take(message)

    assert await door.left_of(SECOND) == []


async def test_no_start_is_refused_whose_record_may_only_be_unseen(door):
    door.runs.unseen = SECOND
    with pytest.raises(Unavailable, match="may be stale"):
        await door.take(door.message(SECOND))

    door.runs.unseen = ""
    record, _ = await door.runs.load(SECOND)
    assert not record.refused


async def test_a_refused_start_that_was_listed_as_waiting_is_listed_no_more(door):
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    record, _ = await door.runs.load(SECOND)
    await door.runs.index(entry_of(record))

    await door.starts.discard(message)

    assert await door.left_of(SECOND) == []


async def test_who_removes_a_refused_start_late_leaves_the_run_that_has_its_id_by_then(
    door, monkeypatch
):
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    refused, revision = await door.runs.load(SECOND)
    right = door.runs.load

    async def and_another_begins(run):
        found = await right(run)
        await door.runs.remove(SECOND, revision)
        await door.runs.save(replace(refused, admission=None, status=RunStatus.RUNNING), 0)
        return found

    monkeypatch.setattr(door.runs, "load", and_another_begins)
    with pytest.raises(Unavailable):
        await door.starts.entrance.make_way(refused, 99)
    monkeypatch.undo()

    record, _ = await door.runs.load(SECOND)
    assert record.status is RunStatus.RUNNING


async def test_a_run_that_has_ended_and_whose_beginning_was_cut_short_is_pending_no_more(door):
    # Given one that was listed as pending, began later, and is on a limit's list still
    record, _ = await door.runs.load(FIRST)
    await door.runs.index(entry_of(replace(record, status=RunStatus.PENDING, created_at=1.0)))
    ended = await door.end(FIRST)
    admission = ended.admission
    place = Place(admission.uses[0].limit, admission.ticket, FIRST, "")

    standing = RunStanding(door.stores, door.clock)
    verdict = await standing.of(place, WaitingRun(FIRST, admission.uses, admission.ticket))

    assert verdict is Verdict.GONE
    assert await door.runs.listed(RunStatus.PENDING) == []


async def test_who_is_held_up_before_it_keeps_an_input_keeps_none_of_a_refused_start(
    door, monkeypatch
):
    # Given a process that looked before another one refused the start, and is held up then
    message, keep = door.message(SECOND), door.starts.inputs.keep

    async def late(*given):
        monkeypatch.undo()
        assert not await door.take(message)
        await door.end(FIRST)
        await door.clock.advance(HELD_UP)
        return await keep(*given)

    monkeypatch.setattr(door.starts.inputs, "keep", late)

    with pytest.raises(Unavailable, match="it took too long"):
        await door.take(message)
    assert not await door.take(message)
    assert await door.left_of(SECOND) == []


async def test_a_start_that_is_refused_takes_nothing_of_the_next_one_with_its_id(door):
    # Given one that was refused and not removed yet, and another one whose input is kept
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    plan = await door.stores.definitions.latest("one")
    payload, secrets = await door.starts.inputs.keep(plan, SECOND, "input.99", LARGE)

    await door.starts.discard(message)

    assert await door.stores.payloads.load(payload, SECOND, INPUT) == LARGE
    assert secrets is not None
    assert (await door.stores.secrets.read(SECOND, secrets)).texts


async def test_what_was_kept_late_of_a_refused_start_is_removed_with_its_record(door, monkeypatch):
    message = door.message(SECOND)
    assert not await door.take(message)

    # Given another process that has the message as well, keeps its input, and dies
    async def dies(record, revision):
        raise Unavailable("it is gone")

    with monkeypatch.context() as patch, suppress(Unavailable):
        patch.setattr(door.runs, "save", dies)
        await door.take(message)
    assert await door.left_of(SECOND) != []

    await door.forget(SECOND)

    assert await door.runs.load(SECOND) is None
    assert await door.left_of(SECOND) == []


async def test_a_start_that_is_with_two_is_refused_in_one_way(door):
    message = door.message(SECOND)
    with pytest.raises(Rejected):
        await door.starts.take("one", message)
    refused, _ = await door.runs.load(SECOND)
    asking = replace(refused, admission=replace(refused.admission, refused=""))

    why = await door.gate.close(asking, TurnedAway("another reason", Strategy.SKIP, 99.0))

    assert str(why) == refused.refused
    assert why.retry_at == refused.admission.retry_at


async def test_an_alarm_of_a_run_that_only_a_refused_one_is_seen_of_comes_again(door):
    # Given a run that begins later, and an answer that shows a refused start of its id instead
    assert not await door.take(door.message(SECOND))
    time = door.clock.now()

    with pytest.raises(Unavailable, match="may be stale"):
        await door.goes_off(SECOND, START, time)
    await door.clock.advance(90.0)
    await door.goes_off(SECOND, START, time)

    record, _ = await door.runs.load(SECOND)
    assert (record.status, bool(record.refused)) == (RunStatus.PENDING, True)


async def test_who_finds_that_another_one_has_let_a_run_in_makes_it_known(door, monkeypatch):
    # Given one that has let a run in, and dies before anybody else can know of it
    message = door.message(SECOND)

    async def dies(*_, **__):
        raise Unavailable("it is gone")

    with monkeypatch.context() as patch, suppress(Unavailable):
        patch.setattr(door.backend.events, "publish", dies)
        await door.end(FIRST)
        await door.take(message)
    begun, _ = await door.runs.load(SECOND)
    assert begun.status is RunStatus.RUNNING
    asking = replace(
        begun,
        status=RunStatus.PENDING,
        admission=replace(begun.admission, admitted=False),
    )

    # When another one that has the start as well was about to refuse it
    assert await door.gate.close(asking, TurnedAway("no place", Strategy.SKIP)) is None

    [event] = await door.backend.events.history(SECOND)
    assert event.type == EventType.STARTED


async def test_a_start_that_was_rejected_for_another_one_takes_no_id_when_that_is_refused(door):
    # Given one whose id another one had that was not refused yet, and whose rejection is known
    first, second = door.message(SECOND), door.message(SECOND)
    rejected = Rejected("taken by a run with another input", "RunIdTaken")
    rejected.beside = True
    await door.rejections.publish(rejected, second)
    assert not await door.take(first)
    await door.end(FIRST)

    second.delivered = 2
    assert not await door.take(second)

    record, _ = await door.runs.load(SECOND)
    assert record.refused
