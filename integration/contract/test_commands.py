"""The `CommandQueue` port."""

from __future__ import annotations

import asyncio

from flowworker.codec.messages import FLOW_PRIORITY, FLOW_REPLY, MSG_ID
from flowworker.codec.subjects import CommandLane
from flowworker.ports import WaitingStart
from integration.contract.support import Inbox, Worker
from tests.support.waiting import eventually


async def consume(backend, credit, inbox=None, lane=CommandLane.STARTS):
    inbox = inbox or Inbox()
    inbox.consumer = await backend.commands.consume(lane, inbox)
    inbox.grant(credit)
    return inbox


async def test_a_command_arrives_as_it_was_sent(backend, peer):
    headers = {MSG_ID: "run-7", FLOW_REPLY: "_INBOX.x.1", FLOW_PRIORITY: "high", "x-own": "a b"}
    sequence = await backend.commands.send("start.order.fulfil", b'{"id": 7}', headers)

    [got] = await (await consume(peer, 1)).take(1)

    assert got.subject == "start.order.fulfil"
    assert got.data == b'{"id": 7}'
    assert {name: got.headers[name] for name in headers} == headers
    assert (got.sequence, got.delivered) == (sequence, 1)


async def test_a_command_needs_neither_body_nor_headers(backend):
    await backend.commands.send("control.cancel.run-1", b"", {})

    [got] = await (await consume(backend, 1, lane=CommandLane.CONTROLS)).take(1)

    assert (got.subject, got.data) == ("control.cancel.run-1", b"")
    assert got.headers.get(MSG_ID) is None


async def test_commands_of_a_lane_come_in_the_order_of_their_sequences(backend, peer):
    inboxes = [await consume(peer, 100, lane=lane) for lane in CommandLane]
    subjects = [
        subject
        for i in range(10)
        for subject in (f"start.w{i}", f"control.cancel.r{i}", f"signal.r{i}.n.x")
    ]

    sequences = [await backend.commands.send(subject, b"x", {}) for subject in subjects]

    assert sequences == sorted(set(sequences))
    sent = list(zip(subjects, sequences, strict=True))
    for lane, inbox in zip(CommandLane, inboxes, strict=True):
        expected = [(s, sequence) for s, sequence in sent if s.partition(".")[0] in lane.kinds]
        got = await inbox.take(len(expected))
        assert [(one.subject, one.sequence) for one in got] == expected


async def test_what_stands_in_one_lane_holds_up_nothing_in_the_other(backend, peer):
    controls = await consume(backend, 1, lane=CommandLane.CONTROLS)
    for i in range(20):
        await backend.commands.send(f"control.cancel.r{i}", b"", {})
    await controls.take(1)  # and nothing more: it has no credit

    await backend.commands.send("start.w", b"{}", {})

    [start] = await (await consume(peer, 100)).take(1)
    assert start.subject == "start.w"
    assert len(controls.got) == 1


async def test_equal_message_ids_are_stored_once_under_one_sequence(backend, peer):
    sequences = [
        await member.commands.send("start.w", b"%d" % i, {MSG_ID: "run-1"})
        for i, member in enumerate((backend, backend, peer))
    ]
    last = await backend.commands.send("start.w", b"last", {MSG_ID: "run-2"})

    assert sequences == [sequences[0]] * 3
    assert last > sequences[0]
    inbox = await consume(backend, 10)
    await inbox.take(2)
    assert inbox.bodies == [b"0", b"last"]


async def test_commands_are_shared_and_each_is_handed_out_once(backend, peer):
    inboxes = [await consume(member, 3, Worker()) for member in (backend, peer)]

    sent = await asyncio.gather(
        *(backend.commands.send("start.w", b"%d" % i, {}) for i in range(100))
    )

    await eventually(lambda: sum(inbox.acknowledged for inbox in inboxes) == 100)
    got = [delivery.sequence for inbox in inboxes for delivery in inbox.got]
    assert sorted(got) == sorted(sent)


async def test_a_command_that_is_given_back_comes_again(backend):
    inbox = await consume(backend, 10)
    await backend.commands.send("start.w", b"1", {MSG_ID: "run-1"})
    [first] = await inbox.take(1)

    await first.nak(0.1)

    _, again = await inbox.take(2)
    assert (again.sequence, again.delivered) == (first.sequence, 2)
    assert again.headers[MSG_ID] == "run-1"


async def test_starts_that_wait_can_be_looked_at(backend, peer):
    assert await backend.commands.waiting() is None
    first = await backend.commands.send("start.order.fulfil", b"{}", {MSG_ID: "run-1"})
    await backend.commands.send("control.cancel.run-1", b"", {})
    second = await backend.commands.send("start.w", b"{}", {})

    [taken] = await (await consume(peer, 1)).take(1)

    expected = WaitingStart(first, "order.fulfil", "run-1")
    assert await backend.commands.waiting() == expected  # nobody is done with it
    assert await backend.commands.waiting(first) == WaitingStart(second, "w", "")
    assert await backend.commands.waiting(second) is None

    await taken.ack()
    assert await eventually(lambda: first_is(backend, second))


async def first_is(backend, sequence):
    found = await backend.commands.waiting()
    return found is not None and found.sequence == sequence
