"""Messages out of what has come: the same as nats-py reads, whole ones at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from flowworker.jetstream.client.parsing import MessageParser

OURS, OTHERS = 7, 8

MESSAGES = {
    "plain": b"MSG a.b 7 5\r\nhello\r\n",
    "answered": b"MSG a.b 7 to.me 5\r\nhello\r\n",
    "empty": b"MSG a.b 7 0\r\n\r\n",
    "headers": b"HMSG a.b 7 13 18\r\nNATS/1.0\r\nA:bhello\r\n",
    "headers, answered": b"HMSG a.b 7 to.me 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    "like a line": b"MSG a.b 7 to.me 18\r\nx\r\nMSG a.b 7 1\r\n\r\n\r\n",
    "of a subscription of nats-py": b"MSG a.b 8 5\r\nhello\r\n",
    "tabs": b"MSG a.b\t7\t to.me  5\r\nhello\r\n",
    "ping": b"PING\r\n",
}


class Heard:
    """A client for a parser: writes down what it gets."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    async def _process_msg(self, sid, subject, reply, data, headers):
        self.all.append((sid, subject, reply, data, headers))

    async def _process_ping(self):
        self.all.append("ping")


async def heard(make: type[Parser], chunks: list[bytes]) -> list[Any]:
    client = Heard()
    parser = make(client)
    if isinstance(parser, MessageParser):
        parser.handlers[OURS] = lambda *message: client.all.append((OURS, *message))
    for chunk in chunks:
        await parser.parse(chunk)
    return client.all


async def test_messages_are_those_that_nats_py_reads_wherever_what_comes_is_cut():
    whole = b"".join(MESSAGES.values())

    expected = await heard(Parser, [whole])

    assert len(expected) == len(MESSAGES)
    for cut in range(len(whole) + 1):
        assert await heard(MessageParser, [whole[:cut], whole[cut:]]) == expected
    for size in (1, 2, 3, 7, 20):
        chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert await heard(MessageParser, chunks) == expected


async def test_whole_messages_that_we_listen_to_do_not_pass_through_nats_py(monkeypatch):
    parser, left = MessageParser(Heard()), []

    async def parse(_parser, data):
        left.append(data)

    monkeypatch.setattr(Parser, "parse", parse)
    parser.handlers[OURS] = lambda *_: None

    await parser.parse(MESSAGES["plain"] + MESSAGES["headers"])
    assert left == []

    await parser.parse(MESSAGES["plain"] + MESSAGES["ping"] + MESSAGES["plain"])
    assert left == [MESSAGES["ping"] + MESSAGES["plain"]]


@pytest.mark.parametrize(
    "line",
    [b"MSG a.b x 5\r\n", b"MSG 7\r\n", b"MSG 7 5\r\n", b"HMSG a 7 5\r\n", b"HMSG a 7 x 5\r\n"],
)
async def test_a_line_that_is_none_is_an_error_as_it_is_to_nats_py(line):
    for make in (Parser, MessageParser):
        with pytest.raises(ProtocolError):
            await heard(make, [line])


async def test_a_message_that_cannot_be_handled_holds_up_no_other():
    client = Heard()
    parser = MessageParser(client)

    def refuse(*_):
        raise ZeroDivisionError

    parser.handlers[OURS] = refuse

    await parser.parse(MESSAGES["plain"] + MESSAGES["of a subscription of nats-py"])

    assert [sid for sid, *_ in client.all] == [OTHERS]


async def test_what_comes_is_handed_over_at_once_and_the_rest_is_left_to_who_reads():
    reader, parser, got = asyncio.StreamReader(), MessageParser(Heard()), []
    parser.handlers[OURS] = lambda *message: got.append(message)
    parser.take_from(reader)

    reader.feed_data(MESSAGES["plain"] + MESSAGES["headers"])
    assert [data for _, _, data, _ in got] == [b"hello", b"hello"]

    reader.feed_data(MESSAGES["plain"] + MESSAGES["ping"])
    assert len(got) == 3
    assert await reader.read(100) == MESSAGES["ping"]


@pytest.mark.parametrize("cut", range(1, len(MESSAGES["headers"])))
async def test_nothing_overtakes_what_has_come_in_part(cut):
    reader, client = asyncio.StreamReader(), Heard()
    parser: Any = MessageParser(client)
    parser.handlers[OURS] = lambda *message: client.all.append((OURS, *message))
    parser.take_from(reader)
    first, whole = MESSAGES["headers"][:cut], MESSAGES["headers"][cut:] + MESSAGES["plain"]

    reader.feed_data(first)
    await parser.parse(await reader.read(100))
    reader.feed_data(whole)
    assert client.all == []
    await parser.parse(await reader.read(100))
    reader.feed_data(MESSAGES["answered"])

    assert client.all == await heard(Parser, [first + whole + MESSAGES["answered"]])


async def test_nothing_overtakes_what_comes_behind_a_message_that_is_waited_for():
    reader, client, go = asyncio.StreamReader(), Heard(), asyncio.Event()
    parser: Any = MessageParser(client)
    parser.handlers[OURS] = lambda *message: client.all.append((OURS, *message))
    parser.nc._process_msg = lambda *_: go.wait()
    parser.take_from(reader)
    theirs = MESSAGES["of a subscription of nats-py"]

    await parser.parse(theirs[:-4])
    parsing = asyncio.create_task(parser.parse(theirs[-4:] + MESSAGES["plain"]))
    await asyncio.sleep(0)
    reader.feed_data(MESSAGES["answered"])
    go.set()
    await parsing
    assert [reply for _, _, reply, _, _ in client.all] == [b""]
    await parser.parse(await reader.read(100))

    assert [reply for _, _, reply, _, _ in client.all] == [b"", b"to.me"]
