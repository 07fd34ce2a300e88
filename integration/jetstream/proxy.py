"""A TCP proxy that loses what it is told to lose, and a wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self


class Proxy:
    """Passes bytes on between clients and one server.

    Attributes:
        deaf: what the server sends is lost.
        dumb: what clients send is lost.
        shut: connections are refused.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("nats://").rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaf = self.dumb = self.shut = False

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        for one in (writer, server_writer):
            self._writers.add(one)
        pipes = [
            asyncio.ensure_future(self._pipe(reader, server_writer, lambda: self.dumb)),
            asyncio.ensure_future(self._pipe(server_reader, writer, lambda: self.deaf)),
        ]
        self._tasks |= set(pipes)
        await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, server_writer):
            one.transport.abort()
            self._writers.discard(one)

    async def _pipe(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        lost: Callable[[], bool],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not lost():
                    writer.write(data)
                    await writer.drain()
