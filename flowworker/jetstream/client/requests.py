"""Requests and their answers: one wildcard subscription, a future per request, one sweeper.

Timeouts cost nothing per request: those in flight stand in two generations. Every `REPLY_TIMEOUT`
seconds the older one is given up and the younger becomes the older, so that an answer is waited
for between one and two `REPLY_TIMEOUT`s.
"""

from __future__ import annotations

__all__ = ["NoAnswer", "Requests", "check_loop"]

import asyncio
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from flowworker.jetstream.client.wire import WireClient

REPLY_TIMEOUT = 2.0

NO_RESPONDERS = b"NATS/1.0 503"


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
        self._young: dict[int, asyncio.Future[bytes]] = {}
        self._old: dict[int, asyncio.Future[bytes]] = {}
        self._loop = asyncio.get_running_loop()
        client.listen(f"{inbox}.*", self._on_reply)
        self._sweeper = self._loop.create_task(self._sweep(), name="nats-requests")

    def ask(self, subject: str, data: bytes, headers: bytes = b"") -> asyncio.Future[bytes]:
        """Send a request; its answer, or NoAnswer."""
        check_loop(self._loop)
        if not self._client.is_connected:
            raise NoAnswer("not connected to NATS", refused=True)
        token = self._next = self._next + 1
        self._client.send(subject, f"{self._inbox}{token}", headers, data)
        future = self._young[token] = self._loop.create_future()
        return future

    def _on_reply(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes | None) -> None:
        token = int(subject[self._cut :])
        future = self._young.pop(token, None) or self._old.pop(token, None)
        if future is None or future.done():
            return
        if headers is not None and headers.startswith(NO_RESPONDERS):
            future.set_exception(NoAnswer("no JetStream server answers", refused=True))
        else:
            future.set_result(data)

    async def idle(self) -> None:
        """Wait until no request is in flight."""
        while self._young or self._old:  # noqa: ASYNC110 - an event would cost every request
            await asyncio.sleep(0.01)

    def give_up(self, reason: str) -> None:
        """Let all requests in flight fail."""
        for futures in (self._old, self._young):
            _fail(futures, reason)
            futures.clear()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(REPLY_TIMEOUT)
            _fail(self._old, f"NATS did not answer within {REPLY_TIMEOUT:g} s")
            self._old, self._young = self._young, {}

    def close(self) -> None:
        """End the sweeper and let the rest fail."""
        self._sweeper.cancel()
        self.give_up("the connection to NATS was closed")


def _fail(futures: dict[int, asyncio.Future[bytes]], reason: str) -> None:
    for future in futures.values():
        if not future.done():
            future.set_exception(NoAnswer(reason))
            future.exception()  # retrieved, since no caller may be left to do so
