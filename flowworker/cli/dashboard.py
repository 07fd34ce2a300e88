"""The pages and the API of one fleet, at one address: what `ui` is, and a part of `dev`."""

from __future__ import annotations

__all__ = ["USUAL_PORT", "Dashboard", "Place", "missing", "place_for"]

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput
from flowworker.settings import from_environment

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

    from flowworker.cli.options import Target
    from flowworker.ports import Backend, Finding
    from flowworker.settings import Settings
    from flowworker.telemetry.metrics import Metrics
    from flowworker.web.guard import Access

LAG = 60.0
"""Seconds; what has waited for longer is a finding."""

USUAL_PORT = 8787
_HOST = "127.0.0.1"


def missing() -> str:
    """What is not installed that it needs; empty if all is there."""
    return next((name for name in ("starlette", "uvicorn") if find_spec(name) is None), "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the dashboard of `dev` is, for users of this machine, and who may use it."""

    bound: socket.socket
    access: Access

    def dashboard(self, target: Target, settings: Settings, metrics: Metrics) -> Dashboard:
        """The one of a fleet."""
        return Dashboard(target, settings, self.access, self.bound, metrics)


def place_for(port: int | None) -> tuple[Place | None, str]:
    """A place at that port, or at the usual one, or any if that is taken; and what to say of it.

    None, and how to get it, if it is not installed.

    Raises:
        InvalidInput: the port that was asked for cannot be used, or a variable.
    """
    if missing():
        return None, "is not installed: pip install 'flowworker[ui]' brings it"
    from flowworker.cli.access import NOT_GIVEN, TOKEN_VARIABLE, read_access
    from flowworker.web.serving import address_of

    access, made = read_access(NOT_GIVEN, os.environ, _HOST)
    bound = _bound(port)
    url = f"{address_of(bound, _HOST)}/"
    how = f"{url}#token={made}" if made else f"{url} with the token of {TOKEN_VARIABLE}"
    return Place(bound, access), f"at {how}"


def _bound(port: int | None) -> socket.socket:
    from flowworker.web.serving import bind

    try:
        wanted = USUAL_PORT if port is None else port
        return bind(_HOST, wanted, f"--ui-port {wanted}")
    except InvalidInput:
        if port is not None:
            raise
        return bind(_HOST, 0, "--ui-port 0")


class Dashboard:
    """Answers at a socket, as long as `run` runs."""

    def __init__(
        self,
        target: Target,
        settings: Settings,
        access: Access,
        bound: socket.socket,
        metrics: Metrics,
    ) -> None:
        """Show the fleet that is at `target`, to those who have access."""
        from flowworker.clock import SystemClock
        from flowworker.web.fleet import FleetLink
        from flowworker.web.guard import Guard
        from flowworker.web.hub import Hub
        from flowworker.web.serving import HttpServer
        from flowworker.web.site import Parts, make_site
        from flowworker.web.streams import Streams

        clock = SystemClock()
        opened, examined = partial(_opened, target, settings), partial(_examined, target, settings)
        self._link = FleetLink(opened, examined, settings, clock, metrics)
        self._hub = Hub(self._link, clock)
        self._streams = Streams(metrics.http_streams.set)
        parts = Parts(self._link, Guard(access, clock), self._hub, self._streams)
        site = make_site(parts, metrics, clock)
        self._server = HttpServer(site, bound)

    async def run(self) -> None:
        """Answer until cancelled, or drained."""
        async with asyncio.TaskGroup() as group:
            for each in (self._link.run, self._hub.run, self._server.run):
                group.create_task(each())

    async def drain(self) -> None:
        """Take nothing new, and return when what was asked is answered."""
        self._streams.end()
        await self._server.drain()

    def alive(self) -> bool:
        """False if only a restart can help."""
        return self._link.alive()

    def ready(self) -> bool:
        """Whether the fleet can be reached at this moment."""
        return self._link.ready()


def _opened(target: Target, settings: Settings) -> AbstractAsyncContextManager[Backend]:
    from flowworker import wiring

    options = target.options("flowworker-ui")
    return wiring.nats(options, target.namespace, settings=settings, create=False)


async def _examined(target: Target, settings: Settings) -> AsyncGenerator[Finding, None]:
    from flowworker import agreement
    from flowworker.jetstream import TopologyOptions
    from flowworker.jetstream.doctor import examine

    options = target.options("flowworker-ui-doctor")
    topology = from_environment(TopologyOptions, os.environ)
    agreed = partial(agreement.check, settings=settings, member=True), agreement.hidden
    how: Any = {"fix": False, "lag": LAG}
    async with aclosing(
        examine(options, target.namespace, settings, topology, *agreed, **how)
    ) as findings:
        async for finding in findings:
            yield finding
