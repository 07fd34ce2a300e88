"""Requests and their answers: one wildcard subscription, a future per request, one sweeper.

Timeouts cost nothing per request: those in flight stand in two generations. Every `REPLY_TIMEOUT`
seconds the older one is given up and the younger becomes the older, so that an answer is waited
for between one and two `REPLY_TIMEOUT`s.
"""

from __future__ import annotations

__all__ = ["NoAnswer", "Requests", "check_loop"]

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowworker.errors import InvalidInput, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowworker.jetstream.client.wire import WireClient

REPLY_TIMEOUT = 2.0

NO_RESPONDERS = b"NATS/1.0 503"

DIRECT_GET = "$JS.API.DIRECT.GET."
"""Requests whose answers say in their headers what they are; they get these before the data."""


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to go on elsewhere than on the event loop to which a connection belongs.

    Raises:
        InvalidInput: another one is running.
    """
    if asyncio.get_running_loop() is not loop:
        raise InvalidInput(
            "a connection belongs to the event loop on which it was opened, and this is another "
            "one: connect on each event loop, or use flowworker.BlockingClient, which serves all "
            "threads of a process"
        )


_Asked = tuple[str, asyncio.Future[Any]]
"""The subject of a request, and its answer to come."""


class NoAnswer(Unavailable):
    """No answer came in time: whether the request had an effect is not known.

    Attributes:
        refused: no server was there to answer, so that it certainly had none.
    """

    def __init__(self, text: str, *, refused: bool = False) -> None:
        """Keep whether an effect can be ruled out."""
        self.refused = refused
        super().__init__(text)


class Requests:
    """Sends requests, and gives each its answer."""

    def __init__(self, client: WireClient, inbox: str) -> None:
        """Listen on `inbox`, a subject prefix that no other client uses."""
        self._client = client
        self._inbox = f"{inbox}."
        self._cut = len(self._inbox)
        self._next = 0
        self._young: dict[int, _Asked] = {}
        self._old: dict[int, _Asked] = {}
        self._deaf: PermissionDenied | None = None
        self._loop = asyncio.get_running_loop()
        self._listens_to = f"{inbox}.*"
        client.listen(self._listens_to, self._on_reply)
        self._sweeper = self._loop.create_task(self._sweep(), name="nats-requests")

    def ask(self, subject: str, data: bytes, headers: bytes = b"") -> asyncio.Future[bytes]:
        """Send a request; its answer, or NoAnswer, or PermissionDenied."""
        token, future = self._new(subject)
        self._client.send(subject, f"{self._inbox}{token}", headers, data)
        return future

    @contextmanager
    def awaited(self, subject: str) -> Iterator[asyncio.Future[Any]]:
        """For a request that is answered elsewhere, as by several messages.

        Who sends it sets the result. Otherwise it fails as what was asked of that subject does.
        """
        token, future = self._new(subject)
        try:
            yield future
        finally:
            self._young.pop(token, None)
            self._old.pop(token, None)

    def _new(self, subject: str) -> tuple[int, asyncio.Future[Any]]:
        if asyncio.get_running_loop() is not self._loop:
            check_loop(self._loop)  # which says what is wrong
        if self._deaf is not None:
            raise self._deaf
        if not self._client.is_connected:
            raise NoAnswer("not connected to NATS", refused=True)
        token = self._next = self._next + 1
        future: asyncio.Future[Any] = self._loop.create_future()
        self._young[token] = subject, future
        return token, future

    def _on_reply(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes | None) -> None:
        token = int(subject[self._cut :])
        asked = self._young.pop(token, None) or self._old.pop(token, None)
        if asked is None or asked[1].done():
            return
        wanted, future = asked
        if headers is None:
            future.set_result(data)
        elif headers.startswith(NO_RESPONDERS):
            future.set_exception(NoAnswer("no JetStream server answers", refused=True))
        else:
            future.set_result(headers + data if wanted.startswith(DIRECT_GET) else data)

    def refuse(self, subject: str, error: PermissionDenied) -> bool:
        """Let what was asked of that subject fail; whether anything was."""
        awaited = False
        for futures in (self._old, self._young):
            refused = {token: one for token, one in futures.items() if one[0] == subject}
            _fail(refused, error)
            awaited = awaited or bool(refused)
            for token in refused:
                del futures[token]
        return awaited

    def refuse_answers(self, subject: str, error: PermissionDenied) -> bool:
        """If the answers come on that subject: let all fail that is asked or will be."""
        if subject != self._listens_to:
            return False
        self._deaf = error
        self._fail_all(error)
        return True

    def renew(self) -> None:
        """Connected anew, perhaps with other rights."""
        self._deaf = None

    async def idle(self) -> None:
        """Wait until no request is in flight."""
        while self._young or self._old:  # noqa: ASYNC110 - an event would cost every request
            await asyncio.sleep(0.01)

    def give_up(self, reason: str) -> None:
        """Let all requests in flight fail."""
        self._fail_all(NoAnswer(reason))

    def _fail_all(self, error: Unavailable) -> None:
        for futures in (self._old, self._young):
            _fail(futures, error)
            futures.clear()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(REPLY_TIMEOUT)
            _fail(self._old, NoAnswer(f"NATS did not answer within {REPLY_TIMEOUT:g} s"))
            self._old, self._young = self._young, {}

    def close(self) -> None:
        """End the sweeper and let the rest fail."""
        self._sweeper.cancel()
        self.give_up("the connection to NATS was closed")


def _fail(futures: dict[int, _Asked], error: Unavailable) -> None:
    for _, future in futures.values():
        if not future.done():
            future.set_exception(error)
            future.exception()  # retrieved, since no caller may be left to do so
