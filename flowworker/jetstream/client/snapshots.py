"""A stream as bytes, and back: JetStream's snapshots, with the consumers and their positions.

What the server sends is what it keeps: sequences, times, headers and the state of consumers come
back as they were. It hands them out in chunks and waits for our acknowledgements, so that a
receiver that writes slowly is not overrun. Neither request is repeated when it fails, since the
chunks of two answers cannot be distinguished: the caller begins anew.
"""

from __future__ import annotations

__all__ = ["Snapshot", "restored", "snapshot"]

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from flowworker.errors import Unavailable
from flowworker.jetstream.client.api import ApiError
from flowworker.jetstream.client.headers import status_of
from flowworker.jetstream.client.publisher import Failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flowworker.jetstream.client.connection import Connection

CHUNK = 128 * 1024
"""Bytes of a chunk: any server takes messages of that size."""

_SILENCE = 30.0
"""Seconds without a word from the server after which it is given up."""

_UNPACKING = 600.0
"""Seconds that a server may take to open what it was sent."""


class Snapshot(Struct, frozen=True):
    """What has to be said beside the bytes when a stream is made of them again."""

    config: dict[str, Any]
    state: dict[str, Any]


class _Heard(Struct, frozen=True):
    """What a subscription heard: where to answer, the body, and the headers."""

    reply: str
    data: bytes
    headers: bytes


class _Answer(Struct, frozen=True):
    error: Failure | None = None
    config: dict[str, Any] = {}
    state: dict[str, Any] = {}
    deliver_subject: str = ""


_decode = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.Encoder().encode


async def snapshot(connection: Connection, stream: str, write: Callable[[bytes], None]) -> Snapshot:
    """Have `write` take a stream, chunk by chunk.

    Raises:
        ApiError: the server refuses: there is no such stream, for one.
        Unavailable: it fell silent, or the connection was lost.
    """
    request = f"STREAM.SNAPSHOT.{stream}"
    with _listening(connection) as (inbox, heard):
        query = {"deliver_subject": inbox, "chunk_size": CHUNK}
        answer = await _ask(connection, request, f"$JS.API.{request}", _encode(query))
        while (chunk := await _next(heard, request, _SILENCE)).data:
            write(chunk.data)
            if chunk.reply:
                connection.client.send(chunk.reply, "", b"", b"")
    return Snapshot(answer.config, answer.state)


async def restored(
    connection: Connection, stream: str, of: Snapshot, chunks: AsyncIterator[bytes]
) -> None:
    """Make a stream of what `snapshot` took.

    Raises:
        ApiError: the server refuses: there is such a stream, for one.
        Unavailable: it fell silent, or the connection was lost.
    """
    request = f"STREAM.RESTORE.{stream}"
    answer = await _ask(connection, request, f"$JS.API.{request}", _encode(of))
    with _listening(connection) as (inbox, heard):
        async for chunk in chunks:
            connection.client.send(answer.deliver_subject, inbox, b"", chunk)
            _checked(request, (await _next(heard, request, _SILENCE)).data)
        connection.client.send(answer.deliver_subject, inbox, b"", b"")
        _checked(request, (await _next(heard, request, _UNPACKING)).data)


@contextmanager
def _listening(connection: Connection) -> Iterator[tuple[str, asyncio.Queue[_Heard]]]:
    """A subject of our own, and what comes there."""
    heard: asyncio.Queue[_Heard] = asyncio.Queue()
    inbox = connection.client.new_inbox()

    def hear(_subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        heard.put_nowait(_Heard(reply.decode(), bytes(data), bytes(headers or b"")))

    number = connection.client.listen(inbox, hear)
    try:
        yield inbox, heard
    finally:
        connection.client.unlisten(number)


async def _next(heard: asyncio.Queue[_Heard], request: str, seconds: float) -> _Heard:
    try:
        async with asyncio.timeout(seconds):
            found = await heard.get()
    except TimeoutError:
        raise Unavailable(f"{request}: the server fell silent for {seconds:g} s") from None
    code, text = status_of(found.headers) or (0, "")
    if code >= 400:  # noqa: PLR2004 - as in HTTP
        raise Unavailable(f"{request}: the server broke off: {text or code}")
    return found


async def _ask(connection: Connection, request: str, subject: str, body: bytes) -> _Answer:
    try:
        raw = await connection.requests.ask(subject, body)
    except Unavailable as error:
        raise Unavailable(f"{request}: {error}") from error
    return _checked(request, raw)


def _checked(request: str, raw: bytes) -> _Answer:
    """An answer; chunks are answered by nothing, if they are taken."""
    answer = _decode(raw) if raw else _Answer()
    if answer.error is not None:
        raise ApiError(request, answer.error)
    return answer
