"""Connecting: at once or not at all, then for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from contextlib import asynccontextmanager

import pytest
import uvloop
from msgspec.structs import replace

from flowworker.client import Client
from flowworker.embedded import EmbeddedServer, find_server_binary
from flowworker.errors import InvalidInput, ServerUnavailable, Unavailable
from flowworker.jetstream import ConnectionOptions, open_backend
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.wire import WireClient
from flowworker.jetstream.notifier import CoreNotifier
from flowworker.stores.stores import stores_of
from tests.support.ports import free_port
from tests.support.waiting import WAIT_LIMIT, eventually, quiet_for


@asynccontextmanager
async def fake_server(info):
    """Says what it is told to say, and answers pings."""

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


def test_options_keep_secrets_to_themselves():
    options = ConnectionOptions(
        url="nats://me:secret1@a:1,nats://token2@b:1", password="secret3", token="secret4"
    )

    assert repr(options) == (
        "ConnectionOptions(url='nats://***@a:1,nats://***@b:1', name='flowworker')"
    )


def test_the_parts_of_nats_py_that_we_use_are_there():
    # A new release of nats-py that fails here needs a look at `wire`.
    for name in (
        "_process_msg", "_process_err", "_process_op_err", "_connect_to_server", "is_connected",
        "is_closed",
    ):  # fmt: skip
        assert hasattr(WireClient.__mro__[1], name), name


async def test_the_state_of_nats_py_that_we_use_is_there(connection):
    attributes = vars(connection.client)

    for name in (
        "_sid", "_subs", "_pending", "_pending_data_size", "_flush_queue", "_max_payload",
        "_server_info", "_transport", "_error_cb",
    ):  # fmt: skip
        assert name in attributes, name


async def test_a_subscription_survives_reconnecting(proxy, proxied, connection):
    heard = []
    proxied.client.listen("news.>", lambda subject, *rest: heard.append((subject, *rest)))
    await proxied.flush()

    proxy.cut()
    await eventually(lambda: not proxied.connected)
    await eventually(lambda: proxied.connected)
    await proxied.flush()  # so that the server knows of the subscription
    connection.client.send("news.today", "reply.to", b"NATS/1.0\r\na: b\r\n\r\n", b"body")

    await eventually(lambda: heard)
    assert heard == [(b"news.today", b"reply.to", b"body", b"NATS/1.0\r\na: b\r\n\r\n")]


async def test_it_reconnects_for_ever(own_server):
    connection = await connect(ConnectionOptions(url=own_server.url))
    own_server.kill()
    await eventually(lambda: not connection.connected)
    await quiet_for(3)  # some ten attempts

    own_server.start()

    await eventually(lambda: connection.connected)
    await connection.flush()
    await connection.close()


async def test_an_error_that_ends_the_connection_is_survived(tmp_path):
    # Given a server that does not know us any more after a while
    users = 'authorization {users: [{user: a, password: b}, {user: %s, password: "x"}]}'
    with EmbeddedServer(store=tmp_path, config=users % "c") as server:
        connection = await connect(ConnectionOptions(url=server.url, user="c", password="x"))
        config = tmp_path / "nats-server.conf"
        before = config.read_text()
        config.write_text(before.replace("user: c", "user: d"))

        # When it reloads its users, and later knows us again
        reload(server)
        await eventually(lambda: not connection.connected)
        await quiet_for(0.5)  # some attempts
        config.write_text(before)
        reload(server)

        # Then we are back
        await eventually(lambda: connection.connected)
        await connection.close()


def reload(server) -> None:
    command = [str(find_server_binary()), "--signal", f"reload={server.pid}"]
    subprocess.run(command, check=True, capture_output=True)


async def test_a_handler_that_fails_does_not_end_the_connection(connection):
    def fail(*_):
        raise ValueError("on purpose")

    heard = []
    connection.client.listen("fails", fail)
    connection.client.listen("works", lambda *_: heard.append(1))
    connection.client.send("fails", "", b"", b"")
    connection.client.send("works", "", b"", b"")

    await eventually(lambda: heard)


async def test_after_closing_nothing_works(options):
    connection = await connect(options)
    await connection.close()

    with pytest.raises(Unavailable):
        connection.client.send("a", "", b"", b"")
    with pytest.raises(Unavailable):
        connection.requests.ask("a", b"")
    assert not connection.connected


def test_closing_after_the_server_has_ended_loses_what_was_to_be_sent_and_no_more():
    async def closed_with_something_to_send() -> None:
        with EmbeddedServer() as server:
            connection = await connect(ConnectionOptions(url=server.url))
            server.kill()
            await eventually(lambda: not connection.connected)
            connection.client.send("somebody", "", b"", b"news")
            await connection.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # asyncio's own is lenient
        runner.run(closed_with_something_to_send())


async def test_closing_does_not_end_as_cancelled_because_reconnecting_was(options, monkeypatch):
    connection = await connect(options)
    over = asyncio.get_running_loop().create_future()
    over.cancel()  # as with a task that waited for it

    async def wait_closed():
        await over

    monkeypatch.setattr(connection.client._transport, "wait_closed", wait_closed)

    await connection.close()

    assert connection.client.is_closed


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


async def test_a_flush_that_is_given_up_does_no_harm_to_the_connection(own_server):
    connection = await connect(ConnectionOptions(url=own_server.url))
    lost = []
    connection.on_disconnected.append(lambda: lost.append(True))

    flush = asyncio.create_task(connection.flush())
    await asyncio.sleep(0)  # it has sent its ping
    await asyncio.sleep(0)
    flush.cancel()
    await connection.flush()
    await connection.flush()

    assert lost == []
    await connection.close()


async def test_a_subscription_that_could_not_be_made_is_none(connection, monkeypatch):
    heard = []

    async def unanswered():
        raise Unavailable("NATS did not answer")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(connection, "flush", unanswered)
        with pytest.raises(Unavailable):
            await CoreNotifier(connection).subscribe("news", lambda *told: heard.append(told))
    connection.client.send("news", "", b"", b"body")
    await connection.flush()

    assert heard == []


async def test_another_event_loop_is_told_what_is_wrong(options, namespace):
    backend = await open_backend(options, namespace)
    client = Client(stores_of(backend))

    for use in (
        client.definitions,
        lambda: client.start("w"),
        lambda: client.run("w"),
        lambda: client.status("r"),
        lambda: client.result("r"),
        client.list,
    ):
        with pytest.raises(InvalidInput, match="belongs to the event loop on which it was opened"):
            await asyncio.to_thread(asyncio.run, use())

    assert await client.definitions() == []
    await backend.close()


async def test_a_server_that_is_full_says_so(tmp_path):
    with EmbeddedServer(store=tmp_path, config="max_connections: 1") as server:
        options = ConnectionOptions(url=server.url)
        first = await connect(options)

        for _ in range(10):  # whether we hear its last words depends on who is faster
            with pytest.raises(ServerUnavailable, match=r"no more connections.*raise max_connect"):
                await connect(options)

        await first.close()


async def test_a_connection_over_tls_ends_without_a_warning(tmp_path, caplog):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=me"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    config = f"tls {{cert_file: '{cert}', key_file: '{key}'}}"
    with EmbeddedServer(store=tmp_path / "store", config=config) as server:
        connection = await connect(ConnectionOptions(url=server.url, tls_ca=str(cert)))
        server.stop()
        await eventually(lambda: not connection.connected)
        server.start()
        await eventually(lambda: connection.connected)
        await connection.close()

    assert [record for record in caplog.records if record.name == "asyncio"] == []
