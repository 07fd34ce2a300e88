"""`server`: the embedded nats-server alone."""

from __future__ import annotations

__all__ = ["DEFAULT_PORT", "server", "server_options"]

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowworker.errors import ServerUnavailable

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


@click.command()
@server_options
def server(port: int | None, store: Path | None) -> None:
    """Run a nats-server with JetStream on this machine, for development."""
    from flowworker.embedded import EmbeddedServer

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with EmbeddedServer(port=DEFAULT_PORT if port is None else port, store=store) as embedded:
        click.echo(f"nats-server {embedded.version} at {embedded.url}, data in {embedded.store}")
        while not stop.wait(_LOOK):
            if embedded.pid is None:
                raise ServerUnavailable(f"nats-server ended; see {embedded.log_path}")
