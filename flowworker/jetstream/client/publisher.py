"""Publishing with acknowledgement: every write of the engine goes through here.

Why repeating is safe: a message is sent again only if it carries a `Nats-Msg-Id` (the stream keeps
it once), or a compare-and-set (the second fails), or if the first certainly had no effect (no
server was there to take it), or if its caller says that twice is like once. A compare-and-set whose
acknowledgement was lost fails when it is repeated, with itself: that conflict is raised as
UncertainConflict, and the caller looks whether its own bytes are there.
"""

from __future__ import annotations

__all__ = ["PubAck", "Publisher", "UncertainConflict"]

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from flowworker.codec.json import UNREADABLE
from flowworker.errors import Conflict, PayloadTooLarge, Unavailable
from flowworker.jetstream.client.requests import NoAnswer
from flowworker.jetstream.client.retrying import ask_again
from flowworker.ports import Incident

if TYPE_CHECKING:
    from flowworker.jetstream.client.connection import Connection

WRONG_SEQUENCE = {10071, 10164}
FULL = {10023, 10028, 10047, 10077}
TOO_LARGE = {10054}


class Failure(Struct, frozen=True):
    """What JetStream says about a request that it refuses."""

    code: int = 0
    err_code: int = 0
    description: str = ""

    def __str__(self) -> str:
        return f"{self.description} (JetStream error {self.err_code or self.code})"


class PubAck(Struct, frozen=True):
    """What JetStream says about a message: where it is stored, or why it is not."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: Failure | None = None


class UncertainConflict(Conflict):
    """A repeated compare-and-set lost, perhaps to its own first attempt."""


_decode = msgspec.json.Decoder(PubAck).decode


class Publisher:
    """Publishes to JetStream."""

    def __init__(self, connection: Connection) -> None:
        """Over that connection."""
        self._connection = connection
        self._ask = connection.requests.ask

    async def publish(
        self,
        subject: str,
        data: bytes,
        headers: bytes = b"",
        *,
        repeatable: bool = True,
        same_server: bool = False,
    ) -> PubAck:
        """Durable when it returns.

        Args:
            subject: where a stream listens.
            data: the body.
            headers: a whole block.
            repeatable: storing it twice is like storing it once.
            same_server: it must not be stored after a start of the server that comes meanwhile, so
                it is sent once.

        Raises:
            Conflict: a compare-and-set lost; UncertainConflict after a repetition.
            PayloadTooLarge: server or stream refuse the size.
            Unavailable: no acknowledgement; it may be stored nevertheless.
        """
        try:
            try:
                raw, repeated = await self._ask(subject, data, headers), False
            except NoAnswer as error:
                if same_server:
                    raise Unavailable(f"{subject}: {error}") from error
                ask = partial(self._ask, subject, data, headers)
                raw, repeated = await ask_again(
                    self._connection, error, ask, subject, repeatable=repeatable
                )
            try:
                ack = _decode(raw)
            except UNREADABLE as error:
                raise Unavailable(f"not an acknowledgement of JetStream: {raw[:80]!r}") from error
            if ack.error is None:
                return ack
            raise _refused(subject, ack.error, repeated=repeated)
        except Unavailable:
            self._connection.report(Incident.PUBLISH_FAILED)
            raise


def _refused(subject: str, failure: Failure, *, repeated: bool) -> Exception:
    text = f"{subject}: {failure}"
    if failure.err_code in WRONG_SEQUENCE:
        return UncertainConflict(text) if repeated else Conflict(text)
    if failure.err_code in TOO_LARGE:
        return PayloadTooLarge(f"{text}; raise the stream's max_msg_size or send less")
    if failure.err_code in FULL:
        return Unavailable(f"{text}; the stream or the server is full, give it more room")
    return Unavailable(text)
