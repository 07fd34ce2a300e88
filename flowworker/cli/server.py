"""`server`: the embedded nats-server alone."""

from __future__ import annotations

__all__ = ["DEFAULT_PORT", "check_port", "is_durable", "server", "server_options"]

import contextlib
import os
import queue
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.tables import plain
from flowworker.errors import InvalidInput, ServerUnavailable
from flowworker.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_PORT = 4222

_LOOK = 0.5
"""Seconds between looks at whether the server still runs."""


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of the embedded server."""
    for option in (
        click.option(
            "--store",
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder for its data; a temporary one if not given.",
        ),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            help=f"Its port, 0 for a free one; {DEFAULT_PORT} if not given.",
        ),
    ):
        command = option(command)
    return command


def check_port(port: int) -> None:
    """Refuse a port that is in use, in fewer words than the server's log.

    Raises:
        InvalidInput: it cannot be used.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise InvalidInput(f"--port {port}: {error.strerror}; choose another") from error


def is_durable(store: Path | None) -> bool:
    """Whether the server is to flush each write: it is asked for, or what is there was made so."""
    from flowworker.embedded import holds_durable
    from flowworker.jetstream import TopologyOptions

    wanted = from_environment(TopologyOptions, os.environ).durability
    return wanted == "power" or (store is not None and holds_durable(store))


@click.command()
@server_options
def server(port: int | None, store: Path | None) -> None:
    """Run a nats-server with JetStream on this machine, for development."""
    from flowworker.embedded import EmbeddedServer

    port = DEFAULT_PORT if port is None else port
    check_port(port)
    # A handler runs between any two instructions of what waits: an Event's `set` could wait for
    # the lock that the interrupted `wait` holds, for good. This queue's `put` may be interrupted.
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.put(number))
    with EmbeddedServer(port=port, store=store, sync_always=is_durable(store)) as embedded:
        folder = plain(str(embedded.store))
        click.echo(f"nats-server {embedded.version} at {embedded.url}, data in {folder}")
        while True:
            with contextlib.suppress(queue.Empty):
                asked.get(timeout=_LOOK)
                return
            if embedded.pid is None:
                raise ServerUnavailable(f"nats-server ended; see {embedded.log_path}")
