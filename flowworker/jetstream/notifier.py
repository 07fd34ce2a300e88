"""Core NATS: at most once, to the subscribers of that moment."""

from __future__ import annotations

__all__ = ["CoreNotifier"]

from contextlib import suppress
from typing import TYPE_CHECKING

from flowworker.core.ids import SUBJECT
from flowworker.errors import InvalidInput, Unavailable
from flowworker.jetstream.client.headers import encode
from flowworker.jetstream.tokens import checked_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowworker.jetstream.client.connection import Connection


class CoreNotifier:
    """Implements `ports.Notifier`."""

    def __init__(self, connection: Connection) -> None:
        """Over that connection."""
        self._connection = connection
        self._client = connection.client

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish to the subscribers of this moment."""
        if SUBJECT.fullmatch(subject) is None:
            raise InvalidInput(f"not a subject that one can publish to: {subject[:150]!r}")
        self._client.send(subject, "", encode(headers) if headers else b"", data)

    async def subscribe(
        self,
        subject: str,
        on_message: Callable[[str, bytes], None],
        on_lost: Callable[[], None] | None = None,
    ) -> Callable[[], object]:
        """Call with subject and data for each message; the result ends it when called.

        `on_lost` is called when the connection is lost, and what is published meanwhile with it.
        """
        self._connection.check_loop()

        def hand_over(found: bytes, _reply: bytes, data: bytes, _headers: bytes | None) -> None:
            on_message(found.decode("utf-8", "replace"), data)

        sid = self._client.listen(checked_subject(subject), hand_over)
        try:
            with self._connection.checked(subject):
                await self._connection.flush()
        except BaseException:  # also if cancelled: the caller has no way to end it
            with suppress(Unavailable):
                self._client.unlisten(sid)
            raise
        lost = self._connection.on_disconnected
        if on_lost is not None:
            lost.append(on_lost)

        def end() -> None:
            self._client.unlisten(sid)
            if on_lost in lost:
                lost.remove(on_lost)

        return end
