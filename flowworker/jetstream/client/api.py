"""JetStream's JSON API, as raw requests: nats-py's types lack fields that we need.

All that we ask is idempotent, so that a request without an answer is simply repeated.
"""

from __future__ import annotations

__all__ = ["Api", "ApiError", "StoredMessage", "config_of", "is_passing"]

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from flowworker.errors import PermissionDenied, ServerUnavailable, Unavailable
from flowworker.jetstream.client import headers
from flowworker.jetstream.client.publisher import Failure
from flowworker.jetstream.client.requests import NoAnswer
from flowworker.jetstream.client.retrying import ask_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowworker.jetstream.client.connection import Connection

IN_FLIGHT = 256
"""Requests of a connection at a time: what a server cannot queue it drops without a word."""

NO_MESSAGE = 10037
NO_STREAM = 10059
RESTORE_FAILED = 10062
NO_CONSUMER = 10014
_ABSENT = {NO_STREAM, NO_CONSUMER}
NO_LEADER = 10008
UNAVAILABLE = 503
NOT_FOUND = 404


class ApiError(Unavailable):
    """JetStream refused a request.

    Attributes:
        failure: in its own words.
    """

    def __init__(self, request: str, failure: Failure) -> None:
        """Say which request it was."""
        self.failure = failure
        super().__init__(f"{request}: {failure}")


def is_passing(error: Unavailable) -> bool:
    """Whether it may go by itself: no answer, or none while a cluster elects."""
    if isinstance(error, PermissionDenied):
        return False
    return not isinstance(error, ApiError) or error.failure.code == UNAVAILABLE


def config_of(info: dict[str, Any] | None) -> dict[str, Any] | None:
    """The configuration that is part of what a server says of a stream or consumer, if there is."""
    return None if info is None else info["config"]


class StoredMessage(Struct, frozen=True):
    """A message as a stream has it. `hdrs` and `data` are Base64 on the wire, `time` is as sent."""

    subject: str
    seq: int
    hdrs: bytes = b""
    data: bytes = b""
    time: str = ""


class _Answer(Struct, frozen=True):
    error: Failure | None = None


class _Got(_Answer, frozen=True):
    message: StoredMessage | None = None


_A = TypeVar("_A", bound=_Answer)

_decode_got = msgspec.json.Decoder(_Got).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_encode = msgspec.json.Encoder().encode


