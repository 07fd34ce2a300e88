"""A network that can be cut, fall silent or lose things: a TCP proxy before a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

from bench.chaos.cluster import HOST
from flowworker.tasks import TaskSet


class Proxy:
    """Passes bytes on.

    Attributes:
        shut: new connections are refused.
        deaf: what the server sends is lost.
        dumb: what clients send is lost.
        lost: how often something was.
    """

    def __init__(self, url: str, port: int = 0) -> None:
        """In front of `url`; on a free port unless it is given."""
        self.shut = self.deaf = self.dumb = False
        self.lost = 0
        self._port = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._target = url.removeprefix("nats://").split(":")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks = TaskSet()

    @property
    def url(self) -> str:
        """Where to connect instead."""
        assert self._server is not None
        return f"nats://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def hold(self) -> None:
        """Keep all bytes back, in both directions; nobody sees a connection end."""
        self._flowing.clear()

    def release(self) -> None:
        """Pass on what was kept back, and go on."""
        self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._tasks.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection(self._target[0], int(self._target[1]))
        except OSError:
            writer.transport.abort()
            return
        both = ((reader, forth, lambda: self.dumb), (back, writer, lambda: self.deaf))
        pipes = [self._tasks.spawn(self._pipe(*ends)) for ends in both]
        self._writers |= {writer, forth}
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, forth):
            one.transport.abort()
        self._writers -= {writer, forth}

    async def _pipe(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_lost: Callable[[], bool],
    ) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(65536):
                await self._flowing.wait()
                if is_lost():
                    self.lost += 1
                    continue
                writer.write(part)
                await writer.drain()
