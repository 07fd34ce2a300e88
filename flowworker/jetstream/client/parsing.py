"""Messages out of what a server sends: those of our subscriptions without nats-py's queues.

`wire` describes why. What is no whole message for us is left to nats-py, in the order in which it
has come: its own parser reads what stands before that as well, if it was cut within a message.
"""

from __future__ import annotations

__all__ = ["MessageParser", "OnRaw"]

from collections.abc import Callable
from typing import TYPE_CHECKING

from nats.protocol.parser import AWAITING_MSG_PAYLOAD, CRLF_SIZE, Parser

from flowworker.telemetry.log import get_logger

if TYPE_CHECKING:
    import asyncio

OnRaw = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes subject, reply, data and header block, as they came; may not block."""

_MESSAGES = (b"MSG ", b"HMSG ")
_LINE_END = b"\r\n"
_WITHOUT_REPLY = 4
"""Words of a line `MSG <subject> <sid> [reply] <size>`. `HMSG` has the size of its headers too."""


class MessageParser(Parser):
    """Calls what listens to a message as soon as that has come whole.

    Attributes:
        handlers: what listens, by the number of its subscription.
    """

    def __init__(self, client: object) -> None:
        """Nothing listens; what is left goes to `client`, as nats-py has it."""
        super().__init__(client)
        self.handlers: dict[int, OnRaw] = {}
        self._parsing = False

    def take_from(self, reader: asyncio.StreamReader) -> None:
        """Hand over what comes to it at once: the task that reads has the rest, if there is any.

        Nothing overtakes what has come before and is not handed over yet.
        """
        feed = reader.feed_data

        def take(data: bytes) -> None:
            if self._parsing or self.buf or self.state == AWAITING_MSG_PAYLOAD or reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001
                feed(data)
            elif rest := data[self._handed_over(data) :]:
                feed(rest)

        reader.feed_data = take  # type: ignore[method-assign, assignment]

    async def parse(self, data: bytes = b"") -> None:
        """Go on with what has come."""
        self._parsing = True
        try:
            if self.state == AWAITING_MSG_PAYLOAD:
                cut = self.needed + CRLF_SIZE - len(self.buf)
                await super().parse(data[:cut])  # to the end of that message, if it has come
                data = data[cut:]
            elif self.buf:  # the beginning of a line
                data = bytes(self.buf) + data
                self.buf.clear()
            if rest := data[self._handed_over(data) :]:
                await super().parse(rest)
        finally:
            self._parsing = False

    def hand_over(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> bool:
        """Call what listens to a message; whether anything does."""
        handler = self.handlers.get(sid)
        if handler is None:
            return False
        try:
            handler(subject, reply, data, headers)
        except Exception:  # noqa: BLE001 - or the client's only reading task would end
            get_logger().exception("a message could not be handled", subject=subject)
        return True

    def _handed_over(self, data: bytes) -> int:
        """How many bytes were whole messages for us, before anything else."""
        at, size = 0, len(data)
        while data.startswith(_MESSAGES, at):
            line = data.find(_LINE_END, at)
            words = data[at:line].split()
            begin = body = line + CRLF_SIZE
            more = len(words) - _WITHOUT_REPLY
            try:
                sid, end = int(words[2]), begin + int(words[-1])
                if words[0] == b"HMSG":
                    body, more = begin + int(words[-2]), more - 1
                reply = words[3] if more else b""
            except (ValueError, IndexError):
                break  # whatever it is, nats-py says so
            if line < 0 or end + CRLF_SIZE > size:
                break  # it has not come whole
            headers = data[begin:body] if body > begin else None
            if not self.hand_over(sid, words[1], reply, data[body:end], headers):
                break
            at = end + CRLF_SIZE
        return at