class Api:
    """Requests to `$JS.API`."""

    def __init__(self, connection: Connection, *, direct: bool = False) -> None:
        """Over that connection; with `direct` the last message of a subject comes from any replica.

        That is asked for by the subject, so that permissions can tell who may read what.
        """
        self.connection = connection
        self._direct = direct
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def raw(self, request: str, body: bytes = b"") -> bytes:
        """The bytes of an answer.

        Raises:
            Unavailable: none came.
        """
        ask = partial(self._ask, f"$JS.API.{request}", body)
        try:
            return await ask()
        except NoAnswer as error:
            return (await ask_again(self.connection, error, ask, request)).data

    async def _ask(self, subject: str, body: bytes) -> bytes:
        async with self._room:
            return await self.connection.requests.ask(subject, body)

    async def _decoded(
        self, request: str, body: bytes, decode: Callable[[bytes], _A]
    ) -> tuple[bytes, _A]:
        """An answer, as bytes too; a cluster that elects is asked again like one that is silent."""

        async def ask() -> tuple[bytes, _A]:
            raw = await self._ask(f"$JS.API.{request}", body)
            decoded = decode(raw)
            if decoded.error is not None and decoded.error.err_code == NO_LEADER:
                raise NoAnswer(str(decoded.error), refused=True)
            return raw, decoded

        try:
            return await ask()
        except NoAnswer as error:
            return (await ask_again(self.connection, error, ask, request)).data

    async def call(self, request: str, body: Any = None) -> dict[str, Any]:
        """The answer as a map.

        Raises:
            ApiError: it is an error.
            Unavailable: none came.
        """
        raw, decoded = await self._decoded(
            request, b"" if body is None else _encode(body), _decode_answer
        )
        if decoded.error is not None:
            raise ApiError(request, decoded.error)
        answer: dict[str, Any] = msgspec.json.decode(raw)
        return answer

    async def stream(self, name: str) -> dict[str, Any] | None:
        """Configuration and state of a stream; None if there is none."""
        return await self._existing(f"STREAM.INFO.{name}")

    async def consumer(self, stream: str, name: str) -> dict[str, Any] | None:
        """Configuration and state of a consumer; None if there is none, or no stream."""
        return await self._existing(f"CONSUMER.INFO.{stream}.{name}")

    async def pause_consumer(self, stream: str, name: str, until: str = "") -> bool:
        """Let a consumer hand nothing out until then (RFC 3339), or again. False: there is none."""
        body = {"pause_until": until} if until else {}
        return await self._existing(f"CONSUMER.PAUSE.{stream}.{name}", body) is not None

    async def _existing(self, request: str, body: Any = None) -> dict[str, Any] | None:
        try:
            return await self.call(request, body)
        except ApiError as error:
            if error.failure.err_code in _ABSENT:
                return None
            raise

    async def remove(self, stream: str) -> None:
        """Remove a stream; that it is gone already is as good."""
        await self._existing(f"STREAM.DELETE.{stream}")

    async def message(self, stream: str, query: dict[str, Any]) -> StoredMessage | None:
        """A stored message as its stream's leader has it, or None."""
        request = f"STREAM.MSG.GET.{stream}"
        _, got = await self._decoded(request, _encode(query), _decode_got)
        if got.error is None:
            return got.message
        if got.error.err_code == NO_MESSAGE:
            return None
        raise ApiError(request, got.error)

    async def last(self, stream: str, subject: str) -> StoredMessage | None:
        """The last message of a subject, or None. The stream has to allow direct gets."""
        if not self._direct:
            return await self.message(stream, {"last_by_subj": subject})
        request = f"DIRECT.GET.{stream}.{subject}"
        raw = await self.raw(request)
        block, end, data = raw.partition(b"\r\n\r\n")
        status = headers.status_of(block + end)
        if status is None:
            found = headers.decode(block)
            sequence, time = int(found["Nats-Sequence"]), found["Nats-Time-Stamp"]
            return StoredMessage(subject, sequence, block, data, time)
        if status[0] == NOT_FOUND:
            return None
        raise ApiError(request, Failure(code=status[0], description=status[1]))

    async def purge(self, stream: str, subject: str, before: int = 0) -> None:
        """Remove a subject's messages; with `before`, only those with a smaller sequence."""
        query: dict[str, Any] = {"filter": subject}
        if before:
            query["seq"] = before
        await self.call(f"STREAM.PURGE.{stream}", query)

    async def check(self) -> None:
        """Refuse a server or an account without JetStream.

        Raises:
            ServerUnavailable: says what was found.
            ApiError: a cluster has no leader at the moment.
        """
        needed = "flowworker needs NATS JetStream; start nats-server with -js"
        found = f"found none at {self.connection.url}"
        try:
            if self.connection.announces_jetstream:
                raw = await self.raw("INFO")  # a cluster may still be electing
            else:
                raw = await self.connection.requests.ask("$JS.API.INFO", b"")
        except PermissionDenied:
            raise
        except Unavailable as error:
            if self.connection.announces_jetstream:
                raise ServerUnavailable(
                    f"JetStream at {self.connection.url} does not answer: {error}; has this user "
                    "the right to publish to $JS.API.> and to its inbox?"
                ) from error
            raise ServerUnavailable(f"{needed}, {found}: {error}") from error
        failure = _decode_answer(raw).error
        if failure is not None and failure.err_code == NO_LEADER:
            raise ApiError("INFO", failure)
        if failure is not None:
            raise ServerUnavailable(f"{needed}, {found}: {failure.description}")
