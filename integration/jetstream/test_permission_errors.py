"""A right that is missing is said at once: by what waits for it, or else in one line of the log."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flowworker.embedded import EmbeddedServer
from flowworker.errors import PermissionDenied
from flowworker.jetstream import ConnectionOptions
from flowworker.jetstream.client.api import Api
from flowworker.jetstream.client.connection import Connection, connect
from flowworker.jetstream.client.publisher import Publisher
from flowworker.jetstream.notifier import CoreNotifier
from integration.cli.commands import APP, Commands

USER = {
    "user": "gpu",
    "password": "secret",
    "permissions": {"publish": ["$JS.API.INFO"], "subscribe": ["_INBOX.gpu.>"]},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[EmbeddedServer]:
    """A server with a user who may do next to nothing."""
    config = f"authorization {{users: {json.dumps([USER])}}}"
    with EmbeddedServer(store=tmp_path_factory.mktemp("nats"), config=config) as running:
        yield running


async def as_gpu(server: EmbeddedServer, prefix: str = "_INBOX.gpu") -> Connection:
    return await connect(
        ConnectionOptions(url=server.url, user="gpu", password="secret", inbox_prefix=prefix)
    )


async def test_a_request_that_is_refused_fails_at_once_with_what_to_add(guarded):
    connection = await as_gpu(guarded)

    with pytest.raises(PermissionDenied, match=r'"\$JS\.API\.STREAM\.INFO\.FLOWS" to its publish'):
        await Api(connection).call("STREAM.INFO.FLOWS")
    with pytest.raises(PermissionDenied, match=r'gpu.* add "\$KV\.runs\.run\.>" to its publish'):
        await Publisher(connection).publish("$KV.runs.run.one", b"")

    # ... and what is allowed goes on
    assert json.loads(await Api(connection).raw("INFO"))["type"]
    await connection.close()


async def test_without_its_prefix_each_request_says_so(guarded):
    connection = await as_gpu(guarded, "_INBOX")

    for _ in range(2):
        with pytest.raises(PermissionDenied, match=r"subscribe to _INBOX\..*--inbox-prefix"):
            await Api(connection).raw("INFO")
    await connection.close()


async def test_a_subscription_that_is_refused_fails(guarded):
    connection = await as_gpu(guarded)

    with pytest.raises(PermissionDenied, match=r'add "workflow\.>" to its subscribe'):
        await CoreNotifier(connection).subscribe("workflow.>", lambda *_: None)
    await connection.close()


async def test_what_nobody_waits_for_is_logged_once(guarded, logs):
    connection = await as_gpu(guarded)
    for run in ("one", "two"):
        connection.client.send(f"flowworker.cancel.{run}", "", b"", b"")

    await connection.flush()  # what the server had to say before its PONG is here now

    [line] = logs.at("error")
    assert 'add "flowworker.cancel.*" to its publish permissions' in line["error"]
    await connection.close()


@pytest.fixture
def gpu(guarded) -> Commands:
    """Commands of that user."""
    return Commands(
        guarded.url,
        FLOWWORKER_USER="gpu",
        FLOWWORKER_PASSWORD="secret",
        FLOWWORKER_INBOX_PREFIX="_INBOX.gpu",
    )


@pytest.mark.parametrize(
    "command",
    [
        ("status", "one"), ("list",), ("history", "one"), ("watch", "one"), ("cancel", "one"),
        ("start", "sum"), ("doctor",), ("setup",), ("namespace", "list"),
    ],
)  # fmt: skip
def test_a_command_ends_with_one_line(gpu, command):
    line = gpu.error(*command, code=4)

    assert line.startswith("user 'gpu' may not publish to $JS.API.STREAM.")
    assert "to its publish permissions" in line


@pytest.mark.parametrize("command", [("worker", "--app", APP), ("coordinator",)])
def test_a_process_ends_with_one_line(gpu, command):
    process = gpu.process(*command)

    assert process.returncode == 4
    [line] = process.stderr.splitlines()
    assert "user 'gpu' may not publish to $JS.API.STREAM.INFO." in line
