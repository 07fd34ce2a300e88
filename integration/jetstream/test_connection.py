"""A connection that is there: reconnecting for ever, closing, what harms it and what does not."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
import uvloop

from bench.ports import free_port
from flowworker.client import Client
from flowworker.embedded import EmbeddedServer, find_server_binary
from flowworker.errors import InvalidInput, Unavailable
from flowworker.jetstream import ConnectionOptions, open_backend
from flowworker.jetstream.client.connection import connect
from flowworker.jetstream.client.wire import WireClient
from flowworker.jetstream.notifier import CoreNotifier
from flowworker.stores.stores import stores_of
from tests.support.waiting import eventually, quiet_for


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
        "_server_info", "_transport", "_error_cb", "_ps",
    ):  # fmt: skip
        assert name in attributes, name
    assert isinstance(connection.client._ps.buf, bytearray)


async def test_a_subscription_survives_reconnecting(proxy, proxied, connection):
    heard = []
    proxied.client.listen("notices.>", lambda subject, *rest: heard.append((subject, *rest)))
    await proxied.flush()

    proxy.cut()
    await eventually(lambda: not proxied.connected)
    await eventually(lambda: proxied.connected)
    await proxied.flush()  # so that the server knows of the subscription
    connection.client.send("notices.today", "reply.to", b"NATS/1.0\r\na: b\r\n\r\n", b"body")

    await eventually(lambda: heard)
    assert heard == [(b"notices.today", b"reply.to", b"body", b"NATS/1.0\r\na: b\r\n\r\n")]


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
            connection.client.send("somebody", "", b"", b"notices")
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
            await CoreNotifier(connection).subscribe(
                "notices", lambda *reported: heard.append(reported)
            )
    connection.client.send("notices", "", b"", b"body")
    await connection.flush()

    assert heard == []


async def test_another_event_loop_is_an_error_that_says_so(options, namespace):
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
    with EmbeddedServer(port=free_port(), store=tmp_path / "store", config=config) as server:
        connection = await connect(ConnectionOptions(url=server.url, tls_ca=str(cert)))
        server.stop()
        await eventually(lambda: not connection.connected)
        server.start()
        await eventually(lambda: connection.connected)
        await connection.close()

    assert [record for record in caplog.records if record.name == "asyncio"] == []
