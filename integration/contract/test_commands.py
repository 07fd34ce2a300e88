"""The `CommandQueue` port."""

from __future__ import annotations

import asyncio

from flowworker.codec.messages import FLOW_PRIORITY, FLOW_REPLY, MSG_ID
from integration.contract.support import Inbox, Worker
from tests.waiting import eventually


async def consume(backend, credit, inbox=None):
    inbox = inbox or Inbox()
    inbox.consumer = await backend.commands.consume(inbox)
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

    [got] = await (await consume(backend, 1)).take(1)

    assert (got.subject, got.data) == ("control.cancel.run-1", b"")
    assert got.headers.get(MSG_ID) is None


async def test_commands_come_in_the_order_of_their_sequences(backend, peer):
    inbox = await consume(peer, 100)
    subjects = [
        subject
        for i in range(10)
        for subject in (f"start.w{i}", f"control.cancel.r{i}", f"signal.r{i}.n.x")
    ]

    sequences = [await backend.commands.send(subject, b"x", {}) for subject in subjects]

    await inbox.take(30)
    assert inbox.subjects == subjects
    assert [got.sequence for got in inbox.got] == sequences == sorted(set(sequences))


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
