"""Connecting: at once or not at all, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from bench.ports import free_port
from flowworker.embedded import EmbeddedServer, find_server_binary
from flowworker.errors import InvalidInput, ServerUnavailable
from flowworker.jetstream import ConnectionOptions, open_backend
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.wire import WireClient
from tests.support.waiting import WAIT_LIMIT, quiet_for


@asynccontextmanager
async def fake_server(info):
    """Says what it is asked to say, and answers pings."""

    async def serve(reader, writer):
        writer.write(f"INFO {json.dumps(info)}\r\n".encode())
        while line := await reader.readline():
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_nobody_there():
    url = f"nats://me:secret@127.0.0.1:{free_port()}"

    async with asyncio.timeout(WAIT_LIMIT):
        with pytest.raises(ServerUnavailable, match="no NATS server at nats://") as caught:
            await connect(ConnectionOptions(url=url))

    assert "refused" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_somebody_who_does_not_answer():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"nats://127.0.0.1:{mute.getsockname()[1]}"

        async with asyncio.timeout(WAIT_LIMIT):
            with pytest.raises(ServerUnavailable, match="no NATS server"):
                await connect(ConnectionOptions(url=url, connect_timeout=0.5))


async def test_a_url_that_is_none():
    with pytest.raises(ServerUnavailable, match="no NATS server at nonsense"):
        await connect(ConnectionOptions(url="nonsense://:x"))


@pytest.mark.parametrize("option", ["creds", "nkey"])
async def test_credentials_that_are_missing(tmp_path, options, option):
    path = str(tmp_path / "none")
    with pytest.raises(InvalidInput, match=f"{option}: {path}: No such file"):
        await connect(replace(options, **{option: path}))


async def test_tls_files_that_are_missing(tmp_path, options):
    with pytest.raises(InvalidInput, match="TLS files cannot be used"):
        await connect(ConnectionOptions(url=options.url, tls_ca=str(tmp_path / "none")))


async def test_it_can_wait_for_a_server(tmp_path):
    server = EmbeddedServer(store=tmp_path, port=free_port())
    connecting = asyncio.ensure_future(connect(ConnectionOptions(url=server.url, wait=15)))
    await quiet_for(0.6)
    assert not connecting.done()

    with server:
        connection = await connecting
        assert connection.connected
        await connection.close()


async def test_waiting_ends():
    options = ConnectionOptions(url=f"nats://127.0.0.1:{free_port()}", wait=0.7)

    with pytest.raises(ServerUnavailable, match="refused"):
        await connect(options)


async def test_wrong_password(tmp_path):
    with EmbeddedServer(
        store=tmp_path, config='authorization {user: me, password: "right"}'
    ) as server:
        with pytest.raises(ServerUnavailable, match=r"(?i)authorization violation"):
            await connect(ConnectionOptions(url=server.url, user="me", password="wrong"))

        connection = await connect(ConnectionOptions(url=server.url, user="me", password="right"))
        await connection.close()


@pytest.mark.parametrize("version", ["2.9.25", "2.12.1", "1.4.1"])
async def test_an_old_server(version):
    async with fake_server({"version": version, "max_payload": 1 << 20, "headers": True}) as url:
        with pytest.raises(ServerUnavailable, match=r"needs nats-server 2\.12\.2 or newer") as got:
            await connect(ConnectionOptions(url=url))

    assert version in str(got.value)


async def test_a_server_without_jetstream(tmp_path):
    port = free_port()
    server = subprocess.Popen(
        [str(find_server_binary()), "-a", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        options = ConnectionOptions(url=f"nats://127.0.0.1:{port}", wait=10)
        with pytest.raises(ServerUnavailable, match=r"needs NATS JetStream.*found none"):
            await open_backend(options, "any")
    finally:
        server.kill()
        server.wait()


async def test_tls_is_never_given_up_silently(server: EmbeddedServer):
    """A password must not go over a plain connection because the server offers no TLS."""
    address = server.url.removeprefix("nats://")

    with pytest.raises(ServerUnavailable, match="TLS was asked for"):
        await connect(ConnectionOptions(url=f"tls://me:secret@{address}"))
    with pytest.raises(ServerUnavailable, match="TLS was asked for"):
        await connect(ConnectionOptions(url=server.url, tls_hostname="nats.example"))


@pytest.mark.parametrize("then", ["connects", "waits", "is refused"])
async def test_a_cancellation_that_a_library_swallows_ends_the_connecting(
    options, monkeypatch, then
):
    right, swallowed = WireClient.connect, []

    async def deaf(self, *servers, **options):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.append(self)
        if then == "is refused":
            raise ConnectionRefusedError
        if then == "waits":
            await asyncio.Event().wait()
        await right(self, *servers, **options)

    monkeypatch.setattr(WireClient, "connect", deaf)
    long = 10 * WAIT_LIMIT
    patient = ConnectionOptions(url=options.url, wait=long, connect_timeout=long)
    connecting = asyncio.create_task(connect(patient))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connecting.cancel()

    async with asyncio.timeout(WAIT_LIMIT):
        with pytest.raises(asyncio.CancelledError):
            await connecting

    [client] = swallowed
    assert not client.is_connected


async def test_a_server_that_is_full_says_so(tmp_path):
    with EmbeddedServer(store=tmp_path, config="max_connections: 1") as server:
        options = ConnectionOptions(url=server.url)
        first = await connect(options)

        for _ in range(10):  # whether we hear its last words depends on who is faster
            with pytest.raises(ServerUnavailable, match=r"no more connections.*raise max_connect"):
                await connect(options)

        await first.close()
