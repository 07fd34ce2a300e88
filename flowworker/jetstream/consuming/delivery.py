"""A message that JetStream delivered. What costs time is computed when it is first read."""

from __future__ import annotations

__all__ = ["JetStreamDelivery", "Naming"]

import contextlib
from typing import TYPE_CHECKING

from flowworker.errors import InvalidInput, Unavailable
from flowworker.jetstream.client import headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowworker.jetstream.client.wire import WireClient

NANO = 1_000_000_000

SHORT_REPLY = 9
"""Tokens of `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<order>.<time>.<pending>`; the
long form has a domain and an account's hash before the stream, perhaps a token at the end."""
LONG_REPLY = 11


class Naming:
    """How the engine sees subjects: without the namespace."""

    __slots__ = ("cut", "head")

    def __init__(self, prefix: str, head: str = "") -> None:
        """Replace `prefix` by `head`."""
        self.cut = len(prefix)
        self.head = head


class JetStreamDelivery:
    """Implements `ports.Delivery`."""

    __slots__ = ("_client", "_fields", "_headers", "_naming", "_raw", "_subject", "data", "reply")

    def __init__(
        self,
        client: WireClient,
        naming: Naming,
        subject: bytes,
        reply: bytes,
        data: bytes,
        raw_headers: bytes | None,
    ) -> None:
        """Of a message as it came."""
        self._client = client
        self._naming = naming
        self._subject = subject
        self._raw = raw_headers
        self._fields: tuple[int, int, int, int, int] | None = None
        self._headers: dict[str, str] | None = None
        self.reply = reply.decode()
        self.data = data

    @property
    def subject(self) -> str:
        """What the message is about, without the namespace."""
        # What is not UTF-8 is not a valid name, which the checks of names will find
        return self._naming.head + self._subject[self._naming.cut :].decode("utf-8", "replace")

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, possibly none."""
        if self._headers is None:
            self._headers = headers.decode(self._raw)
        return self._headers

    @property
    def delivered(self) -> int:
        """How often it was delivered, this time included."""
        return (self._fields or self._parsed())[0]

    @property
    def sequence(self) -> int:
        """Position in the stream."""
        return (self._fields or self._parsed())[1]

    @property
    def order(self) -> int:
        """The consumer's own sequence."""
        return (self._fields or self._parsed())[2]

    @property
    def time(self) -> float:
        """When the stream stored it, epoch seconds."""
        return (self._fields or self._parsed())[3] / NANO

    @property
    def behind(self) -> int:
        """Messages of the consumer that were not delivered yet."""
        return (self._fields or self._parsed())[4]

    def _parsed(self) -> tuple[int, int, int, int, int]:
        tokens = self.reply.split(".")
        if len(tokens) != SHORT_REPLY and len(tokens) < LONG_REPLY:
            raise InvalidInput(f"not a JetStream delivery: reply subject {self.reply!r}")
        first = 4 if len(tokens) == SHORT_REPLY else 6
        delivered, sequence, order, time, pending = map(int, tokens[first : first + 5])
        self._fields = fields = delivered, sequence, order, time, pending
        return fields

    async def ack(self) -> None:
        """Done: never deliver it again. Best effort."""
        try:  # noqa: SIM105 - of every message
            self._client.send(self.reply, "", b"", b"+ACK")
        except Unavailable:
            pass

    async def nak(self, delay: float = 0.0) -> None:
        """Deliver it again after `delay` seconds, to any consumer. Best effort."""
        body = b'-NAK {"delay": %d}' % int(delay * NANO) if delay > 0 else b"-NAK"
        with contextlib.suppress(Unavailable):
            self._client.send(self.reply, "", b"", body)

    async def in_progress(self) -> None:
        """Restart the ack wait."""
        self._client.send(self.reply, "", b"", b"+WPI")
