"""`ui`: the API over HTTP."""

from __future__ import annotations

__all__ = ["ui"]

import os
from typing import TYPE_CHECKING, Any

import click

from flowworker.cli.access import access_options, read_access
from flowworker.cli.options import Target, connection
from flowworker.cli.serving import (
    HttpAddress,
    Process,
    process_options,
    run_process,
    until_signal,
)
from flowworker.errors import InvalidInput
from flowworker.settings import settings_from

if TYPE_CHECKING:
    import socket

    from flowworker.settings import Settings
    from flowworker.web.guard import Access


@click.command(cls=Process)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="FLOWWORKER_UI_HOST",
    show_envvar=True,
    help="The interface: `0.0.0.0` or `::` for all.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    envvar="FLOWWORKER_UI_PORT",
    show_envvar=True,
    help="The port; 0 for any that is free.",
)
@access_options
@connection
@process_options
def ui(
    target: Target,
    /,
    *,
    host: str,
    port: int,
    given: dict[str, Any],
    http: HttpAddress,
    log_level: str,
) -> None:
    """Serve the API over HTTP: look at a fleet, and act on it.

    SIGTERM or Ctrl-C: answer what was asked, and end.
    """
    _check_installed()
    access, made = read_access(given, os.environ, host)
    settings = settings_from(os.environ)
    run_process(_serve(target, settings, access, (host, port), http, made), log_level)


def _check_installed() -> None:
    from flowworker.cli.dashboard import missing

    if name := missing():
        raise InvalidInput(
            f"`flowworker ui` needs {name}: install it with `pip install 'flowworker[ui]'`"
        )


async def _serve(
    target: Target,
    settings: Settings,
    access: Access,
    address: tuple[str, int],
    http: HttpAddress,
    made: str,
) -> None:
    from flowworker.cli.dashboard import Dashboard
    from flowworker.cli.health import serve_health
    from flowworker.cli.metrics import measuring, metrics_of
    from flowworker.web.serving import bind

    registry, metrics = metrics_of("ui", settings)
    host, port = address
    bound = bind(host, port, f"--host {host} --port {port}")
    board = Dashboard(target, settings, access, bound, metrics)
    with serve_health(http, registry, board.alive, board.ready):
        async with measuring(None, tuple, metrics, http):
            _introduce(bound, host, target, made)
            await until_signal(board.run, board.drain)


def _introduce(bound: socket.socket, host: str, target: Target, made: str) -> None:
    """Say where it is and how one gets in; a token that was made is said only here."""
    from flowworker.web.serving import address_of

    url = address_of(bound, host)
    click.echo(f"{url}/ shows namespace {target.namespace}; the API is below {url}/api/v1")
    if made:
        click.echo(f"token for this time, of an operator: {made}")
    else:
        click.echo("log in with a token of yours: Authorization: Bearer TOKEN")
