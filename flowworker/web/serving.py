"""An application at an address, by uvicorn on the event loop that is there."""

from __future__ import annotations

__all__ = ["HttpServer", "address_of", "bind"]

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from flowworker.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_CONNECTIONS = 512
"""Connections at a time; more are answered with 503."""

PARTING = 3
"""Seconds for requests to be answered when the process ends."""

TAKING = 40
"""Seconds after which a connection is closed whose client does not take what was sent."""

_BACKLOG = 128


def bind(host: str, port: int, given: str) -> socket.socket:
    """A socket that listens there; raises InvalidInput, which says how the address was `given`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                with suppress(OSError, AttributeError):  # `::` is for both kinds of addresses
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            with suppress(OSError, AttributeError):  # where it is known, accepted ones have it too
                bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKING * 1000)
            bound.bind(address)
            bound.listen(_BACKLOG)
        except OSError:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:  # the latter for what is no name of a host
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{given}: {reason}; choose another one") from error
    return bound


def address_of(bound: socket.socket, host: str) -> str:
    """The URL of the host that was asked for, at the port that it came to."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}"


class HttpServer:
    """Answers requests by an application, as long as `run` runs."""

    def __init__(self, site: ASGIApp, bound: socket.socket) -> None:
        """Answer those that come to this socket."""
        self._bound = bound
        self._config = uvicorn.Config(
            site,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=PARTING,
        )
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Answer until it is drained.

        It does what `Server.serve` does, but for its handlers of signals: the process has its own.
        """
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=[self._bound])
        try:
            await self._server.main_loop()
            await self._server.shutdown(sockets=[self._bound])
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Take nothing new, and return when what is there was answered."""
        self._server.should_exit = True
        await self._ended.wait()
