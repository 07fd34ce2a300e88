"""`ui`: the API over HTTP."""

from __future__ import annotations

__all__ = ["ui"]

import asyncio
import os
from contextlib import aclosing
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from flowworker import agreement
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
from flowworker.settings import from_environment, settings_from

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from flowworker.ports import Backend, Finding
    from flowworker.settings import Settings
    from flowworker.web.guard import Access

LAG = 60.0
"""Seconds; what has waited for longer is a finding."""


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
    for name in ("starlette", "uvicorn"):
        if find_spec(name) is None:
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
    from flowworker.cli.health import serve_health
    from flowworker.cli.metrics import metrics_of
    from flowworker.clock import SystemClock
    from flowworker.web.fleet import FleetLink
    from flowworker.web.guard import Guard
    from flowworker.web.hub import Hub
    from flowworker.web.serving import HttpServer, bind
    from flowworker.web.site import Parts, make_site
    from flowworker.web.streams import Streams

    clock = SystemClock()
    registry, _ = metrics_of("ui", settings)
    opened, examined = partial(_opened, target, settings), partial(_examined, target, settings)
    link = FleetLink(opened, examined, settings, clock)
    bound = bind(*address)
    hub, streams = Hub(link, clock), Streams()
    server = HttpServer(make_site(Parts(link, Guard(access, clock), hub, streams)), bound)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for each in (link.run, hub.run, server.run):
                group.create_task(each())

    async def drain() -> None:
        streams.end()
        await server.drain()

    with serve_health(http, registry, link.alive, link.ready):
        _introduce(bound, address[0], target, made)
        await until_signal(run, drain)


def _opened(target: Target, settings: Settings) -> AbstractAsyncContextManager[Backend]:
    from flowworker import wiring

    options = target.options("flowworker-ui")
    return wiring.nats(options, target.namespace, settings=settings, create=False)


async def _examined(target: Target, settings: Settings) -> AsyncGenerator[Finding, None]:
    from flowworker.jetstream import TopologyOptions
    from flowworker.jetstream.doctor import examine

    options = target.options("flowworker-ui-doctor")
    topology = from_environment(TopologyOptions, os.environ)
    compare = partial(agreement.check, settings=settings, member=True)
    how: Any = {"fix": False, "lag": LAG}
    async with aclosing(
        examine(options, target.namespace, settings, topology, compare, **how)
    ) as findings:
        async for finding in findings:
            yield finding


def _introduce(bound: socket.socket, host: str, target: Target, made: str) -> None:
    """Say where it is and how one gets in; a token that was made is said only here."""
    from flowworker.web.serving import address_of

    url = address_of(bound, host)
    click.echo(f"{url}/ shows namespace {target.namespace}; the API is below {url}/api/v1")
    if made:
        click.echo(f"token for this time, of an operator: {made}")
    else:
        click.echo("log in with a token of yours: Authorization: Bearer TOKEN")
