"""What is sent: written once per turn of the loop, and kept while the connection takes nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from flowworker.jetstream.client.wire import WireClient


class Transport:
    """Where a connection is written to."""

    def __init__(self) -> None:
        self.written: list[list[bytes]] = []
        self.waiting = 0
        self.closing = False

    def writelines(self, commands):
        self.written.append(list(commands))

    def get_write_buffer_size(self):
        return self.waiting

    def is_closing(self):
        return self.closing


@pytest.fixture
async def transport() -> Transport:
    return Transport()


@pytest.fixture
async def client(transport):
    client: Any = WireClient()
    client._transport = SimpleNamespace(_io_writer=SimpleNamespace(transport=transport))
    client._flush_queue = asyncio.Queue()
    client._max_payload = 100
    client._status = WireClient.CONNECTED
    return client


async def turn_of_the_loop() -> None:
    await asyncio.sleep(0)


async def test_what_is_sent_in_one_turn_of_the_loop_is_one_write(client, transport):
    client.send("a", "", b"", b"1")
    client.send("b", "to.me", b"", b"2")
    assert transport.written == []

    await turn_of_the_loop()
    client.send("c", "", b"NATS/1.0\r\n\r\n", b"3")
    await turn_of_the_loop()

    assert [b"".join(some) for some in transport.written] == [
        b"PUB a  1\r\n1\r\nPUB b to.me 1\r\n2\r\n",
        b"HPUB c  12 13\r\nNATS/1.0\r\n\r\n3\r\n",
    ]
    assert client._pending_data_size == 0


async def test_while_the_server_is_slow_to_read_the_flusher_writes_which_waits_for_it(
    client, transport
):
    transport.waiting = 1

    client.send("a", "", b"", b"1")
    await turn_of_the_loop()
    client.send("a", "", b"", b"2")
    await turn_of_the_loop()

    assert transport.written == []
    assert client._flush_queue.qsize() == 1
    assert len(client._pending) == 2
    assert client._pending_data_size > 0


@pytest.mark.parametrize("lost", ["closing", "reconnecting"])
async def test_what_a_lost_connection_did_not_take_is_kept(client, transport, lost):
    client.send("a", "", b"", b"1")
    if lost == "closing":
        transport.closing = True
    else:
        client._status = WireClient.RECONNECTING

    await turn_of_the_loop()
    client.send("b", "", b"", b"2")
    await turn_of_the_loop()

    assert transport.written == []
    assert [command[:5] for command in client._pending] == [b"PUB a", b"PUB b"]
